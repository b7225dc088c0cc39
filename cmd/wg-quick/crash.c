/* Dying on purpose, at a place that a test has chosen. The count is the process's own. */
#include "cmd/wg-quick/crash.h"

#ifdef CRASH_POINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/util/cleanup.h"

void crash_point(void)
{
	static int count;
	const char *at = getenv("WG_QUICK_CRASH_AT"), *path = getenv("WG_QUICK_CRASH_COUNT");

	count++;
	if (path) {
		AUTO(auto_fclose) FILE *file = fopen(path, "we");

		if (file)
			fprintf(file, "%d\n", count);
	}
	if (at && atoi(at) == count)
		raise(SIGKILL);
}

#endif
