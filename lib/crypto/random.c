/* Random bytes from the kernel, which does not need our help to mix them. Any thread. */
#include "lib/crypto/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

int random_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n; /* above 256 bytes a signal may cut it short */
		len -= (size_t)n;
	}
	return 0;
}
