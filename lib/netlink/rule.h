#ifndef LIB_NETLINK_RULE_H
#define LIB_NETLINK_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/err.h"

/** A routing rule: packets that it matches are looked up in its table. */
struct rule {
	uint8_t family;    /* AF_INET or AF_INET6 */
	uint32_t priority; /* rules are asked in this order, least first; 0: see rule_add() */
	uint32_t table;
	bool is_inverted;   /* "not": it matches the packets that it would not */
	uint32_t mark;      /* the packet's, as far as mark_mask goes */
	uint32_t mark_mask; /* 0: the mark does not matter */
	/* Routes with a prefix of at most this length do not count; negative: all do. */
	int32_t suppress_prefixlen;
};

/**
 * Adds a rule as `ip rule add` does. A priority of 0 lets the kernel choose: the rule comes before
 * all others but the first; rule->priority then says what it has become.
 * Returns 0, -EEXIST if there is that very rule, or another negative errno, with *err filled in.
 */
int rule_add(struct rule *rule, struct err *err);

/**
 * The priority that the kernel would choose for a rule that is added now: one less than that of the
 * second rule. 0: only the kernel knows.
 */
uint32_t rule_next_priority(uint8_t family);

/**
 * Deletes a rule; with a priority of 0 the first that is like it otherwise. Returns 0, -ENOENT if
 * there is none, or another negative errno, with *err filled in.
 */
int rule_delete(const struct rule *rule, struct err *err);

/** Rules. Start with `= { 0 }`. */
struct rule_list {
	struct rule *items;
	size_t n;
	size_t cap;
};
void rule_list_fini(struct rule_list *list);

/**
 * Adds the rules of a family in the order in which they are asked. Those that struct rule cannot
 * describe whole, such as one about an interface, are left out. 0 or a negative errno with *err
 * filled in, and the list is then empty.
 */
int rule_list_read(struct rule_list *list, uint8_t family, struct err *err);

#endif
