/*
 * SRV records: see srv.h. The C library asks and unpacks names; the message's structure is walked
 * here, since every length in it is a stranger's. Owns nothing. May be called from any thread.
 */
#include "lib/ipc/srv.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/util/cleanup.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

#define SERVICE "_wireguard._udp."

enum {
	HEADER_LEN = 12,       /* RFC 1035 section 4.1.1 */
	QUESTION_TAIL_LEN = 4, /* type and class */
	RECORD_TAIL_LEN = 10,  /* type, class, TTL, length of the data */
	SRV_DATA_LEN = 6,      /* priority, weight, port; the target follows */
	FLAG_RESPONSE = 0x8000,
	RCODE_MASK = 0xf,
};

int srv_question(char out[static SRV_QUESTION_MAX], const char *domain, struct err *err)
{
	size_t len = strlen(domain);

	if (!len || len + sizeof(SERVICE) > SRV_QUESTION_MAX)
		return err_expected(err, -EINVAL, "a domain, as in example.com",
				    "no domain to look for servers in: `%.200s'", domain);
	memcpy(out, SERVICE, sizeof(SERVICE) - 1);
	memcpy(out + sizeof(SERVICE) - 1, domain, len + 1);
	return 0;
}

/* The name goes to the resolver and into messages. */
static bool is_host_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";

	return name[0] && name[0] != '.' && !name[strspn(name, allowed)];
}

/* Behind the name at *at; false if the message ends before `more` further bytes. */
static bool skip_name(const uint8_t **at, const uint8_t *end, size_t more)
{
	int len = dn_skipname(*at, end);

	if (len < 0 || (size_t)(end - *at) < (size_t)len + more)
		return false;
	*at += len;
	return true;
}

/* Reads one SRV record's data, which is complete. Returns whether it names a host. */
static bool parse_target(struct srv_target *out, const uint8_t *message, const uint8_t *end,
			 const uint8_t *data)
{
	out->priority = load_be16(data);
	out->weight = load_be16(data + 2);
	out->port = load_be16(data + 4);
	return dn_expand(message, end, data + SRV_DATA_LEN, out->name, sizeof(out->name)) > 0 &&
	       is_host_name(out->name);
}

int srv_parse(struct srv_target out[static SRV_TARGETS_MAX], const uint8_t *message, size_t len)
{
	const uint8_t *at = message + HEADER_LEN, *end = message + len;
	unsigned int n_questions, n_answers, flags;
	int n = 0;

	if (len < HEADER_LEN)
		return -EBADMSG;
	flags = load_be16(message + 2);
	if (!(flags & FLAG_RESPONSE) || flags & RCODE_MASK)
		return -EBADMSG;
	n_questions = load_be16(message + 4);
	n_answers = load_be16(message + 6);
	for (; n_questions; n_questions--) {
		if (!skip_name(&at, end, QUESTION_TAIL_LEN))
			return -EBADMSG;
		at += QUESTION_TAIL_LEN;
	}
	for (; n_answers && n < SRV_TARGETS_MAX; n_answers--) {
		unsigned int type, class, data_len;

		if (!skip_name(&at, end, RECORD_TAIL_LEN))
			return -EBADMSG;
		type = load_be16(at);
		class = load_be16(at + 2);
		data_len = load_be16(at + 8);
		at += RECORD_TAIL_LEN;
		if ((size_t)(end - at) < data_len)
			return -EBADMSG;
		/* Others are there as well: the alias by which one came to these. */
		if (type == ns_t_srv && class == ns_c_in && data_len > SRV_DATA_LEN)
			n += parse_target(&out[n], message, at + data_len, at);
		at += data_len;
	}
	return n;
}

/* Those without weight come first, so that they can be drawn at all: RFC 2782, "Weight". */
static int compare(const void *a, const void *b)
{
	const struct srv_target *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return !!x->weight - !!y->weight;
}

/* Puts the one that is drawn in front of its equals in priority, of which there are n. */
static void draw_first(struct srv_target *targets, size_t n, uint32_t (*draw)(uint32_t most))
{
	uint32_t sum = 0, drawn;
	size_t i;

	for (i = 0; i < n; i++)
		sum += targets[i].weight;
	drawn = draw(sum);
	sum = 0;
	for (i = 0; i + 1 < n; i++) {
		sum += targets[i].weight;
		if (sum >= drawn)
			break;
	}

	struct srv_target first = targets[i];

	memmove(targets + 1, targets, i * sizeof(*targets));
	targets[0] = first;
}

void srv_sort(struct srv_target *targets, size_t n, uint32_t (*draw)(uint32_t most))
{
	size_t end;

	if (n)
		qsort(targets, n, sizeof(*targets), compare);
	for (size_t i = 0; i < n; i = end) {
		for (end = i; end < n && targets[end].priority == targets[i].priority;)
			end++;
		for (; i + 1 < end; i++)
			draw_first(targets + i, end - i, draw);
	}
}

/* Good enough for sharing out load; without randomness the first one goes first. */
static uint32_t draw_random(uint32_t most)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return (uint32_t)(random % ((uint64_t)most + 1));
}

/* What the resolver's failure means. */
static int fail(int reason, const char *question, struct err *err)
{
	switch (reason) {
	case NO_DATA:
		return err_set(err, -EHOSTUNREACH, "No SRV record: `%s'", question);
	case HOST_NOT_FOUND:
		return err_set(err, -EHOSTUNREACH, "%s: `%s'", gai_strerror(EAI_NONAME), question);
	case NO_RECOVERY:
		return err_set(err, -EHOSTUNREACH, "%s: `%s'", gai_strerror(EAI_FAIL), question);
	default: /* TRY_AGAIN, or a cause on this host that may pass */
		return err_set(err, -EAGAIN, "%s: `%s'", gai_strerror(EAI_AGAIN), question);
	}
}

int srv_look_up(struct srv_target out[static SRV_TARGETS_MAX], const char *domain, struct err *err)
{
	AUTO(auto_free) uint8_t *message = NULL;
	char question[SRV_QUESTION_MAX];
	struct __res_state state = { 0 };
	int len, n, r = srv_question(question, domain, err);

	if (r)
		return r;
	if (res_ninit(&state))
		return fail(NETDB_INTERNAL, question, err);
	message = mem_alloc(SRV_MESSAGE_MAX, 1);
	len = res_nquery(&state, question, ns_c_in, ns_t_srv, message, SRV_MESSAGE_MAX);
	r = state.res_h_errno;
	res_nclose(&state);
	if (len < 0)
		return fail(r, question, err);
	if (len > SRV_MESSAGE_MAX) /* it says how long the answer was, which has been cut */
		len = SRV_MESSAGE_MAX;
	n = srv_parse(out, message, (size_t)len);
	if (n < 0)
		return fail(NO_RECOVERY, question, err);
	if (!n)
		return fail(NO_DATA, question, err);
	srv_sort(out, (size_t)n, draw_random);
	return n;
}
