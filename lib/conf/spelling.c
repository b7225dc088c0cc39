/* How far two names are apart: Levenshtein's distance, row by row. Stateless. */
#include "lib/conf/spelling.h"

#include <assert.h>
#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

unsigned int spelling_distance(const char *a, const char *b)
{
	unsigned int row[SPELLING_MAX + 1], n = (unsigned int)strlen(b);

	assert(n <= SPELLING_MAX);
	for (unsigned int j = 0; j <= n; j++)
		row[j] = j;
	for (; *a; a++) {
		unsigned int diagonal = row[0]++;

		for (unsigned int j = 1; j <= n; j++) {
			unsigned int best = diagonal + (lower(*a) != lower(b[j - 1]));

			diagonal = row[j];
			if (best > row[j] + 1)
				best = row[j] + 1;
			if (best > row[j - 1] + 1)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

unsigned int spelling_limit(const char *name)
{
	return strlen(name) < 7 ? 1 : 2;
}
