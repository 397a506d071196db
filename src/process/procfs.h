/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc of one process: its memory maps, state, names and namespaces. The parsers are pure
 * functions over text. Any file may vanish between two reads.
 */
#ifndef LOOPSTALL_PROCESS_PROCFS_H
#define LOOPSTALL_PROCESS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A mapping of a file; the others are left out. */
struct map_entry {
	uint64_t start, end, offset;
	dev_t dev;
	ino_t ino;
	bool is_executable, is_deleted;
	const char *path; /* inside the maps object, without " (deleted)" */
	const char *name; /* its last component */
};

struct maps {
	size_t n;
	struct map_entry *entries;
	char *text;
};

/*
 * Lines that do not parse are skipped. Paths are given as a process with this root sees them. 0 or
 * -ENOMEM.
 */
int maps__parse(struct maps **ret_maps, const char *text, size_t size, const char *root);
/* Paths as the process names them. */
int maps__read(struct maps **ret_maps, pid_t pid);
void maps__free(struct maps *m);
static inline void maps__freep(struct maps **m)
{
	maps__free(*m);
}
/* A hash that changes when other files are mapped, or at other addresses. */
uint64_t maps__stamp(const struct maps *m);
/* First mapping whose path is `path`. */
const struct map_entry *maps__find_path(const struct maps *m, const char *path);
/* First mapping whose last path component begins with `prefix`. */
const struct map_entry *maps__find_name(const struct maps *m, const char *prefix);
/* First mapping whose path contains `part`. */
const struct map_entry *maps__find_part(const struct maps *m, const char *part);

struct proc_stat {
	char comm[64];
	char state;
	bool is_kernel_thread;
	pid_t ppid;
	uint64_t start_time_ticks;
};

int proc_stat__parse(struct proc_stat *ret_stat, const char *text);
int proc_stat__read(struct proc_stat *ret_stat, pid_t pid);

/* Size of the address space in pages, without reading its maps. -ESRCH: it has none any more. */
int proc_vm_pages(pid_t pid, uint64_t *ret_pages);

struct proc_status {
	pid_t tgid;
	pid_t ns_pid; /* innermost of NSpid */
	uid_t uid; /* effective */
};

int proc_status__parse(struct proc_status *ret_status, const char *text);
/* Whether a process with this status text (/proc/PID/status) is in the group. */
bool proc_status_has_group(const char *text, gid_t gid);
/*
 * Whether the process may read a file of this owner and mode by itself: 1, 0 or -errno. Folders on
 * the way to it and access control lists are not looked at.
 */
int proc_may_read(pid_t pid, const struct stat *st);
/* Of thread `tid` of process `pid`. */
int proc_status__read(struct proc_status *ret_status, pid_t pid, pid_t tid);

/* The kernel's name of a thread. */
int proc_thread_comm(pid_t pid, pid_t tid, char *buf, size_t size);

/* Whole file /proc/<pid>/<name>, with a NUL behind it. -EFBIG beyond 64 MiB. */
int proc_read(pid_t pid, const char *name, char **ret_text, size_t *ret_size);
/* Target of the link /proc/<pid>/<name>. */
int proc_readlink(pid_t pid, const char *name, char **ret_target);
/*
 * 0, or -errno: -ENOENT if the process has no such thread. Not by access(), which asks without our
 * capabilities unless we are root, and so finds nothing where hidepid= hides other users'
 * processes.
 */
int proc_find_thread(pid_t pid, uint32_t tid);
/* Arguments joined with spaces. */
int proc_cmdline(pid_t pid, char **ret_cmdline);
/*
 * /proc names files from our root on, also those of a process that lives in a chroot: how a process
 * whose root is `root` names `path`.
 */
const char *proc_inner_path(const char *root, const char *path);
/*
 * The process's root as seen from ours: "/" for nearly every process, containers included; "" if
 * not known.
 */
int proc_root(pid_t pid, char **ret_root);
/* The program, as the process names it, without the note that it was deleted. */
int proc_exe(pid_t pid, char **ret_exe, bool *ret_is_deleted);
/*
 * The control group out of the text of /proc/PID/cgroup: of the unified hierarchy, or of the first
 * of the older ones in which it is not in the root. NULL if it is in no group. It points into
 * `text`, which is changed.
 */
char *proc_cgroup__parse(char *text);

#endif
