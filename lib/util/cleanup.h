#ifndef LIB_UTIL_CLEANUP_H
#define LIB_UTIL_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What a scope owns is released by that scope on every path: AUTO(strbuf_fini) struct strbuf b. */
#define AUTO(function) __attribute__((cleanup(function)))

/* Hands ownership on and leaves NULL behind: *out = TAKE(device). */
#define TAKE(pointer)                                   \
	({                                              \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})

/* As TAKE(), of a descriptor: leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void auto_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void auto_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static inline void auto_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#endif
