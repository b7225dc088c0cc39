/* One peer's deadlines: see timers.h. Plain values; nothing is owned. */
#include "datapath/engine/timers.h"

static void set(struct timers *timers, enum timer timer, mono_ns at)
{
	timers->due[timer] = at;
}

static void clear(struct timers *timers, enum timer timer)
{
	timers->due[timer] = MONO_NEVER;
}

bool timers_is_set(const struct timers *timers, enum timer timer)
{
	return timers->due[timer] != MONO_NEVER;
}

void timers_init(struct timers *timers, mono_ns now)
{
	*timers = (struct timers){ 0 };
	timers_stop(timers, now);
}

void timers_stop(struct timers *timers, mono_ns now)
{
	for (unsigned int timer = 0; timer < TIMER_N; timer++)
		clear(timers, timer);
	timers->last_sent_handshake = now - REKEY_TIMEOUT;
	timers->attempts = 0;
	timers->need_another_keepalive = false;
	timers->sent_last_minute = false;
}

mono_ns timers_next(const struct timers *timers)
{
	mono_ns next = MONO_NEVER;

	for (unsigned int timer = 0; timer < TIMER_N; timer++) {
		if (timers->due[timer] < next)
			next = timers->due[timer];
	}
	return next;
}

/* Whether the timer is due; then it is no longer set. */
static bool fires(struct timers *timers, enum timer timer, mono_ns now)
{
	if (now < timers->due[timer])
		return false;
	clear(timers, timer);
	return true;
}

enum timers_action timers_pop(struct timers *timers, mono_ns now)
{
	if (timers_next(timers) > now)
		return TIMERS_NOTHING;
	if (fires(timers, TIMER_RETRY_HANDSHAKE, now)) {
		if (timers->attempts < MAX_HANDSHAKE_ATTEMPTS)
			return TIMERS_RETRY_HANDSHAKE;
		/* [W] 6.4. What keys there are will not be replaced: they shall not stay. */
		clear(timers, TIMER_SEND_KEEPALIVE);
		if (!timers_is_set(timers, TIMER_ZERO_KEYS))
			set(timers, TIMER_ZERO_KEYS, now + ZERO_KEYS_AFTER);
		return TIMERS_GIVE_UP;
	}
	if (fires(timers, TIMER_SEND_KEEPALIVE, now))
		return TIMERS_SEND_KEEPALIVE;
	if (fires(timers, TIMER_NEW_HANDSHAKE, now))
		return TIMERS_NEW_HANDSHAKE;
	if (fires(timers, TIMER_ZERO_KEYS, now))
		return TIMERS_ZERO_KEYS;
	if (fires(timers, TIMER_PERSISTENT_KEEPALIVE, now))
		return TIMERS_PERSISTENT_KEEPALIVE;
	return TIMERS_NOTHING;
}

bool timers_want_handshake(struct timers *timers, mono_ns now)
{
	/* [W] 6.4: wanting to send data again starts REKEY_ATTEMPT_TIME over. */
	timers->attempts = 0;
	return now - timers->last_sent_handshake >= REKEY_TIMEOUT;
}

void timers_initiation_sent(struct timers *timers, mono_ns now, span_ns jitter)
{
	timers->attempts++;
	timers->last_sent_handshake = now;
	timers_authenticated_sent(timers, now);
	set(timers, TIMER_RETRY_HANDSHAKE, now + REKEY_TIMEOUT + jitter);
}

void timers_response_sent(struct timers *timers, mono_ns now)
{
	timers->last_sent_handshake = now;
	timers_authenticated_sent(timers, now);
}

void timers_handshake_completed(struct timers *timers)
{
	clear(timers, TIMER_RETRY_HANDSHAKE);
	timers->attempts = 0;
	timers->sent_last_minute = false;
}

void timers_session_derived(struct timers *timers, mono_ns now)
{
	set(timers, TIMER_ZERO_KEYS, now + ZERO_KEYS_AFTER);
}

void timers_data_sent(struct timers *timers, mono_ns now, span_ns jitter)
{
	if (!timers_is_set(timers, TIMER_NEW_HANDSHAKE))
		set(timers, TIMER_NEW_HANDSHAKE, now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter);
}

void timers_data_received(struct timers *timers, mono_ns now)
{
	/* The first packet counts: the other side began to wait for us when it was sent. */
	timers->need_another_keepalive = timers_is_set(timers, TIMER_SEND_KEEPALIVE);
	if (!timers->need_another_keepalive)
		set(timers, TIMER_SEND_KEEPALIVE, now + KEEPALIVE_TIMEOUT);
}

/* Whatever crosses keeps a NAT's mapping alive as well as a persistent keepalive does. */
static void traversed(struct timers *timers, mono_ns now)
{
	if (timers->keepalive_s)
		set(timers, TIMER_PERSISTENT_KEEPALIVE, now + SEC(timers->keepalive_s));
}

void timers_authenticated_sent(struct timers *timers, mono_ns now)
{
	clear(timers, TIMER_SEND_KEEPALIVE);
	traversed(timers, now);
}

void timers_authenticated_received(struct timers *timers, mono_ns now)
{
	clear(timers, TIMER_NEW_HANDSHAKE);
	traversed(timers, now);
}

void timers_passive_keepalive_sent(struct timers *timers, mono_ns now)
{
	/*
	 * Data that came in after the first packet may cross the keepalive and make the other side
	 * wait again: it needs one more sign of life.
	 */
	if (timers->need_another_keepalive)
		set(timers, TIMER_SEND_KEEPALIVE, now + KEEPALIVE_TIMEOUT);
	timers->need_another_keepalive = false;
}

void timers_persistent_keepalive_sent(struct timers *timers, mono_ns now)
{
	if (!timers_is_set(timers, TIMER_PERSISTENT_KEEPALIVE))
		traversed(timers, now);
}

void timers_set_keepalive(struct timers *timers, uint16_t keepalive_s, mono_ns now)
{
	mono_ns due = timers->due[TIMER_PERSISTENT_KEEPALIVE];

	timers->keepalive_s = keepalive_s;
	clear(timers, TIMER_PERSISTENT_KEEPALIVE);
	if (!keepalive_s)
		return;
	traversed(timers, now);
	if (due < timers->due[TIMER_PERSISTENT_KEEPALIVE])
		set(timers, TIMER_PERSISTENT_KEEPALIVE, due);
}

void timers_hurry_keepalive(struct timers *timers, mono_ns now)
{
	if (timers->keepalive_s)
		set(timers, TIMER_PERSISTENT_KEEPALIVE, now);
}
