/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users as /etc/passwd and /etc/group list them. Only part of a static program.
 */
#include "app/users.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>

#include "app/user_files.h"
#include "base/cleanup.h"

#define PASSWD "/etc/passwd"
#define GROUP "/etc/group"

const struct passwd *users__by_uid(uid_t uid)
{
	return user_files__by_uid(PASSWD, uid);
}

const struct passwd *users__by_name(const char *name)
{
	return user_files__by_name(PASSWD, name);
}

int users__set_groups(const struct passwd *user)
{
	_cleanup_free_ gid_t *groups = NULL;
	const int n = user_files__groups(GROUP, user, &groups);

	if (n < 0)
		return n;
	return setgroups((size_t)n, groups) ? -errno : 0;
}
