/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes what fuzz_player starts from: scripted recordings, whole and taken apart. `seeds FOLDER`.
 */
#include "record/chunk_reader.h"
#include "record/tape.h"
#include "tests/fuzz/forms.h"

static void put_seed(const char *folder, const char *name, enum form form, const void *data,
		     size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (!f || fputc(form, f) < 0 || fwrite(data, 1, n, f) != n || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void put_parts(const char *folder, const char *name, const char *recording)
{
	struct buffer chunks = {};
	struct chunk_reader file;
	char part[64];
	struct cursor c;
	struct err err;
	const char *fault;

	if (chunk_reader__open(&file, recording, &err) < 0)
		exit(1);
	for (size_t i = 0; i < file.n_chunks; i++) {
		if (chunk_reader__read(&file, i, &c, &fault) < 0)
			exit(1);
		if (i > 0)
			buffer__bytes(&chunks, FORM_SEPARATOR, FORM_SEPARATOR_BYTES);
		buffer__bytes(&chunks, c.at, (size_t)(c.end - c.at));
	}
	snprintf(part, sizeof(part), "%s-chunks", name);
	put_seed(folder, part, FORM_CHUNKS, chunks.data, chunks.n);
	snprintf(part, sizeof(part), "%s-body", name);
	put_seed(folder, part, FORM_BODY, file.body.data, file.body.n);
	chunk_reader__done(&file);
	buffer__done(&chunks);
}

static void put_recording(const char *folder, const char *name, int rounds, uint64_t stalls)
{
	struct tape t;
	uint8_t *data;
	size_t n;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < rounds; i++)
		tape_round(&t, stalls);
	if (stalls)
		tape_life(&t, LS_REC_EXIT, TID);
	recorder__note(t.feed.recorder, "note", "value");
	tape_end(&t);
	data = tape_bytes(t.path, &n);
	put_seed(folder, name, FORM_FILE, data, n);
	put_parts(folder, name, t.path);
	free(data);
	tape_done(&t);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	put_recording(argv[1], "empty", 0, 0);
	put_recording(argv[1], "quiet", 3, 0);
	put_recording(argv[1], "stalls", 2, 2);
	put_recording(argv[1], "long", 8, 1);
	return 0;
}
