/*
 * Many initiators that ask one responder for handshakes, as fast as it answers.
 *   handshakes peers COUNT                               prints the initiators as [Peer] sections
 *   handshakes run COUNT PUBLIC-KEY ADDRESS:PORT WINDOW  sends each one's initiation once
 * `run` prints "ANSWERED COOKIES LOST BAD SECONDS": how many were answered with a genuine response,
 * how many cookies were asked for (and given: such an initiation is sent again), how many
 * initiations stayed without answer for a second, how many answers were not genuine, and the time
 * from the first initiation to the last answer. At most WINDOW are unanswered at any time.
 *
 * The initiations are made before the clock starts, and the responses are checked after it has
 * stopped, so that the responder has a processor for itself. Each initiator has a static key and a
 * socket of its own, as peers have. Everything lives until the end of the process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "datapath/engine/cookie.h"
#include "datapath/engine/noise.h"
#include "lib/crypto/random.h"
#include "lib/model/endpoint.h"
#include "lib/util/clock.h"
#include "lib/util/endian.h"

struct initiator {
	struct noise_identity identity;
	struct noise_remote responder;
	struct handshake handshake;
	struct cookie_jar jar;
	struct wire_initiation initiation;
	struct wire_response response;
	bool is_waiting, is_answered;
	int fd;
};

static struct initiator *initiators;
static unsigned long answered, cookies, lost, bad;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "handshakes: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The same key for the same number in every run: a secret it is not. */
static void identity_of(struct noise_identity *identity, unsigned long number)
{
	struct wg_key key = { "an initiator that measures speed" };

	store_le32(key.bytes + 4, (uint32_t)number);
	noise_identity_set(identity, &key);
}

static void print_peers(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		char text[WG_KEY_BASE64_LEN + 1];
		struct noise_identity identity = { 0 };

		identity_of(&identity, i);
		wg_key_format(text, &identity.public_key);
		noise_identity_fini(&identity);
		printf("[Peer]\nPublicKey = %s\nAllowedIPs = 10.%lu.%lu.%lu/32\n", text,
		       128 + (i >> 16), i >> 8 & 255, i & 255);
	}
}

/* One datagram socket for each, connected to the responder and watched. */
static void open_socket(struct initiator *initiator, int epoll, const union sockaddr_ip *to)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = initiator };
	socklen_t len = to->sa.sa_family == AF_INET ? sizeof(to->v4) : sizeof(to->v6);

	initiator->fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (initiator->fd < 0 || connect(initiator->fd, &to->sa, len) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, initiator->fd, &event) < 0)
		die("socket");
}

static void prepare(struct initiator *initiator, unsigned long number,
		    const struct wg_key *responder)
{
	uint8_t timestamp[WIRE_TIMESTAMP_LEN];
	struct wg_key ephemeral;

	noise_timestamp(timestamp, clock_now().unix_ns);
	if (random_bytes(&ephemeral, sizeof(ephemeral)) < 0)
		die("random");
	identity_of(&initiator->identity, number);
	initiator->responder.public_key = *responder;
	cookie_jar_init(&initiator->jar, responder);
	if (!noise_write_initiation(&initiator->initiation, &initiator->handshake,
				    &initiator->identity, &initiator->responder, &ephemeral,
				    timestamp, (uint32_t)number))
		die("no handshake with that key");
}

static void send_initiation(struct initiator *initiator)
{
	cookie_sign(&initiator->jar, &initiator->initiation, sizeof(initiator->initiation),
		    clock_now().mono);
	/* What cannot be sent counts as lost, like what gets lost later. */
	if (send(initiator->fd, &initiator->initiation, sizeof(initiator->initiation), 0) < 0)
		errno = 0;
	initiator->is_waiting = true;
}

/* Returns whether that answer ends the wait. */
static bool receive(struct initiator *initiator)
{
	union {
		uint8_t bytes[2048];
		struct wire_response response;
		struct wire_cookie cookie;
	} message;
	ssize_t len = recv(initiator->fd, &message, sizeof(message), MSG_DONTWAIT);

	if (len < 4 || !initiator->is_waiting)
		return false;
	switch (load_le32(message.bytes)) {
	case WIRE_RESPONSE:
		if (len != sizeof(message.response))
			break;
		initiator->response = message.response;
		initiator->is_answered = true;
		initiator->is_waiting = false;
		return true;
	case WIRE_COOKIE:
		if (len != sizeof(message.cookie) ||
		    !cookie_read_reply(&initiator->jar, &message.cookie, clock_now().mono))
			break;
		cookies++;
		send_initiation(initiator);
		return false;
	}
	bad++;
	return false;
}

/* Returns the time that passed, in ns. */
static span_ns exchange(unsigned long count, unsigned long window, int epoll)
{
	mono_ns start = clock_now().mono, last = start;
	unsigned long sent = 0, waiting = 0;

	while (sent < count || waiting) {
		struct epoll_event events[64];
		int n;

		for (; sent < count && waiting < window; waiting++)
			send_initiation(&initiators[sent++]);
		n = epoll_wait(epoll, events, 64, 1000);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		if (!n) {
			lost += waiting;
			waiting = 0;
			for (unsigned long i = 0; i < sent; i++)
				initiators[i].is_waiting = false;
		}
		for (int i = 0; i < n; i++)
			waiting -= receive(events[i].data.ptr) ? 1 : 0;
		if (n > 0)
			last = clock_now().mono;
	}
	return last - start;
}

static void run(unsigned long count, const struct wg_key *responder, const union sockaddr_ip *to,
		unsigned long window)
{
	struct rlimit files = { count + 64, count + 64 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	span_ns time;

	initiators = calloc(count, sizeof(*initiators));
	if (!initiators || epoll < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("cannot have that many");
	for (unsigned long i = 0; i < count; i++) {
		open_socket(&initiators[i], epoll, to);
		prepare(&initiators[i], i, responder);
	}
	time = exchange(count, window, epoll);
	for (unsigned long i = 0; i < count; i++) {
		struct initiator *it = &initiators[i];

		if (!it->is_answered)
			continue;
		if (noise_read_response(&it->handshake, &it->response, &it->identity,
					&it->responder))
			answered++;
		else
			bad++;
	}
	printf("%lu %lu %lu %lu %.6f\n", answered, cookies, lost, bad, (double)time / 1e9);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct endpoint to = { 0 };
	struct wg_key responder;

	if (argc == 3 && !strcmp(argv[1], "peers")) {
		print_peers(count);
	} else if (argc == 6 && !strcmp(argv[1], "run") && count &&
		   wg_key_parse(&responder, argv[3], NULL) == 0 &&
		   endpoint_parse(&to, argv[4], NULL) == 0 && !to.host) {
		run(count, &responder, &to.addr, strtoul(argv[5], NULL, 10));
	} else {
		fputs("Usage: handshakes peers COUNT\n"
		      "       handshakes run COUNT PUBLIC-KEY ADDRESS:PORT WINDOW\n",
		      stderr);
		return 1;
	}
	return 0;
}
