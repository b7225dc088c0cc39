/*
 * Packets, queues of them, and the pool they come from: see packet.h.
 *
 * The pool keeps a free list for each of its two sizes and asks for memory only when a list is
 * empty and fewer than the limit have been made; the packet that came back last goes out first,
 * for it is still in the cache. Memory goes back when the pool is freed. One thread.
 */
#include "datapath/engine/packet.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define PACKET_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PACKET_POISON 1
#endif
#endif

#ifdef PACKET_POISON
/* Lets the sanitizer see a packet being used after it was given back. */
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

struct size_class {
	struct packet *free;
	size_t cap; /* bytes of storage in each */
	size_t n_made, n_out, n_max;
};

struct packet_pool {
	struct size_class small, large;
	struct size_class slices; /* without storage */
	const void *owner;        /* the address of its `self`; NULL: whoever holds a lock */
	_Atomic(struct packet *) returned;
};

static _Thread_local char self; /* its address tells threads apart */

void packet_queue_push(struct packet_queue *queue, struct packet *packet)
{
	packet->next = NULL;
	if (queue->last)
		queue->last->next = packet;
	else
		queue->first = packet;
	queue->last = packet;
	queue->n++;
}

struct packet *packet_queue_pop(struct packet_queue *queue)
{
	struct packet *packet = queue->first;

	if (!packet)
		return NULL;
	queue->first = packet->next;
	if (!queue->first)
		queue->last = NULL;
	queue->n--;
	packet->next = NULL;
	return packet;
}

void packet_queue_append(struct packet_queue *to, struct packet_queue *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
	*from = (struct packet_queue){ 0 };
}

void packet_queue_drop(struct packet_queue *queue)
{
	struct packet *packet;

	while ((packet = packet_queue_pop(queue)))
		packet_free(packet);
}

struct packet_pool *packet_pool_new(size_t n_small, size_t n_large)
{
	struct packet_pool *pool = mem_alloc(1, sizeof(*pool));

	pool->small.n_max = n_small;
	pool->small.cap = PACKET_HEADROOM + PACKET_SMALL_LEN + PACKET_TAILROOM;
	pool->large.n_max = n_large;
	pool->slices.n_max = SIZE_MAX; /* bounded by the storage there is */
	pool->large.cap = PACKET_HEADROOM + PACKET_MAX_LEN + PACKET_TAILROOM;
	pool->owner = &self;
	return pool;
}

void packet_pool_adopt(struct packet_pool *pool)
{
	pool->owner = &self;
}

void packet_pool_share(struct packet_pool *pool)
{
	pool->owner = NULL;
}

static struct size_class *class_of(const struct packet *packet)
{
	struct packet_pool *pool = packet->pool;

	assert(!packet->whole);
	return packet->cap == pool->small.cap ? &pool->small : &pool->large;
}

static void give_back(struct size_class *class, struct packet *packet)
{
	assert(class->n_out > 0);
	class->n_out--;
	packet->next = class->free;
	class->free = packet;
}

static void let_go(struct packet *packet)
{
	if (--packet->n_holders)
		return;
	give_back(class_of(packet), packet);
	ASAN_POISON_MEMORY_REGION(packet->start, packet->cap);
}

static void take_back(struct packet *packet)
{
	struct packet *whole = packet->whole;

	if (!whole) {
		let_go(packet);
		return;
	}
	packet->start = (uint8_t *)(packet + 1);
	packet->cap = 0;
	give_back(&packet->pool->slices, packet);
	let_go(whole);
}

/* Takes back what others have freed. */
static void collect(struct packet_pool *pool)
{
	struct packet *packet =
		atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);

	while (packet) {
		struct packet *next = packet->next;

		take_back(packet);
		packet = next;
	}
}

static void free_class(struct size_class *class)
{
	struct packet *packet;

	assert(class->n_out == 0);
	while ((packet = class->free)) {
		class->free = packet->next;
		ASAN_UNPOISON_MEMORY_REGION(packet->start, packet->cap);
		free(packet);
	}
}

void packet_pool_free(struct packet_pool *pool)
{
	if (!pool)
		return;
	collect(pool);
	free_class(&pool->slices);
	free_class(&pool->small);
	free_class(&pool->large);
	free(pool);
}

static struct packet *take(struct packet_pool *pool, struct size_class *class)
{
	struct packet *packet;

	if (!class->free)
		collect(pool);
	packet = class->free;
	if (packet) {
		class->free = packet->next;
		ASAN_UNPOISON_MEMORY_REGION(packet->start, packet->cap);
	} else if (class->n_made < class->n_max) {
		/* Not mem_alloc(): to do without one more packet is nothing new. */
		packet = malloc(sizeof(*packet) + class->cap);
		if (!packet)
			return NULL;
		packet->start = (uint8_t *)(packet + 1);
		packet->cap = class->cap;
		class->n_made++;
	} else {
		return NULL;
	}
	class->n_out++;
	return packet;
}

struct packet *packet_new(struct packet_pool *pool, size_t len)
{
	struct packet *packet = NULL;

	assert(len <= PACKET_MAX_LEN);
	if (len <= PACKET_SMALL_LEN)
		packet = take(pool, &pool->small);
	if (!packet)
		packet = take(pool, &pool->large);
	if (!packet)
		return NULL;
	packet->pool = pool;
	packet->next = NULL;
	packet->whole = NULL;
	packet->n_holders = 1;
	packet->data = packet->start + PACKET_HEADROOM;
	packet->len = len;
	packet->path = (struct path){ 0 };
	packet->ds = 0;
	packet->ends_group = false;
	packet->peer = NULL;
	return packet;
}

struct packet *packet_slice(struct packet *whole, size_t offset, size_t len)
{
	struct packet *packet;

	assert(!whole->whole && offset <= whole->len && len <= whole->len - offset);
	packet = take(whole->pool, &whole->pool->slices);
	if (!packet)
		return NULL;
	packet->pool = whole->pool;
	packet->next = NULL;
	packet->whole = whole;
	packet->n_holders = 1;
	packet->data = packet->start = whole->data + offset;
	packet->len = packet->cap = len;
	packet->path = whole->path;
	packet->ds = whole->ds;
	packet->ends_group = false;
	packet->peer = NULL;
	whole->n_holders++;
	return packet;
}

void packet_free(struct packet *packet)
{
	struct packet_pool *pool;

	if (!packet)
		return;
	pool = packet->pool;
	if (pool->owner == &self) {
		take_back(packet);
		return;
	}
	packet->next = atomic_load_explicit(&pool->returned, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&pool->returned, &packet->next, packet,
						      memory_order_release, memory_order_relaxed))
		;
}

bool packet_is_scarce(const struct packet *packet)
{
	const struct size_class *class = class_of(packet);

	return class->n_out > class->n_max - class->n_max / 4;
}

size_t packet_headroom(const struct packet *packet)
{
	return (size_t)(packet->data - packet->start);
}

size_t packet_tailroom(const struct packet *packet)
{
	return packet->cap - packet_headroom(packet) - packet->len;
}
