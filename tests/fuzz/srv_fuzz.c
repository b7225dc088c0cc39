/*
 * Any bytes as a name server's answer: nothing is read beyond them, and targets keep their
 * promises: names of hosts, no more than there is room for, and put in order none gets lost.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/ipc/srv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t draw(uint32_t most)
{
	return most / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct srv_target targets[SRV_TARGETS_MAX];
	uint32_t sum = 0;
	int n = srv_parse(targets, data, size);

	assert(n == -EBADMSG || (n >= 0 && n <= SRV_TARGETS_MAX));
	for (int i = 0; i < n; i++) {
		const char *name = targets[i].name;

		assert(name[0] && strlen(name) < SRV_NAME_MAX);
		for (const char *c = name; *c; c++)
			assert(strchr("-_.", *c) || (*c >= '0' && *c <= '9') ||
			       (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z'));
		sum += targets[i].port;
	}
	if (n < 0)
		return 0;
	srv_sort(targets, (size_t)n, draw);
	for (int i = 0; i < n; i++) {
		assert(!i || targets[i - 1].priority <= targets[i].priority);
		sum -= targets[i].port;
	}
	assert(!sum);
	return 0;
}
