/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a mapped file, tried one after the other.
 */
#include "process/mapped_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/target_file.h"

/* Device numbers are not compared: on btrfs and overlayfs maps and stat differ for one file. */
static int keep_inode(int opened, ino_t ino)
{
	_cleanup_fd_ int fd = opened;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	return st.st_ino == ino ? TAKE_FD(fd) : -ENOENT;
}

static int by_path(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	int fd = map->is_deleted ? -ENOENT : keep_inode(target_open(pid, map->path), map->ino);

	if (fd >= 0 && asprintf(ret_host_path, "/proc/%d/root%s", pid, map->path) < 0)
		*ret_host_path = NULL;
	return fd;
}

static int by_link(pid_t pid, const char *link, char **ret_host_path)
{
	int fd = target_open_link(pid, link);

	if (fd >= 0 && asprintf(ret_host_path, "/proc/%d/%s", pid, link) < 0)
		*ret_host_path = NULL;
	return fd;
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
	return keep_inode(by_link(pid, "exe", ret_host_path), map->ino);
}

static int by_map_files(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	char link[64];

	snprintf(link, sizeof(link), "map_files/%" PRIx64 "-%" PRIx64, map->start, map->end);
	return by_link(pid, link, ret_host_path);
}

int mapped_file__open(pid_t pid, const struct map_entry *map, char **ret_host_path)
{
	static int (*const ways[])(pid_t, const struct map_entry *, char **) = { by_path, by_exe,
										 by_map_files };
	int closed = 0, r = -ENOENT;

	for (size_t i = 0; i < N_OF(ways); i++) {
		_cleanup_free_ char *host_path = NULL;
		_cleanup_fd_ int fd = ways[i](pid, map, &host_path);

		r = fd;
		if (fd >= 0 && !host_path)
			return -ENOMEM;
		if (fd >= 0) {
			*ret_host_path = TAKE_PTR(host_path);
			return TAKE_FD(fd);
		}
		if (!closed && (r == -EACCES || r == -EPERM))
			closed = r;
	}
	return closed ? closed : r;
}
