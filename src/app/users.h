/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The users of this machine and their groups. The usual program asks the C library, which asks all
 * that /etc/nsswitch.conf names (users.c). A static program must not: the C library would load
 * modules that belong to another version of it. It reads /etc/passwd and /etc/group
 * (users_static.c).
 */
#ifndef LOOPSTALL_APP_USERS_H
#define LOOPSTALL_APP_USERS_H

#include <pwd.h>

/* NULL if there is no such user. Valid until the next call of either. */
const struct passwd *users__by_uid(uid_t uid);
const struct passwd *users__by_name(const char *name);

/* Gives this process all groups of the user. 0 or -errno. */
int users__set_groups(const struct passwd *user);

#endif
