/*
 * A userspace device that costs next to nothing: what a client's own work takes is not hidden
 * behind a daemon's. A get is answered from a file in one write; a set is swallowed up to its empty
 * line and answered with errno=0; how many bytes it had is appended to a file.
 *   uapi_peer SOCKET ANSWER-FILE LENGTHS-FILE
 * Serves one connection after the other, one question each, until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GET "get=1\n\n"
#define DONE "errno=0\n\n"

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Reads one question up to its empty line. Returns how long it was, 0 if it did not come to its
 * end; *is_get says which it was. */
static unsigned long long read_question(int fd, bool *is_get)
{
	static char buf[1 << 18];
	size_t kept = 0; /* bytes at the start of buf: the last ones of what was read before */
	unsigned long long len = 0;
	bool first = true;

	for (;;) {
		ssize_t n = recv(fd, buf + kept, sizeof(buf) - kept, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		kept += (size_t)n;
		len += (size_t)n;
		/* The words of a set's first line are longer than a get's. */
		if (first && kept < strlen(GET))
			continue;
		if (first)
			*is_get = !memcmp(buf, GET, strlen(GET));
		first = false;
		if (!memcmp(buf + kept - 2, "\n\n", 2))
			return len;
		buf[0] = buf[kept - 1];
		kept = 1;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat info;
	const char *answer;
	int fd, server;
	FILE *lengths;

	if (argc != 4 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fputs("Usage: uapi_peer SOCKET ANSWER-FILE LENGTHS-FILE\n", stderr);
		return 1;
	}
	strcpy(addr.sun_path, argv[1]);
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info)) {
		perror(argv[2]);
		return 1;
	}
	answer = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (answer == MAP_FAILED) {
		perror(argv[2]);
		return 1;
	}
	lengths = fopen(argv[3], "ae");
	if (!lengths) {
		perror(argv[3]);
		return 1;
	}
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 || bind(server, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(server, 16)) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		int client = accept(server, NULL, NULL);
		unsigned long long len;
		bool is_get;

		if (client < 0)
			continue;
		len = read_question(client, &is_get);
		/* A client may only want to know whether anyone is here. */
		if (len && is_get) {
			send_all(client, answer, (size_t)info.st_size);
		} else if (len) {
			fprintf(lengths, "%llu\n", len);
			fflush(lengths);
			send_all(client, DONE, strlen(DONE));
		}
		close(client);
	}
}
