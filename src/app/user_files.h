/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads files in the format of /etc/passwd and /etc/group. Uses no name service.
 */
#ifndef LOOPSTALL_APP_USER_FILES_H
#define LOOPSTALL_APP_USER_FILES_H

#include <pwd.h>

/* NULL if there is no such user, or no such file. Valid until the next call of either. */
const struct passwd *user_files__by_uid(const char *path, uid_t uid);
const struct passwd *user_files__by_name(const char *path, const char *name);

/*
 * The groups of a user: the one that the user's own entry names first, then those that list the
 * name. Their number, or -errno; the caller frees.
 */
int user_files__groups(const char *path, const struct passwd *user, gid_t **ret_groups);

#endif
