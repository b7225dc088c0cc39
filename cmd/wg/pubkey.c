/* wg pubkey: the public key of the private key on stdin. */
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/key_file.h"
#include "lib/crypto/x25519_base.h"
#include "lib/util/cleanup.h"

int wg_pubkey(int argc, char **argv)
{
	AUTO(wg_key_wipe) struct wg_key private_key = { 0 };
	struct wg_key public_key;
	char trailing;

	if (argc != 1)
		return wg_usage(argv[0]);
	switch (key_file_read(&private_key, &trailing, STDIN_FILENO, true)) {
	case KEY_FILE_OK:
		break;
	case KEY_FILE_TRAILING:
		cli_say("%s: Trailing characters found after key", cli_program);
		return 1;
	case KEY_FILE_EMPTY:
	case KEY_FILE_SHORT:
	case KEY_FILE_BAD:
		cli_say("%s: Key is not the correct length or format", cli_program);
		return 1;
	}
	x25519_base(public_key.bytes, private_key.bytes);
	return key_file_print(&public_key);
}
