#ifndef LIB_MODEL_ENDPOINT_H
#define LIB_MODEL_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/** A socket address in as little room as IPv6 needs. */
union sockaddr_ip {
	struct sockaddr sa; /* sa_family AF_UNSPEC (0): none */
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/**
 * Where a peer is reached. One of three: nothing (all zero), an address, or a name still to be
 * resolved (host set, address AF_UNSPEC).
 */
struct endpoint {
	union sockaddr_ip addr;
	char *host;    /* name as written, without brackets; NULL once there is an address */
	char *service; /* port number or service name as written; NULL as host is */
};

enum {
	ENDPOINT_TEXT_MAX = INET6_ADDRSTRLEN + 16 + 10
};

/**
 * Splits "host:port", at the last colon, or "[address]:port". A numeric address with a numeric
 * port becomes an address at once; everything else keeps host and service for lib/ipc/resolve.
 * *out must be empty or is given back first; it is written only on success.
 * Returns 0, or -EINVAL with *err filled in.
 * Source: wg(8), Endpoint.
 */
int endpoint_parse(struct endpoint *out, const char *text, struct err *err);

/**
 * Reads an address and a port, as endpoint_parse() does, up to the first character that cannot go
 * on with them, which is returned: what may stand there is the caller's to say. Knows only the
 * usual forms "1.2.3.4:5" and "[2001:db8::1]:5": NULL means that endpoint_parse() has to decide.
 */
const char *sockaddr_ip_parse_start(union sockaddr_ip *out, const char *text);

/**
 * Writes "1.2.3.4:5" or "[fe80::1%eth0]:5", "(none)" without an address, and a NUL; returns where
 * that is.
 */
char *sockaddr_ip_format(char out[static ENDPOINT_TEXT_MAX], const union sockaddr_ip *addr);

/** Adds what sockaddr_ip_format() writes. */
void sockaddr_ip_add(struct strbuf *out, const union sockaddr_ip *addr);

static inline bool endpoint_is_empty(const struct endpoint *endpoint)
{
	return endpoint->addr.sa.sa_family == AF_UNSPEC && !endpoint->host;
}

socklen_t sockaddr_ip_len(const union sockaddr_ip *addr);
/** Same family, address and port, and the same scope. */
bool sockaddr_ip_equal(const union sockaddr_ip *a, const union sockaddr_ip *b);

void endpoint_copy(struct endpoint *out, const struct endpoint *in);
void endpoint_fini(struct endpoint *endpoint);

#endif
