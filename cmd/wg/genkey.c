/*
 * wg genkey, wg genpsk: 32 random bytes; a private key's fixed bits are set. With --out they go
 * into a new file, else to standard output.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/key_file.h"
#include "lib/crypto/random.h"
#include "lib/crypto/x25519_base.h"
#include "lib/util/cleanup.h"

static int take_option(void *ctx, const struct cli_option *option, const char *value,
		       struct err *err)
{
	const char **path = ctx;

	(void)option; /* there is no other */
	if (*path)
		return err_set(err, -EINVAL, "--out is given twice");
	*path = value;
	return 0;
}

/* Into a new file, and a private key's public one beside it. */
static int write_files(const char *path, const struct wg_key *key, bool is_private)
{
	struct wg_key public_key;
	struct err err;

	if (is_private)
		x25519_base(public_key.bytes, key->bytes);
	if (!key_file_create(path, key, is_private ? &public_key : NULL, &err))
		return 0;
	cli_say("%s: %s", cli_program, err.text);
	return 1;
}

int wg_genkey(int argc, char **argv)
{
	const struct cli_command *command = cli_find(wg_table.commands, argv[0]);
	AUTO(wg_key_wipe) struct wg_key key = { 0 };
	bool is_private = !strcmp(argv[0], "genkey");
	const char *path = NULL;
	struct stat info;
	struct err err;
	int r;

	if (cli_take_options(&argc, argv, command, take_option, &path, &err)) {
		cli_say("%s: %s", cli_program, err.text);
		return 1;
	}
	if (argc != 1)
		return wg_usage(argv[0]);
	if (!path && !fstat(STDOUT_FILENO, &info) && S_ISREG(info.st_mode) &&
	    info.st_mode & S_IRWXO)
		cli_say("Warning: writing to world accessible file.\n"
			"Consider setting the umask to 077 and trying again.");
	r = random_bytes(key.bytes, sizeof(key.bytes));
	if (r) {
		cli_say("getrandom: %s", strerror(-r));
		return 1;
	}
	if (is_private)
		wg_key_clamp(&key);
	return path ? write_files(path, &key, is_private) : key_file_print(&key);
}
