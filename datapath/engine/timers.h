#ifndef DATAPATH_ENGINE_TIMERS_H
#define DATAPATH_ENGINE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/engine/wire.h"
#include "lib/util/clock.h"

/*
 * One peer's deadlines. Pure: the tunnel tells what happened and asks what is due; nothing is sent
 * from here. Source: [W] 6, as the Linux kernel does it where the paper leaves room.
 */

enum timer {
	TIMER_RETRY_HANDSHAKE,      /* an initiation was sent, no answer yet */
	TIMER_SEND_KEEPALIVE,       /* data came in, nothing went out: [W] 6.5 */
	TIMER_NEW_HANDSHAKE,        /* data went out, nothing came in: [W] 6.5 */
	TIMER_ZERO_KEYS,            /* the last session is long dead: [W] 6.3 */
	TIMER_PERSISTENT_KEEPALIVE, /* the user wants one every keepalive_s seconds */
	TIMER_N,
};

struct timers {
	mono_ns due[TIMER_N];        /* MONO_NEVER: not set */
	mono_ns last_sent_handshake; /* initiation or response */
	unsigned int attempts;       /* initiations sent since a handshake was last asked for */
	uint16_t keepalive_s;        /* persistent keepalive; 0: off */
	bool need_another_keepalive; /* more data came in while TIMER_SEND_KEEPALIVE was set */
	bool sent_last_minute;       /* the session's rekey on receiving has been asked for */
};

void timers_init(struct timers *timers, mono_ns now);
/** Forgets all but keepalive_s: nothing is due, and a handshake may be sent at once. */
void timers_stop(struct timers *timers, mono_ns now);

/** When the first of them is due; MONO_NEVER if none is set. */
mono_ns timers_next(const struct timers *timers);
bool timers_is_set(const struct timers *timers, enum timer timer);

/** What the tunnel has to do now for this peer. */
enum timers_action {
	TIMERS_NOTHING,
	TIMERS_RETRY_HANDSHAKE,      /* send another initiation; routes may have changed */
	TIMERS_GIVE_UP,              /* drop what is staged: nobody answers */
	TIMERS_SEND_KEEPALIVE,       /* then call timers_passive_keepalive_sent() */
	TIMERS_NEW_HANDSHAKE,        /* begin a handshake; routes may have changed */
	TIMERS_ZERO_KEYS,            /* erase all sessions and the handshake */
	TIMERS_PERSISTENT_KEEPALIVE, /* then call timers_persistent_keepalive_sent() */
};

/** Takes one action that is due; call it until there is TIMERS_NOTHING. */
enum timers_action timers_pop(struct timers *timers, mono_ns now);

/**
 * A handshake is asked for, other than by TIMERS_RETRY_HANDSHAKE: counting of attempts begins
 * anew. Returns whether an initiation may be sent, REKEY_TIMEOUT after the last message.
 */
bool timers_want_handshake(struct timers *timers, mono_ns now);
/** jitter: a random 0 to REKEY_TIMEOUT_JITTER_MAX. */
void timers_initiation_sent(struct timers *timers, mono_ns now, span_ns jitter);
void timers_response_sent(struct timers *timers, mono_ns now);
/** As initiator by the response, as responder by the first data. */
void timers_handshake_completed(struct timers *timers);
/** There are new keys, confirmed or not. */
void timers_session_derived(struct timers *timers, mono_ns now);

/** Data that is no keepalive went out; jitter as above. */
void timers_data_sent(struct timers *timers, mono_ns now, span_ns jitter);
/** Data that is no keepalive came in. */
void timers_data_received(struct timers *timers, mono_ns now);
/** Any data went out, and any data or handshake (not a cookie) came in. */
void timers_authenticated_sent(struct timers *timers, mono_ns now);
void timers_authenticated_received(struct timers *timers, mono_ns now);

void timers_passive_keepalive_sent(struct timers *timers, mono_ns now);
void timers_persistent_keepalive_sent(struct timers *timers, mono_ns now);
/** 0: off. The next one is due that long after `now`, or earlier if it was so before. */
void timers_set_keepalive(struct timers *timers, uint16_t keepalive_s, mono_ns now);
/** If persistent keepalives are on, one is due now. */
void timers_hurry_keepalive(struct timers *timers, mono_ns now);

#endif
