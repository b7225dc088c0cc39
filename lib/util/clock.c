/* The two clocks: see clock.h. */
#include "lib/util/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return SEC(ts.tv_sec) + ts.tv_nsec;
}

struct instant clock_now(void)
{
	return (struct instant){
		.mono = read_ns(CLOCK_BOOTTIME),
		.unix_ns = read_ns(CLOCK_REALTIME),
	};
}
