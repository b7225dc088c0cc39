#ifndef LIB_CRYPTO_READY_H
#define LIB_CRYPTO_READY_H

#include "lib/util/err.h"

/**
 * Loads what this room needs, if that has not happened yet; takes about 2 ms the first time. Who
 * wants to hear that the crypto library is missing calls this first: any other function of the room
 * loads it as well, but ends the program when it cannot. Any thread.
 * Returns 0, or -ELIBACC with *err filled in.
 */
int crypto_ready(struct err *err);

#endif
