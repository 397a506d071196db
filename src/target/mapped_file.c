/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a mapped file, tried one after the other.
 */
#include "target/mapped_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* Device numbers are not compared: on btrfs and overlayfs maps and stat differ for one file. */
static int open_inode(const char *path, ino_t ino)
{
	_cleanup_fd_ int fd = open_regular(path);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	return st.st_ino == ino ? TAKE_FD(fd) : -ENOENT;
}

static int by_path(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	if (map->is_deleted)
		return -ENOENT;
	if (asprintf(ret_host_path, "/proc/%d/root%s", pid, map->path) < 0) {
		*ret_host_path = NULL;
		return -ENOMEM;
	}
	return open_inode(*ret_host_path, map->ino);
}

static int by_exe(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	_cleanup_free_ char *exe = NULL;
	int r = proc_exe(pid, &exe, NULL);

	if (r)
		return r;
	/* Another file may have the same number on another file system. */
	if (strcmp(exe, map->path))
		return -ENOENT;
	if (asprintf(ret_host_path, "/proc/%d/exe", pid) < 0) {
		*ret_host_path = NULL;
		return -ENOMEM;
	}
	return open_inode(*ret_host_path, map->ino);
}

static int by_map_files(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	if (asprintf(ret_host_path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, map->start,
		     map->end) < 0) {
		*ret_host_path = NULL;
		return -ENOMEM;
	}
	return open_regular(*ret_host_path);
}

int mapped_file__open(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	static int (*const ways[])(pid_t, const struct map_entry *, char **) = { by_path, by_exe,
										  by_map_files };
	int closed = 0, r = -ENOENT;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		_cleanup_free_ char *host_path = NULL;

		r = ways[i](pid, map, &host_path);
		if (r >= 0) {
			*ret_host_path = TAKE_PTR(host_path);
			return r;
		}
		if (!closed && (r == -EACCES || r == -EPERM))
			closed = r;
	}
	return closed ? closed : r;
}
