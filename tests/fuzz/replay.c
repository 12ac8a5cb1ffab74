/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target without its engine over inputs that are kept: every file of the directories named, and
 * an empty input. Linked to each target for `make test`, so that the targets build and old findings stay
 * fixed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own size on the heap: what reads behind its end is seen. */
static int one(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *data = malloc(INPUT_MAX), *copy;
	size_t n;

	if (!f || !data) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	copy = realloc(data, n ? n : 1);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 1;
}

int main(int argc, char **argv)
{
	const uint8_t nothing = 0;
	char path[4096];
	struct dirent *e;
	struct stat st;
	int n = 1;

	LLVMFuzzerTestOneInput(&nothing, 0);
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);

		while (d && (e = readdir(d))) {
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
				n += one(path);
		}
		if (d)
			closedir(d);
	}
	printf("%d inputs\n", n);
	return 0;
}
