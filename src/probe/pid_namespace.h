/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side knows processes by the numbers of the initial pid namespace.
 */
#ifndef LOOPSTALL_PROBE_PID_NAMESPACE_H
#define LOOPSTALL_PROBE_PID_NAMESPACE_H

#include <errno.h>
#include <sys/stat.h>

#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU /* linux: include/linux/proc_ns.h, PROC_PID_INIT_INO */

/* Do we see the same numbers? 0, -EXDEV if not, or another -errno. */
static inline int pid_namespace__try(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return -errno;
	return st.st_ino == INITIAL_PID_NAMESPACE ? 0 : -EXDEV;
}

#endif
