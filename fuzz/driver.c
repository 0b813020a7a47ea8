// Stands in for libFuzzer where there is none: gives each file named on the command line, and each file in the folders
// named there, to the fuzzer once. Succeeds when there was something to give and the fuzzer came back every time.

#include <errno.h>
#include <fts.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path, size_t size)
{
	// Exactly as large as the input, so that a sanitizer sees the first byte read beyond it.
	uint8_t *data = malloc(size > 0 ? size : 1);
	FILE *file = fopen(path, "rb");
	size_t got = data && file ? fread(data, 1, size, file) : 0;
	int rc = data && file && got == size ? 0 : -1;

	if (rc == 0)
		LLVMFuzzerTestOneInput(data, size);
	else
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (file)
		fclose(file);
	free(data);
	return rc;
}

int main(int argc, char **argv)
{
	size_t replayed = 0;
	size_t failed = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
		return 2;
	}
	FTS *walk = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *entry; walk && (entry = fts_read(walk));) {
		if (entry->fts_info == FTS_F &&
		    replay(entry->fts_accpath, (size_t)entry->fts_statp->st_size) == 0)
			replayed++;
		else if (entry->fts_info != FTS_D && entry->fts_info != FTS_DP)
			failed++;
	}
	if (walk)
		fts_close(walk);
	fprintf(stderr, "%zu inputs replayed, %zu could not be read\n", replayed, failed);
	return replayed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
