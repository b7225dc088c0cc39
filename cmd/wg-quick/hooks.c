/*
 * Hooks are shell text, and their dialect is bash's: `<( )`, arrays and [[ ]] are in use. Each hook
 * gets a shell of its own, so that nothing it sets reaches the next one. It stops at its first
 * failing command, pipelines included, and has extended patterns. $INTERFACE and $CONFIG_FILE are
 * there, though not exported.
 */
#include "cmd/wg-quick/hooks.h"

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"

/* The text is evaluated, not given to -c: it must be parsed when extglob is on already. In a
 * function, since hooks may say `return' or `local'; and in a subshell, since bash (5.2) has
 * something of its own to say when errexit strikes in a function's eval. */
static const char prologue[] = "INTERFACE=$1 CONFIG_FILE=$2\n"
			       "shopt -s extglob\n"
			       "set -e -o pipefail\n"
			       "execute_hook() { (eval \"shift; $1\"); }\n"
			       "execute_hook \"$3\"\n";

int hooks_run(const char *text, const struct target *target, struct err *err)
{
	char *const argv[] = { "bash",
			       "-c",
			       (char *)prologue,
			       (char *)cli_program,
			       (char *)target->interface,
			       target->path,
			       (char *)text,
			       NULL };

	return process_run(argv, err);
}
