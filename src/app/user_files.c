/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads users and groups line by line, with the C library's functions for one open file.
 */
#include "app/user_files.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* By name, or by number if that is NULL. */
static const struct passwd *find(const char *path, const char *name, uid_t uid)
{
	_cleanup_(file_close) FILE *stream = fopen(path, "re");
	const struct passwd *user;

	while (stream && (user = fgetpwent(stream)))
		if (name ? !strcmp(user->pw_name, name) : user->pw_uid == uid)
			return user;
	return NULL;
}

const struct passwd *user_files__by_uid(const char *path, uid_t uid)
{
	return find(path, NULL, uid);
}

const struct passwd *user_files__by_name(const char *path, const char *name)
{
	return find(path, name, 0);
}

static bool lists(const struct group *group, const char *name)
{
	for (char **member = group->gr_mem; *member; member++)
		if (!strcmp(*member, name))
			return true;
	return false;
}

int user_files__groups(const char *path, const struct passwd *user, gid_t **ret_groups)
{
	_cleanup_(file_close) FILE *stream = fopen(path, "re");
	_cleanup_free_ gid_t *groups = NULL;
	const struct group *group;
	size_t n = 0, size = 0;

	if (ARRAY_RESERVE(groups, size, 1))
		return -ENOMEM;
	groups[n++] = user->pw_gid;
	while (stream && (group = fgetgrent(stream))) {
		if (group->gr_gid == user->pw_gid || !lists(group, user->pw_name))
			continue;
		if (ARRAY_RESERVE(groups, size, n + 1))
			return -ENOMEM;
		groups[n++] = group->gr_gid;
	}
	*ret_groups = TAKE_PTR(groups);
	return (int)n;
}
