/* Keys as whole files: see key_file.h. What was read is wiped. */
#include "cmd/wg/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* Fills `out` as far as the file goes. Returns how many bytes that was, or a negative errno. */
static ssize_t read_up_to(int fd, char *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, out + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Whether nothing but white space is left; else *trailing is the first other character. */
static bool only_space_left(char *trailing, int fd, bool nul_is_space)
{
	char rest[4096];
	ssize_t n;

	do {
		n = read_up_to(fd, rest, sizeof(rest));
		for (ssize_t i = 0; i < n; i++) {
			char c = rest[i];

			if (c == ' ' || (c >= '\t' && c <= '\r') || (!c && nul_is_space))
				continue;
			*trailing = c;
			mem_wipe(rest, sizeof(rest));
			return false;
		}
	} while (n == sizeof(rest));
	return true;
}

enum key_file key_file_read(struct wg_key *out, char *trailing, int fd, bool nul_is_space)
{
	char text[WG_KEY_BASE64_LEN];
	ssize_t len = read_up_to(fd, text, sizeof(text));
	enum key_file result;

	if (len == 0)
		return KEY_FILE_EMPTY;
	/* What cannot be read, such as a directory, must not pass for an empty file. */
	if (len < (ssize_t)sizeof(text))
		result = KEY_FILE_SHORT;
	else if (!only_space_left(trailing, fd, nul_is_space))
		result = KEY_FILE_TRAILING;
	else
		result = wg_key_parse_mem(out, text, sizeof(text), NULL) ? KEY_FILE_BAD
									 : KEY_FILE_OK;
	mem_wipe(text, sizeof(text));
	return result;
}

int key_file_load(struct wg_key *out, const char *path, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char trailing;

	if (fd < 0)
		return err_set(err, -errno, "fopen: %s", strerror(errno));
	switch (key_file_read(out, &trailing, fd, false)) {
	case KEY_FILE_OK:
		return 0;
	case KEY_FILE_EMPTY:
		*out = (struct wg_key){ 0 };
		return 0;
	case KEY_FILE_SHORT:
		return err_set(err, -EINVAL, "Invalid length key in key file");
	case KEY_FILE_TRAILING:
		return err_set(err, -EINVAL, "Found trailing character in key file: `%c'",
			       trailing ? trailing : '?');
	case KEY_FILE_BAD:
		break;
	}
	return err_set(err, -EINVAL, "Key is not the correct length or format: `(hidden)'");
}
