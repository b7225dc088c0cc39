#ifndef LIB_NETLINK_NFT_H
#define LIB_NETLINK_NFT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Whether the kernel's nf_tables have a table of that name for AF_INET ("ip"), AF_INET6 ("ip6") or
 * NFPROTO_INET ("inet"). No, where it cannot be asked.
 */
bool nft_has_table(uint8_t family, const char *name);
/** Likewise, whether that table is there and has a chain of that name. */
bool nft_has_chain(uint8_t family, const char *table, const char *name);

#endif
