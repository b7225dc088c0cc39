/* Endpoints: see endpoint.h. host and service belong to the endpoint; nothing is looked up here. */
#include "lib/model/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/ip_text.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"

#define EXPECTED "host:port, 192.0.2.1:51820 or [2001:db8::1]:51820"

/* Whether an interface may be named after the address's "%". The resolver knows the exceptions. */
static bool has_named_scope(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LINKLOCAL(addr) || IN6_IS_ADDR_MC_LINKLOCAL(addr);
}

/* Fills in out->addr if host and service are plain numbers. */
static bool parse_numeric(struct endpoint *out, const char *host, const char *service)
{
	char address[INET6_ADDRSTRLEN];
	const char *scope = strchr(host, '%');
	size_t len = scope ? (size_t)(scope - host) : strlen(host);
	uint64_t port;

	if (num_parse(&port, service, 65535) || len >= sizeof(address))
		return false;
	memcpy(address, host, len);
	address[len] = '\0';
	if (!scope && inet_pton(AF_INET, address, &out->addr.v4.sin_addr) == 1) {
		out->addr.v4.sin_family = AF_INET;
		out->addr.v4.sin_port = htons((uint16_t)port);
		return true;
	}
	if (inet_pton(AF_INET6, address, &out->addr.v6.sin6_addr) != 1)
		return false;
	if (scope) {
		if (!has_named_scope(&out->addr.v6.sin6_addr))
			return false;
		out->addr.v6.sin6_scope_id = if_nametoindex(scope + 1);
		if (!out->addr.v6.sin6_scope_id)
			return false;
	}
	out->addr.v6.sin6_family = AF_INET6;
	out->addr.v6.sin6_port = htons((uint16_t)port);
	return true;
}

const char *sockaddr_ip_parse_start(union sockaddr_ip *out, const char *text)
{
	union sockaddr_ip addr = { 0 };
	const char *end;
	uint64_t port = 0;
	size_t n = 0;

	if (*text == '[') {
		addr.v6.sin6_family = AF_INET6;
		end = ip_text_parse6(addr.v6.sin6_addr.s6_addr, text + 1);
		if (!end || *end++ != ']')
			return NULL;
	} else {
		addr.v4.sin_family = AF_INET;
		end = ip_text_parse4((uint8_t *)&addr.v4.sin_addr, text);
		if (!end)
			return NULL;
	}
	if (*end++ != ':')
		return NULL;
	for (; *end >= '0' && *end <= '9' && n < 6; n++)
		port = port * 10 + (uint64_t)(*end++ - '0');
	if (!n || port > 65535)
		return NULL;
	if (addr.sa.sa_family == AF_INET)
		addr.v4.sin_port = htons((uint16_t)port);
	else
		addr.v6.sin6_port = htons((uint16_t)port);
	*out = addr;
	return end;
}

int endpoint_parse(struct endpoint *out, const char *text, struct err *err)
{
	struct endpoint endpoint = { 0 };
	const char *host = text, *host_end, *colon;
	const char *end = sockaddr_ip_parse_start(&endpoint.addr, text);
	char *host_text, *service;

	if (end && !*end) {
		endpoint_fini(out);
		*out = endpoint;
		return 0;
	}
	endpoint = (struct endpoint){ 0 };
	if (!*text)
		return err_expected(err, -EINVAL, EXPECTED, "Unable to parse empty endpoint");
	if (*text == '[') {
		host++;
		host_end = strchr(host, ']');
		if (!host_end)
			return err_expected(err, -EINVAL, EXPECTED,
					    "Unable to find matching brace of endpoint: `%.200s'",
					    text);
		colon = host_end[1] == ':' ? host_end + 1 : NULL;
	} else {
		colon = host_end = strrchr(text, ':');
	}
	if (!colon || !colon[1])
		return err_expected(err, -EINVAL, EXPECTED,
				    "Unable to find port of endpoint: `%.200s'", text);
	host_text = mem_strndup(host, (size_t)(host_end - host));
	service = mem_strdup(colon + 1);
	if (parse_numeric(&endpoint, host_text, service)) {
		free(host_text);
		free(service);
	} else {
		memset(&endpoint.addr, 0, sizeof(endpoint.addr));
		endpoint.host = host_text;
		endpoint.service = service;
	}
	endpoint_fini(out);
	*out = endpoint;
	return 0;
}

/* The scope as text, after its "%"; returns the end of what was written. */
static char *add_scope(char *out, const struct sockaddr_in6 *addr)
{
	if (!addr->sin6_scope_id)
		return out;
	*out++ = '%';
	if (has_named_scope(&addr->sin6_addr) && if_indextoname(addr->sin6_scope_id, out))
		return out + strlen(out);
	return num_format(out, addr->sin6_scope_id);
}

char *sockaddr_ip_format(char out[static ENDPOINT_TEXT_MAX], const union sockaddr_ip *addr)
{
	in_port_t port;

	switch (addr->sa.sa_family) {
	case AF_INET:
		out = ip_text_format4(out, (const uint8_t *)&addr->v4.sin_addr);
		port = addr->v4.sin_port;
		break;
	case AF_INET6:
		*out++ = '[';
		out = ip_text_format6(out, addr->v6.sin6_addr.s6_addr);
		out = add_scope(out, &addr->v6);
		*out++ = ']';
		port = addr->v6.sin6_port;
		break;
	default:
		return stpcpy(out, "(none)");
	}
	*out++ = ':';
	out = num_format(out, ntohs(port));
	*out = '\0';
	return out;
}

void sockaddr_ip_add(struct strbuf *out, const union sockaddr_ip *addr)
{
	char *end = sockaddr_ip_format(strbuf_reserve(out, ENDPOINT_TEXT_MAX), addr);

	out->len = (size_t)(end - out->text);
}

socklen_t sockaddr_ip_len(const union sockaddr_ip *addr)
{
	switch (addr->sa.sa_family) {
	case AF_INET:
		return sizeof(addr->v4);
	case AF_INET6:
		return sizeof(addr->v6);
	default:
		return 0;
	}
}

bool sockaddr_ip_equal(const union sockaddr_ip *a, const union sockaddr_ip *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	case AF_INET6:
		return a->v6.sin6_port == b->v6.sin6_port &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
	default:
		return true;
	}
}

void endpoint_copy(struct endpoint *out, const struct endpoint *in)
{
	struct endpoint copy = {
		.addr = in->addr,
		.host = mem_strdup(in->host),
		.service = mem_strdup(in->service),
	};

	endpoint_fini(out);
	*out = copy;
}

void endpoint_fini(struct endpoint *endpoint)
{
	free(endpoint->host);
	free(endpoint->service);
	*endpoint = (struct endpoint){ 0 };
}
