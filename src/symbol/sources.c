/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See sources.h. A file counts as missing only if the process's root folder can still be opened:
 * that of an ended process is missing as well.
 */
#include "symbol/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "model/resolver.h"
#include "process/target_file.h"

#define MAX_FILES 8192
#define MAX_FILE_BYTES (4 << 20) /* of a longer one the number of lines is not known */
#define CHUNK_BYTES 16384

struct source_key {
	const char *file; /* of the pool: the same text is the same address */
	uint64_t pid; /* as wide as the address: the key has no padding */
};

struct source {
	struct source_key key;
	uint32_t lines;
	UT_hash_handle hh;
};

struct sources {
	struct source *all; /* in the order of arrival */
};

int sources__new(struct sources **ret_sources)
{
	struct sources *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret_sources = s;
	return 0;
}

static void sources__drop(struct sources *s, struct source *source)
{
	HASH_DEL(s->all, source);
	free(source);
}

void sources__free(struct sources *s)
{
	struct source *source, *next;

	if (!s)
		return;
	HASH_ITER (hh, s->all, source, next)
		sources__drop(s, source);
	free(s);
}

void sources__forget(struct sources *s, uint32_t pid)
{
	struct source *source, *next;

	HASH_ITER (hh, s->all, source, next)
		if (source->key.pid == pid)
			sources__drop(s, source);
}

static uint32_t count_in(const char *chunk, size_t n)
{
	uint32_t lines = 0;

	for (const char *end = chunk + n; (chunk = memchr(chunk, '\n', (size_t)(end - chunk)));
	     chunk++)
		lines++;
	return lines;
}

/* At least 1: also an empty file has a first line. */
static uint32_t count_lines(int fd)
{
	char chunk[CHUNK_BYTES];
	size_t total = 0;
	uint32_t lines = 1;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		lines += count_in(chunk, (size_t)n);
		total += (size_t)n;
		if (total > MAX_FILE_BYTES)
			return 0;
	}
	return n < 0 ? 0 : lines;
}

static bool has_root(pid_t pid)
{
	/* It is a folder, so a process that exists gives another error than -ENOENT. */
	return target_open(pid, "/") == -EISDIR;
}

static uint32_t look(pid_t pid, const char *file)
{
	_cleanup_fd_ int fd = target_open(pid, file);

	if (fd >= 0)
		return count_lines(fd);
	return (fd == -ENOENT || fd == -ENOTDIR) && has_root(pid) ? CODE_NO_FILE : 0;
}

uint32_t sources__lines(struct sources *s, uint32_t pid, const char *file)
{
	const struct source_key key = { file, pid };
	struct source *source;
	uint32_t lines;

	table__find(s->all, &key, source);
	if (source)
		return source->lines;
	lines = look((pid_t)pid, file);
	source = calloc(1, sizeof(*source));
	if (!source)
		return lines;
	source->key = key;
	source->lines = lines;
	if (table__add(s->all, source) < 0) {
		free(source);
		return lines;
	}
	if (HASH_COUNT(s->all) > MAX_FILES)
		sources__drop(s, s->all);
	return lines;
}
