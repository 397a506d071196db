/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are cut, damaged, strange or of another time: read as far as they are good, and named.
 */
#include <sys/mman.h>

#include "base/array.h"
#include "record/crc32.h"
#include "record/format.h"
#include "record/tape.h"

#define N_ROUNDS 6

/* A file in memory that is written thousands of times. */
static const char *image_path(void)
{
	static char path[32];
	int fd;

	if (!*path) {
		fd = memfd_create("image", MFD_CLOEXEC);
		cr_assert_geq(fd, 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	return path;
}

/* A small recording of several chunks, as bytes. */
static uint8_t *small_file(struct tape *t, size_t *ret_n)
{
	tape_begin(t, 0, 0);
	for (int i = 0; i < N_ROUNDS; i++)
		tape_round(t, i == 2);
	tape_end(t);
	return tape_bytes(t->path, ret_n);
}

/* Inputs that a file gives, or -errno. `ret_damage` says whether there was any. */
static int count_inputs(const char *path, bool *ret_damage, bool *ret_complete)
{
	struct resolver resolver;
	struct model *model;
	struct player *p;
	struct err err = {};
	int n = 0, r;

	r = player__open(&p, path, &err);
	if (r < 0) {
		cr_expect_neq(err.what[0], '\0');
		return r;
	}
	resolver = player__resolver(p);
	cr_assert_eq(model__new(&model, &resolver, NULL, NULL), 0);
	while ((r = player__next(p, model, NULL)) > 0)
		n++;
	cr_assert_eq(r, 0, "%d after %d inputs", r, n);
	*ret_damage = player__damage(p) != NULL;
	*ret_complete = player__is_complete(p);
	model__free(model);
	player__free(p);
	return n;
}

Test(record_damage, cut_at_every_byte)
{
	bool is_damaged, is_complete;
	int n, all, before = 0;
	struct tape t;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	all = count_inputs(t.path, &is_damaged, &is_complete);
	cr_assert_gt(all, 50);
	cr_assert(!is_damaged && is_complete);
	for (size_t i = 0; i < size; i++) {
		tape_write(image_path(), data, i);
		n = count_inputs(image_path(), &is_damaged, &is_complete);
		if (n < 0) {
			cr_expect_eq(before, 0, "byte %zu: refused although it was read before", i);
			continue;
		}
		cr_expect_geq(n, before, "byte %zu: %d inputs, %d before", i, n, before);
		cr_expect(!is_complete);
		before = n;
	}
	cr_expect_eq(before, all, "all was there when only the end mark was missing");
	free(data);
	tape_done(&t);
}

/* Without the end mark it is what a recorder that was killed leaves: whole, but not complete. */
Test(record_damage, killed_recorder)
{
	bool is_damaged, is_complete;
	struct tape t;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	tape_write(t.path, data, size - sizeof(struct format_chunk));
	cr_expect_gt(count_inputs(t.path, &is_damaged, &is_complete), 50);
	cr_expect_not(is_damaged);
	cr_expect_not(is_complete);
	free(data);
	tape_done(&t);
}

/* What is on disk after each flush can be read while the recorder goes on. */
Test(record_damage, killed_at_any_time)
{
	bool is_damaged, is_complete;
	struct tape t;
	int n, before = 0;

	tape_begin(&t, 0, 0);
	for (int i = 0; i < 40; i++) {
		tape_round(&t, 1);
		n = count_inputs(t.path, &is_damaged, &is_complete);
		/* Its head comes with the first chunk. */
		if (n == -ENODATA && before == 0)
			continue;
		cr_expect_geq(n, before);
		cr_expect(!is_damaged && !is_complete);
		before = n;
	}
	cr_expect_gt(before, 300, "%d inputs on disk before it was closed", before);
	tape_done(&t);
}

Test(record_damage, flip_at_every_byte)
{
	bool is_damaged, is_complete;
	int n, all;
	struct tape t;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	all = count_inputs(t.path, &is_damaged, &is_complete);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= (uint8_t)(1 << i % 8);
		tape_write(image_path(), data, size);
		n = count_inputs(image_path(), &is_damaged, &is_complete);
		data[i] ^= (uint8_t)(1 << i % 8);
		cr_expect_leq(n, all);
		cr_expect(n < 0 || is_damaged, "byte %zu: a flipped bit went unseen", i);
	}
	free(data);
	tape_done(&t);
}

static int open_bytes(const char *path, const void *data, size_t n, struct err *err)
{
	struct player *p;
	int r;

	tape_write(path, data, n);
	*err = (struct err){};
	r = player__open(&p, path, err);
	if (r == 0)
		player__free(p);
	return r;
}

Test(record_damage, version_of_the_future)
{
	struct format_head *head;
	struct tape t;
	struct err err;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	head = (struct format_head *)data;
	head->version = FORMAT_VERSION + 1;
	head->crc = crc32__of(head, offsetof(struct format_head, crc));
	cr_expect_eq(open_bytes(t.path, data, size, &err), -EPROTO);
	cr_expect_not_null(strstr(err.what, "has format 3, and this loopstall reads up to 2"));
	cr_expect_not_null(strstr(err.hint, "newer"));
	free(data);
	tape_done(&t);
}

Test(record_damage, no_recording)
{
	static const char text[] = "#!/usr/bin/env python3\nprint('hello, this is not it')\n";
	struct tape t;
	struct err err;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	cr_expect_eq(open_bytes(t.path, "", 0, &err), -ENODATA);
	cr_expect_not_null(strstr(err.what, "is empty"));
	cr_expect_eq(open_bytes(t.path, text, sizeof(text) - 1, &err), -EBADMSG);
	cr_expect_not_null(strstr(err.what, "is not a recording"));
	/* As FTP in text mode would leave it. */
	memmove(data + 7, data + 8, size - 8);
	cr_expect_eq(open_bytes(t.path, data, size - 1, &err), -EBADMSG);
	cr_expect_not_null(strstr(err.what, "copy it as binary"));
	cr_expect_eq(player__open(&(struct player *){ NULL }, "/dev/null", &err), -EINVAL);
	cr_expect_eq(player__open(&(struct player *){ NULL }, "/nonexistent/file", &err), -ENOENT);
	free(data);
	tape_done(&t);
}

/* A whole chunk taken out of the middle leaves nothing that is cut, but is seen. */
Test(record_damage, chunk_missing)
{
	size_t size, at, first, second;
	struct format_chunk chunk;
	struct format_head head;
	struct player *p;
	struct err err = {};
	struct tape t;
	uint8_t *data;

	data = small_file(&t, &size);
	memcpy(&head, data, sizeof(head));
	first = sizeof(head) + head.body_bytes;
	memcpy(&chunk, data + first, sizeof(chunk));
	second = first + sizeof(chunk) + chunk.payload_bytes;
	memcpy(&chunk, data + second, sizeof(chunk));
	at = second + sizeof(chunk) + chunk.payload_bytes;
	memmove(data + second, data + at, size - at);
	tape_write(t.path, data, size - (at - second));
	cr_assert_eq(player__open(&p, t.path, &err), 0);
	cr_expect_not_null(player__damage(p));
	cr_expect_not_null(strstr(player__damage(p), "a chunk is missing"), "%s",
			   player__damage(p));
	player__free(p);
	free(data);
	tape_done(&t);
}

/* The file with these bytes in front of the first chunk's frame, and all checksums right. */
static uint8_t *with_prefix(const uint8_t *data, size_t size, const void *prefix, size_t n)
{
	uint8_t *file = malloc(size + n);
	struct format_chunk chunk;
	struct format_head head;
	size_t at, payload;

	memcpy(&head, data, sizeof(head));
	at = sizeof(head) + head.body_bytes;
	payload = at + sizeof(chunk);
	memcpy(&chunk, data + at, sizeof(chunk));
	chunk.payload_bytes += n;
	memcpy(file, data, at);
	memcpy(file + payload, prefix, n);
	memcpy(file + payload + n, data + payload, size - payload);
	chunk.payload_crc = crc32__of(file + payload, chunk.payload_bytes);
	chunk.crc = crc32__of(&chunk.payload_crc,
			      sizeof(chunk) - offsetof(struct format_chunk, payload_crc));
	memcpy(file + at, &chunk, sizeof(chunk));
	return file;
}

/* What else the library takes: frames that are skipped, and those of its first versions. */
Test(record_damage, other_frames)
{
	static const uint8_t prefixes[][8] = {
		{ 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 }, /* to be skipped, empty */
		{ 0x25, 0xb5, 0x2f, 0xfd }, /* 0.5 */
		{ 0x26, 0xb5, 0x2f, 0xfd },
		{ 0x27, 0xb5, 0x2f, 0xfd },
	};
	bool is_damaged, is_complete;
	struct tape t;
	uint8_t *data;
	size_t size;

	data = small_file(&t, &size);
	for (size_t i = 0; i < N_OF(prefixes); i++) {
		uint8_t *file = with_prefix(data, size, prefixes[i], sizeof(prefixes[i]));

		tape_write(t.path, file, size + sizeof(prefixes[i]));
		count_inputs(t.path, &is_damaged, &is_complete);
		cr_expect(is_damaged, "%zu", i);
		free(file);
	}
	free(data);
	tape_done(&t);
}
