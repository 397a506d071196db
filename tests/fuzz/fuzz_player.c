/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever is in a file, playing it harms nobody. The first byte of the input says what the rest
 * is: a whole file, the body of a file's head, or what is in its chunks, which then get the right
 * sums: nothing would come through to the records otherwise.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record/chunk_writer.h"
#include "record/fields.h"
#include "record/format.h"
#include "record/player.h"
#include "tests/fuzz/forms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

static void write_chunks(struct chunk_writer *w, const uint8_t *data, size_t size)
{
	const uint8_t *end;

	for (; size > 0; data = end, w->first_ns = w->last_ns = 1) {
		end = memmem(data, size, FORM_SEPARATOR, FORM_SEPARATOR_BYTES);
		buffer__bytes(&w->raw, data, end ? (size_t)(end - data) : size);
		check(chunk_writer__flush(w) >= 0);
		if (!end)
			break;
		end += FORM_SEPARATOR_BYTES;
		size -= (size_t)(end - data);
	}
}

static void write_file(int fd, enum form form, const uint8_t *data, size_t size)
{
	const struct shape shape = shape_own();
	struct buffer body = {};
	struct chunk_writer w;

	if (form == FORM_FILE) {
		check(write(fd, data, size) == (ssize_t)size);
		return;
	}
	check(chunk_writer__init(&w) == 0);
	if (form == FORM_BODY) {
		buffer__bytes(&body, data, size);
	} else {
		shape__put(&shape, &body);
		buffer__varint(&body, 0);
	}
	check(chunk_writer__begin(&w, dup(fd), FORMAT_VERSION, &body) >= 0);
	if (form == FORM_CHUNKS)
		write_chunks(&w, data, size);
	check(chunk_writer__end(&w) >= 0);
	chunk_writer__done(&w);
	buffer__done(&body);
}

static void play(struct player *p)
{
	const struct resolver resolver = player__resolver(p);
	const struct snapshot *snapshot;
	struct model *model;
	uint64_t at_ns;

	check(model__new(&model, &resolver, NULL, NULL) == 0);
	while (player__next(p, model, &at_ns) > 0)
		;
	check(model__snapshot(model, &snapshot) == 0);
	/* Where it ended, it stays. */
	check(player__next(p, model, &at_ns) == 0);
	model__free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct err err = {};
	struct player *p;

	if (size < 1 || size > FORMAT_MAX_BODY_BYTES)
		return 0;
	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		check(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	check(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	write_file(fd, data[0] % FORM_MAX, data + 1, size - 1);
	if (player__open(&p, path, &err) < 0) {
		check(err.what[0]);
		return 0;
	}
	play(p);
	check(player__rewind(p) == 0);
	play(p);
	player__free(p);
	return 0;
}
