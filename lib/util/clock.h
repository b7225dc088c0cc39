#ifndef LIB_UTIL_CLOCK_H
#define LIB_UTIL_CLOCK_H

#include <stdint.h>

typedef int64_t mono_ns; /* an instant on CLOCK_BOOTTIME, nanoseconds: it goes on while suspended */
typedef int64_t span_ns; /* a length of time, nanoseconds */

#define SEC(n) ((span_ns)(n)*1000000000)
#define MSEC(n) ((span_ns)(n)*1000000)
#define MONO_NEVER INT64_MAX /* a deadline that never comes */

/** Both clocks at one moment: what code that must not ask for the time is handed. */
struct instant {
	mono_ns mono;
	int64_t unix_ns; /* CLOCK_REALTIME, nanoseconds since 1970; may jump */
};

struct instant clock_now(void);

#endif
