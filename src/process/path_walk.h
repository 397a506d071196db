/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A path inside another root, folder by folder: what openat2() does with RESOLVE_IN_ROOT and
 * RESOLVE_NO_MAGICLINKS, for where a filter keeps us from that call. systemd's RestrictSUIDSGID=,
 * which is part of DynamicUser=, does so because a filter cannot see the call's flags.
 */
#ifndef LOOPSTALL_PROCESS_PATH_WALK_H
#define LOOPSTALL_PROCESS_PATH_WALK_H

/*
 * Opens `path`, absolute, with O_PATH. No folder above `root_fd` is ever entered, whatever is
 * renamed meanwhile: ".." begins again at the root. `flags`: O_DIRECTORY or 0. A descriptor, or
 * -errno as openat2() has it.
 */
int path_walk(int root_fd, const char *path, int flags);

#endif
