/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users as the C library knows them. Not part of a static program.
 */
#include "app/users.h"

#include <errno.h>
#include <grp.h>

const struct passwd *users__by_uid(uid_t uid)
{
	return getpwuid(uid);
}

const struct passwd *users__by_name(const char *name)
{
	return getpwnam(name);
}

int users__set_groups(const struct passwd *user)
{
	return initgroups(user->pw_name, user->pw_gid) ? -errno : 0;
}
