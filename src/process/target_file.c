/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See target_file.h. Sources: open(2) on O_PATH, openat2(2) on the RESOLVE flags, proc(5) on
 * /proc/PID/root and /proc/PID/fd.
 */
#include "process/target_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/path_walk.h"
#include "process/procfs.h"

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define MAX_TRIES 8 /* while folders in the path are being renamed */

/* linux/magic.h of older headers lacks these; each is in the kernel's source of that file system.
 */
#define CONFIGFS_MAGIC 0x62656570
#define FUSECTL_MAGIC 0x65735543
#define RPC_PIPEFS_MAGIC 0x67596969
#define NFSD_MAGIC 0x6e667364
#define MQUEUE_MAGIC 0x19800202

/* Reading some of their files has effects: trace_pipe and kmsg take what another reader waits for.
 */
static const uint32_t made_up[] = {
	PROC_SUPER_MAGIC, SYSFS_MAGIC,		TRACEFS_MAGIC,
	DEBUGFS_MAGIC,	  SECURITYFS_MAGIC,	SELINUX_MAGIC,
	SMACK_MAGIC,	  CGROUP_SUPER_MAGIC,	CGROUP2_SUPER_MAGIC,
	BPF_FS_MAGIC,	  PSTOREFS_MAGIC,	EFIVARFS_MAGIC,
	BINFMTFS_MAGIC,	  DEVPTS_SUPER_MAGIC,	NSFS_MAGIC,
	AAFS_MAGIC,	  RDTGROUP_SUPER_MAGIC, USBDEVICE_SUPER_MAGIC,
	CONFIGFS_MAGIC,	  FUSECTL_MAGIC,	RPC_PIPEFS_MAGIC,
	NFSD_MAGIC,	  MQUEUE_MAGIC,
};

static int check_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 0;
	case S_IFDIR:
		return -EISDIR;
	case S_IFCHR:
	case S_IFBLK:
		return -ENODEV;
	case S_IFLNK:
		return -ELOOP;
	default:
		return -ENXIO;
	}
}

static int check_file_system(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return -errno;
	for (size_t i = 0; i < N_OF(made_up); i++)
		if ((uint32_t)fs.f_type == made_up[i])
			return -EMEDIUMTYPE;
	return 0;
}

/* `path_fd` was opened with O_PATH. Devices stay closed: opening one may already have an effect. */
static int open_checked(int path_fd, int flags)
{
	char link[32];
	struct stat st;
	int fd, r;

	if (fstat(path_fd, &st))
		return -errno;
	r = flags & O_DIRECTORY ? 0 : check_kind(st.st_mode);
	if (!r)
		r = check_file_system(path_fd);
	if (r)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, flags);
	return fd < 0 ? -errno : fd;
}

static int open_root(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int resolve_in(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -EAGAIN;

	for (int i = 0; fd == -EAGAIN && i < MAX_TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd < 0)
			fd = -errno;
	}
	return fd == -ENOSYS ? path_walk(root_fd, path, flags) : (int)fd;
}

/* Of a relative path: the working directory in front of it. */
static int absolute_path(pid_t pid, const char *path, char **ret_path)
{
	_cleanup_free_ char *cwd = NULL, *root = NULL, *full = NULL;
	int r = proc_readlink(pid, "cwd", &cwd);

	if (!r)
		r = proc_root(pid, &root);
	if (r)
		return r;
	if (asprintf(&full, "%s/%s", cwd, path) < 0) {
		full = NULL;
		return -ENOMEM;
	}
	*ret_path = strdup(proc_inner_path(root, full));
	return *ret_path ? 0 : -ENOMEM;
}

static int open_inside(pid_t pid, const char *path, int flags)
{
	_cleanup_free_ char *absolute = NULL;
	_cleanup_fd_ int root_fd = -1, path_fd = -1;
	int r = *path == '/' ? 0 : absolute_path(pid, path, &absolute);

	if (r)
		return r;
	root_fd = open_root(pid);
	if (root_fd < 0)
		return root_fd;
	path_fd = resolve_in(root_fd, absolute ?: path, flags & O_DIRECTORY);
	return path_fd < 0 ? path_fd : open_checked(path_fd, flags);
}

int target_open(pid_t pid, const char *path)
{
	return open_inside(pid, path, OPEN_FLAGS);
}

int target_open_link(pid_t pid, const char *link)
{
	_cleanup_fd_ int path_fd = -1;
	char path[96];

	if (snprintf(path, sizeof(path), "/proc/%d/%s", pid, link) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	path_fd = open(path, O_PATH | O_CLOEXEC);
	return path_fd < 0 ? -errno : open_checked(path_fd, OPEN_FLAGS);
}

int target_open_dir(DIR **ret_dir, pid_t pid, const char *path)
{
	int fd = open_inside(pid, path, OPEN_FLAGS | O_DIRECTORY);
	int r;

	if (fd < 0)
		return fd;
	*ret_dir = fdopendir(fd);
	if (*ret_dir)
		return 0;
	r = -errno;
	close(fd);
	return r;
}

int target_fd_path(pid_t pid, int fd, char **ret_path)
{
	_cleanup_free_ char *root = NULL, *full = NULL;
	char link[32];
	int r;

	snprintf(link, sizeof(link), "fd/%d", fd);
	r = proc_readlink(getpid(), link, &full);
	if (!r)
		r = proc_root(pid, &root);
	if (r)
		return r;
	*ret_path = strdup(proc_inner_path(root, full));
	return *ret_path ? 0 : -ENOMEM;
}

const char *target_open_reason(int code)
{
	switch (code) {
	case -ENODEV:
		return "it is a device";
	case -ENXIO:
		return "it is a FIFO or a socket";
	case -EISDIR:
		return "it is a folder";
	case -ELOOP:
		return "a symbolic link on the way leads in a circle or into /proc";
	case -EMEDIUMTYPE:
		return "it is on a file system that the kernel makes up";
	default:
		return strerror(-code);
	}
}
