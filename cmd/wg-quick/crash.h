#ifndef CMD_WG_QUICK_CRASH_H
#define CMD_WG_QUICK_CRASH_H

/*
 * Places at which a build for testing can kill itself, to show that what it leaves is undone. They
 * stand before and after everything that changes the host. Other builds have nothing of it.
 */

#ifdef CRASH_POINTS
/**
 * Counts; at the number that $WG_QUICK_CRASH_AT says, it is SIGKILL. $WG_QUICK_CRASH_COUNT names a
 * file that gets how many there have been, after each.
 */
void crash_point(void);
#else
static inline void crash_point(void)
{
}
#endif

#endif
