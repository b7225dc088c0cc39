/*
 * Hooks are shell text, and their dialect is bash's: `<( )`, arrays and [[ ]] are in use. Each hook
 * gets a shell of its own, so that nothing it sets reaches the next one. It stops at its first
 * failing command, pipelines included, and has extended patterns. $INTERFACE and $CONFIG_FILE are
 * there, though not exported.
 *
 * The shell itself has the interface's lock, as long as it runs, in case this program is killed
 * meanwhile; what the hook runs has not, or what stays behind in the background would keep it.
 *
 * The shell reads the text from a file in memory that it inherits. Among its arguments everybody
 * could see it, keys and all, and there is a limit to their length.
 */
#include "cmd/wg-quick/hooks.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/process.h"
#include "lib/util/cleanup.h"

/* The text is evaluated when extglob is on already, or it would not be parsed so. In a function,
 * since hooks may say `return' or `local'; and in a subshell, since bash (5.2) has something of its
 * own to say when errexit strikes in a function's eval. */
static const char prologue[] =
	"INTERFACE=$1 CONFIG_FILE=$2 fd=$3 lock=$4\n"
	"IFS= read -r -d '' hook <&$fd\n"
	"exec {fd}<&-\n"
	"unset fd\n"
	"shopt -s extglob\n"
	"set -e -o pipefail\n"
	"execute_hook() { ([[ ! $lock ]] || exec {lock}<&-; eval \"$hook\"); }\n"
	"execute_hook\n";

int hooks_run(const char *text, const struct target *target, struct err *err)
{
	AUTO(auto_close) int fd = process_open_text(text, strlen(text), true);
	const int lock = lock_held();
	char number[16], lock_number[16] = "";
	char *const argv[] = { "bash",
			       "-c",
			       (char *)prologue,
			       (char *)cli_program,
			       (char *)target->interface,
			       target->path,
			       number,
			       lock_number,
			       NULL };

	if (fd < 0)
		return err_set(err, fd, "cannot hand a command to bash: %s", strerror(-fd));
	snprintf(number, sizeof(number), "%d", fd);
	if (lock >= 0)
		snprintf(lock_number, sizeof(lock_number), "%d", lock);
	return process_run(argv, lock, err);
}
