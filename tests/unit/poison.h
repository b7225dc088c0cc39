#ifndef TESTS_UNIT_POISON_H
#define TESTS_UNIT_POISON_H

/*
 * Checks that code takes the same time whatever its secrets are. The test program runs itself
 * again under valgrind, with "poisoned" as its argument: there secrets are marked as undefined, and
 * memcheck reports each branch and each address that depends on them. Include it after cmocka.h.
 *
 *	int main(int argc, char **argv)
 *	{
 *		if (poison_asked(argc, argv))
 *			return poisoned();	// 0: well
 *		... cmocka_unit_test(poison_rerun) ...
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_include) && __has_include(<valgrind/memcheck.h>) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* (Sanitizers have memory maps that valgrind does not bear.) */
#include <valgrind/memcheck.h>
#define POISON_POSSIBLE 1
#else
#define POISON_POSSIBLE 0
#define VALGRIND_MAKE_MEM_UNDEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_COUNT_ERRORS 0
#endif

enum {
	POISON_NO_VALGRIND = 77 /* what the shell's 127 would be */
};

static inline bool poison_asked(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[1], "poisoned") == 0;
}

/* From here on the bytes are a secret. */
static inline void poison(void *secret, size_t len)
{
	VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

/* What was computed from secrets is for all to see. */
static inline void unpoison(void *result, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(result, len);
}

static inline unsigned int poison_errors(void)
{
	return (unsigned int)VALGRIND_COUNT_ERRORS;
}

/* Whether memcheck sees a branch on a secret at all: if not, the rest would say nothing. */
static inline bool poison_works(void)
{
	unsigned char secret = (unsigned char)getpid();
	unsigned int before = poison_errors();
	volatile int branched = 0;

	poison(&secret, 1);
	if (secret & 1)
		branched = 1;
	(void)branched;
	return poison_errors() == before + 1;
}

/* A cmocka test. */
static inline void poison_rerun(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!POISON_POSSIBLE)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char self[4096];
		ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

		if (len > 0) {
			self[len] = '\0';
			execlp("valgrind", "valgrind", "-q", "--log-file=/dev/null", self,
			       "poisoned", (char *)NULL);
		}
		_exit(POISON_NO_VALGRIND);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == POISON_NO_VALGRIND)
		skip();
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("a branch or an address depends on a secret: run it under valgrind, with "
			 "\"poisoned\" as its argument");
}

#endif
