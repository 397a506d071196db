/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See flight_folder.h. Only files with names of this form are ever removed.
 */
#include "app/flight_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"

#define MAX_SAME 100 /* files of one millisecond, process and reason */
#define TEMPORARY_BYTES (RECORDING_NAME_BYTES + 8)
/* A recorder that was killed leaves its temporary file behind. */
#define ABANDONED_S 600

int flight_folder__open(struct flight_folder *f, const char *path, struct err *err)
{
	f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0) {
		const int r = -errno;

		err__set(err, r, "cannot use %s as the folder for recordings: %s", path,
			 strerror(-r));
		return r == -ENOENT ? err__hint(err, r, "create it: mkdir -p %s", path) : r;
	}
	if (faccessat(f->fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err__set(err, -errno, "cannot write to the folder %s: %s", path,
				strerror(errno));
	return 0;
}

void flight_folder__done(struct flight_folder *f)
{
	fd_close(&f->fd);
}

static bool is_ours(const char *name)
{
	int n = 0;

	sscanf(name, "loopstall-%*8[0-9]T%*6[0-9].%*3[0-9]Z-%*10[0-9]-%*16[a-z]%n", &n);
	if (n == 0)
		return false;
	if (name[n] == '-')
		n += 1 + (int)strspn(&name[n + 1], "0123456789");
	return !strcmp(&name[n], ".ls");
}

/* ".NAME.tmp" */
static bool is_our_temporary(const char *name)
{
	char inner[RECORDING_NAME_BYTES];
	const size_t n = strlen(name);

	if (*name != '.' || n < 6 || n - 5 >= sizeof(inner) || strcmp(&name[n - 4], ".tmp") != 0)
		return false;
	memcpy(inner, name + 1, n - 5);
	inner[n - 5] = '\0';
	return is_ours(inner);
}

struct old_file {
	char name[RECORDING_NAME_BYTES];
	uint64_t bytes;
};

struct old_files {
	size_t n, size;
	struct old_file *list;
	uint64_t bytes;
};

static void remove_abandoned(const struct flight_folder *f, const char *name, const struct stat *st)
{
	if (st->st_mtim.tv_sec + ABANDONED_S < time(NULL))
		unlinkat(f->fd, name, 0);
}

static int note_file(const struct flight_folder *f, const char *name, struct old_files *files)
{
	struct stat st;

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (is_our_temporary(name))
		remove_abandoned(f, name, &st);
	if (!is_ours(name) || strlen(name) >= RECORDING_NAME_BYTES)
		return 0;
	if (ARRAY_RESERVE(files->list, files->size, files->n + 1) < 0)
		return -ENOMEM;
	strcpy(files->list[files->n].name, name);
	files->list[files->n++].bytes = (uint64_t)st.st_size;
	files->bytes += (uint64_t)st.st_size;
	return 0;
}

static int list_files(const struct flight_folder *f, struct old_files *files)
{
	const int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(dir_close) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (r >= 0 && (entry = readdir(dir)))
		r = note_file(f, entry->d_name, files);
	return r;
}

/* Names sort by time. */
static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct old_file *)a)->name, ((const struct old_file *)b)->name);
}

static bool is_too_much(const struct flight_folder *f, const struct old_files *files, size_t n_gone,
			uint64_t new_bytes)
{
	return files->n - n_gone + 1 > f->max_files ||
		(f->max_bytes && files->bytes + new_bytes > f->max_bytes);
}

/* Removes the oldest files until another one fits. 0 or -errno. */
static int make_room(const struct flight_folder *f, uint64_t new_bytes)
{
	struct old_files files = {};
	int r = list_files(f, &files);

	if (r >= 0 && files.n > 1)
		qsort(files.list, files.n, sizeof(*files.list), compare_files);
	for (size_t i = 0; r >= 0 && i < files.n && is_too_much(f, &files, i, new_bytes); i++) {
		if (unlinkat(f->fd, files.list[i].name, 0) < 0 && errno != ENOENT)
			r = -errno;
		files.bytes -= files.list[i].bytes;
	}
	free(files.list);
	return r;
}

/* Never over another file. Not all file systems can do it in one step. */
static int give_name(const struct flight_folder *f, const char *from, const char *to)
{
	if (renameat2(f->fd, from, f->fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(f->fd, from, f->fd, to, 0) < 0)
		return -errno;
	return unlinkat(f->fd, from, 0) < 0 ? -errno : 0;
}

static int give_free_name(const struct flight_folder *f, const struct recording_id *id,
			  const char *from, char name[RECORDING_NAME_BYTES])
{
	int r = -EEXIST;

	for (unsigned int number = 1; r == -EEXIST && number <= MAX_SAME; number++) {
		recording_name(id, number, name);
		r = give_name(f, from, name);
	}
	return r;
}

static int write_file(const struct flight_folder *f, const char *name, const struct ring_copy *copy)
{
	_cleanup_fd_ int fd =
		openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return -errno;
	r = ring_copy__write(copy, fd);
	return r >= 0 && fsync(fd) < 0 ? -errno : r;
}

int flight_folder__write(struct flight_folder *f, const struct recording_id *id,
			 const struct ring_copy *copy, char ret_name[RECORDING_NAME_BYTES])
{
	char name[RECORDING_NAME_BYTES], temporary[TEMPORARY_BYTES];
	int r;

	recording_name(id, 1, name);
	snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
	r = write_file(f, temporary, copy);
	if (r == -EEXIST)
		return r;
	if (r >= 0)
		r = make_room(f, ring_copy__bytes(copy));
	if (r >= 0)
		r = give_free_name(f, id, temporary, name);
	if (r < 0) {
		unlinkat(f->fd, temporary, 0);
		return r;
	}
	fsync(f->fd);
	memcpy(ret_name, name, sizeof(name));
	return 0;
}
