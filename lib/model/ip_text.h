#ifndef LIB_MODEL_IP_TEXT_H
#define LIB_MODEL_IP_TEXT_H

#include <stdint.h>

/*
 * Addresses as text, as inet_pton() and inet_ntop() of the C library read and write them, in a
 * tenth of their time: they are most of what a device of 100,000 peers is made of.
 */

/**
 * Reads an address up to the first character that cannot go on with it, which is returned: what may
 * stand there is the caller's to say. NULL if there is no address. *out is written in any case.
 */
const char *ip_text_parse4(uint8_t out[static 4], const char *text);
/** Likewise, but knows no form with an IPv4 address in it: NULL then says to ask inet_pton(). */
const char *ip_text_parse6(uint8_t out[static 16], const char *text);

/** Write an address, without a NUL, and return where it ends: at most 15 and 39 characters. */
char *ip_text_format4(char *out, const uint8_t in[static 4]);
char *ip_text_format6(char *out, const uint8_t in[static 16]);

#endif
