/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens what belongs to a target: program files, modules, sources. This is the only place that does
 * (procfs.c and base/procmem.c read the kernel's files about a process). The target chooses the
 * path and what is there, and we may be root:
 *
 *   - a symbolic link is resolved inside the target's root, never in ours, and never through a link
 *     that the kernel made (/proc/PID/fd);
 *   - what is there is looked at first (O_PATH has no effect on a device) and opened only if it is
 *     a regular file of an ordinary file system;
 *   - it is that very file which is opened, whatever the path leads to by then.
 *
 * Each returns a descriptor, or -errno as open() does, or
 *   -ENODEV      it is a device
 *   -ENXIO       it is a FIFO or a socket
 *   -EISDIR      it is a folder
 *   -ELOOP       too many links, or one that the kernel made
 *   -EMEDIUMTYPE it is on a file system that the kernel makes up (procfs, sysfs, tracefs, ...)
 */
#ifndef LOOPSTALL_PROCESS_TARGET_FILE_H
#define LOOPSTALL_PROCESS_TARGET_FILE_H

#include <dirent.h>
#include <sys/types.h>

/* `path` as the process names it; relative to its working directory. */
int target_open(pid_t pid, const char *path);
/* A link of /proc/PID that leads to a file: "exe", "map_files/A-B". */
int target_open_link(pid_t pid, const char *link);
/* A folder, to list it. 0 or -errno. */
int target_open_dir(DIR **ret_dir, pid_t pid, const char *path);
/* How the process names the file that was opened, without symbolic links. 0 or -errno. */
int target_fd_path(pid_t pid, int fd, char **ret_path);

/* A reason for people, such as "it is a device"; of other errors what strerror() says. */
const char *target_open_reason(int code);

#endif
