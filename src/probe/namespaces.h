/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side knows processes by the numbers of the initial pid namespace, and counts only
 * capabilities that hold in the initial user namespace.
 */
#ifndef LOOPSTALL_PROBE_NAMESPACES_H
#define LOOPSTALL_PROBE_NAMESPACES_H

#include <errno.h>
#include <sys/stat.h>

/* linux: include/linux/proc_ns.h, PROC_PID_INIT_INO and PROC_USER_INIT_INO */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU

static inline int namespace__compare(const char *path, ino_t initial)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	return st.st_ino == initial ? 0 : -EXDEV;
}

/* Do we see the same numbers? 0, -EXDEV if not, or another -errno. */
static inline int pid_namespace__try(void)
{
	return namespace__compare("/proc/self/ns/pid", INITIAL_PID_NAMESPACE);
}

/* Do our capabilities count? The same. */
static inline int user_namespace__try(void)
{
	return namespace__compare("/proc/self/ns/user", INITIAL_USER_NAMESPACE);
}

#endif
