#ifndef LIB_IPC_SRV_H
#define LIB_IPC_SRV_H

#include <stddef.h>
#include <stdint.h>

#include "lib/util/err.h"

/*
 * Where a domain has its WireGuard servers: the SRV records of "_wireguard._udp.DOMAIN".
 * Source: RFC 2782.
 */

enum {
	SRV_TARGETS_MAX = 32,      /* more than that are left out */
	SRV_NAME_MAX = 256,        /* of a target, with the NUL */
	SRV_QUESTION_MAX = 256,    /* of the name that is asked for, with the NUL */
	SRV_MESSAGE_MAX = 1 << 16, /* bytes: as long as DNS over TCP allows */
};

/** One server. */
struct srv_target {
	char name[SRV_NAME_MAX]; /* letters, digits, "-", "_" and "." only; no dot at its end */
	uint16_t priority;       /* the lowest goes first */
	uint16_t weight;         /* how often it goes before others of the same priority */
	uint16_t port;
};

/**
 * Writes the name that is asked for. Returns 0, or -EINVAL with *err filled in if the domain is too
 * long for one, or empty.
 */
int srv_question(char out[static SRV_QUESTION_MAX], const char *domain, struct err *err);

/**
 * Asks the DNS. Returns how many targets there are, in the order in which to try them; or with *err
 * filled in -EAGAIN if there is no answer for the time being, -EHOSTUNREACH if there is none at
 * all, -EINVAL as srv_question(). Blocks; may be called from any thread.
 */
int srv_look_up(struct srv_target out[static SRV_TARGETS_MAX], const char *domain, struct err *err);

/**
 * Reads the answer: a DNS message. Returns how many targets it has, in its order, or -EBADMSG if it
 * is none or ends too early. Targets whose name is no host's are left out, the root (which says
 * that there is no such service) among them.
 * Source: RFC 1035 section 4.
 */
int srv_parse(struct srv_target out[static SRV_TARGETS_MAX], const uint8_t *message, size_t len);

/**
 * Puts targets into the order in which to try them. `draw` says a number from 0 to `most`, each as
 * likely as the others.
 */
void srv_sort(struct srv_target *targets, size_t n, uint32_t (*draw)(uint32_t most));

#endif
