/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See loop_entry.h.
 */
#include "app/loop_entry.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/users.h"

static void find_user(pid_t pid, char *buf, size_t size)
{
	const struct passwd *user;
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0) {
		snprintf(buf, size, "?");
		return;
	}
	user = users__by_uid(st.st_uid);
	if (user)
		snprintf(buf, size, "%s", user->pw_name);
	else
		snprintf(buf, size, "%u", st.st_uid);
}

static void join_kinds(struct loop_entry *row)
{
	for (int i = 0; i < row->n_loops; i++) {
		const char *word = target_loop_kind_word(row->loops[i].kind);
		const size_t used = strlen(row->kinds);

		if (!strstr(row->kinds, word))
			snprintf(row->kinds + used, sizeof(row->kinds) - used, "%s%s",
				 used ? "+" : "", word);
	}
}

void loop_entry__read(struct loop_entry *ret_row, const struct target *t)
{
	*ret_row = (struct loop_entry){ .target = t };
	ret_row->n_loops = target__loop_threads(t, ret_row->loops, LOOP_ENTRY_MAX_LOOPS);
	if (ret_row->n_loops <= 0)
		return;
	find_user(t->pid, ret_row->user, sizeof(ret_row->user));
	ret_row->n_tasks = target__count_tasks(t);
	join_kinds(ret_row);
}
