/* wg genkey, wg genpsk: 32 random bytes; a private key's fixed bits are set. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "lib/crypto/random.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

int wg_genkey(int argc, char **argv)
{
	AUTO(wg_key_wipe) struct wg_key key = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct stat info;
	int r;

	if (argc != 1)
		return wg_usage(argv[0]);
	if (!fstat(STDOUT_FILENO, &info) && S_ISREG(info.st_mode) && info.st_mode & S_IRWXO)
		cli_say("Warning: writing to world accessible file.\n"
			"Consider setting the umask to 077 and trying again.");
	r = random_bytes(key.bytes, sizeof(key.bytes));
	if (r) {
		cli_say("getrandom: %s", strerror(-r));
		return 1;
	}
	if (!strcmp(argv[0], "genkey"))
		wg_key_clamp(&key);
	wg_key_format(strbuf_reserve(&out, WG_KEY_BASE64_LEN), &key);
	out.len = WG_KEY_BASE64_LEN;
	strbuf_add_char(&out, '\n');
	return cli_write(&out);
}
