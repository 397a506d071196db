/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See source_lines.h. The file is opened as src/process/target_file.h says, and read up to the
 * lines that are wanted.
 */
#include "symbol/source_lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "base/time.h"
#include "base/utf8.h"
#include "model/resolver.h"
#include "process/file_lines.h"
#include "process/procfs.h"
#include "process/target_file.h"

#define MAX_READ_BYTES (256U << 20) /* in all: a target may name any number of lines */
#define N_LINES (2 * SOURCE_AROUND + 1)
#define LINE_BYTES (SOURCE_LINES_MAX_COLUMNS + 1)

struct place {
	struct {
		const char *file; /* of the pool: the same text is the same address */
		uint64_t pid, line; /* as wide as the address: the key has no padding */
	} key;
	const char *text; /* of the pool, NULL if it cannot be known */
	UT_hash_handle hh;
};

struct source_lines {
	struct strings *pool;
	struct place *all; /* in the order of arrival */
	uint64_t read_bytes;
};

int source_lines__new(struct source_lines **ret_lines, struct strings *pool)
{
	struct source_lines *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->pool = pool;
	*ret_lines = s;
	return 0;
}

static void source_lines__drop(struct source_lines *s, struct place *place)
{
	HASH_DEL(s->all, place);
	free(place);
}

void source_lines__free(struct source_lines *s)
{
	struct place *place, *next;

	if (!s)
		return;
	HASH_ITER (hh, s->all, place, next)
		source_lines__drop(s, place);
	free(s);
}

void source_lines__forget(struct source_lines *s, uint32_t pid)
{
	struct place *place, *next;

	HASH_ITER (hh, s->all, place, next)
		if (place->key.pid == pid)
			source_lines__drop(s, place);
}

/* CLOCK_REALTIME, to the second. 0 or -errno. */
static int find_start(pid_t pid, time_t *ret_start)
{
	struct timespec now, since_boot;
	struct proc_stat stat;
	int r = proc_stat__read(&stat, pid);

	if (r < 0)
		return r;
	if (clock_gettime(CLOCK_REALTIME, &now) || clock_gettime(CLOCK_BOOTTIME, &since_boot))
		return -errno;
	*ret_start = now.tv_sec - since_boot.tv_sec +
		(time_t)(stat.start_time_ticks / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

/*
 * The process names the file, and we may read more than it may: a recording must not be its way to
 * other people's files. Times are to the second: both sides are rounded down, so one more is no
 * difference.
 */
static bool is_its_own(int fd, pid_t pid)
{
	struct stat st;
	time_t start = 0;

	return fstat(fd, &st) == 0 && proc_may_read(pid, &st) > 0 && find_start(pid, &start) >= 0 &&
		st.st_mtime <= start + 1;
}

/* Joined, as valid UTF-8. NULL without memory. */
static const char *join(struct source_lines *s, const struct file_lines *l)
{
	char raw[N_LINES * LINE_BYTES], text[3 * sizeof(raw)];
	size_t used = 0;

	for (uint32_t i = l->first; i <= l->last && file_lines__has(l, i); i++) {
		const char *line = file_lines__line(l, i);
		const size_t n = strcspn(line, "\r");

		if (i > l->first)
			raw[used++] = '\n';
		memcpy(raw + used, line, n);
		used += n;
	}
	raw[used] = '\0';
	utf8__sanitize(raw, text, sizeof(text));
	return strings__intern(s->pool, text);
}

/* What a file may take of what is left for all of them. */
static size_t file_allowance(const struct source_lines *s)
{
	const uint64_t left = s->read_bytes < MAX_READ_BYTES ? MAX_READ_BYTES - s->read_bytes : 0;

	return left < FILE_LINES_MAX_BYTES ? left : FILE_LINES_MAX_BYTES;
}

static const char *read_lines(struct source_lines *s, pid_t pid, const char *file, uint32_t line)
{
	char text[N_LINES][LINE_BYTES];
	struct file_lines lines = { .first = source_first_line(line),
				    .last = line + SOURCE_AROUND,
				    .lines = text[0],
				    .line_bytes = LINE_BYTES };
	_cleanup_fd_ int fd = target_open(pid, file);
	int r;

	if (fd < 0 || !is_its_own(fd, pid))
		return NULL;
	r = file_lines__read(&lines, fd, file_allowance(s));
	s->read_bytes += lines.read_bytes;
	/* The file may be shorter than the code says. */
	return r < 0 || !file_lines__has(&lines, line) ? NULL : join(s, &lines);
}

const char *source_lines__get(struct source_lines *s, uint32_t pid, const char *file, uint32_t line)
{
	struct place *place, wanted = { .key = { file, pid, line } };

	if (!line || line > UINT32_MAX - SOURCE_AROUND)
		return NULL;
	table__find(s->all, &wanted.key, place);
	if (place)
		return place->text;
	if (HASH_COUNT(s->all) >= SOURCE_LINES_MAX_PLACES)
		return NULL;
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->key = wanted.key;
	place->text = read_lines(s, (pid_t)pid, file, line);
	if (table__add(s->all, place) < 0) {
		free(place);
		return NULL;
	}
	return place->text;
}
