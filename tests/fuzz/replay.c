/*
 * Runs a fuzz target over its corpus without libFuzzer, so that `make check` needs no clang.
 * Usage: NAME_replay DIRECTORY. One TAP line for each file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay(const char *directory, const char *name)
{
	char path[4096];
	uint8_t *data = NULL;
	size_t len = 0, got;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	if (!file)
		return -1;
	/* An exact allocation lets the sanitizer see a read past the end. */
	do {
		data = realloc(data, len + 65536);
		got = fread(data + len, 1, 65536, file);
		len += got;
	} while (got == 65536);
	fclose(file);
	data = realloc(data, len ? len : 1);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2 || !(dir = opendir(argv[1]))) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("# %s\n", entry->d_name);
		if (replay(argv[1], entry->d_name)) {
			printf("not ok %d - %s\n", ++n, entry->d_name);
			return 1;
		}
		printf("ok %d - %s\n", ++n, entry->d_name);
	}
	closedir(dir);
	printf("1..%d\n", n);
	return 0;
}
