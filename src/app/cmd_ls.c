/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall ls`: the event loops running on this machine.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/exit.h"
#include "app/privs.h"
#include "app/say.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "report/format.h"
#include "target/target.h"

#define MAX_LOOPS 64
#define MAX_COMMAND_BYTES 4096
#define CONTAINER_COLUMNS 16

/* One line of the list: a process and the loops in it. */
struct row {
	const struct target *target;
	char user[32];
	char kinds[48];
	int n_loops;
	struct target_loop_thread loops[MAX_LOOPS];
	int n_tasks; /* -errno if it cannot be told */
};

/* What the list leaves out, told behind it. */
struct left_out {
	size_t n_idle; /* Pythons without a loop */
	size_t n_unreadable;
	struct err first_unreadable;
};

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
	user = getpwuid(st.st_uid);
	if (user)
		snprintf(buf, size, "%s", user->pw_name);
	else
		snprintf(buf, size, "%u", st.st_uid);
}

/* "asyncio", or "asyncio+uvloop": each kind once. */
static void join_kinds(struct row *row)
{
	for (int i = 0; i < row->n_loops; i++) {
		const char *word = target_loop_kind_word(row->loops[i].kind);
		const size_t used = strlen(row->kinds);

		if (!strstr(row->kinds, word))
			snprintf(row->kinds + used, sizeof(row->kinds) - used, "%s%s",
				 used ? "+" : "", word);
	}
}

static void fill_row(struct row *row, const struct target *t)
{
	row->target = t;
	find_user(t->pid, row->user, sizeof(row->user));
	row->n_tasks = target__count_tasks(t);
	join_kinds(row);
}

static void print_header(void)
{
	printf("%7s %-10s %-7s %-10s %5s %6s %-7s %-*s %s\n", "PID", "USER", "PYTHON", "LOOP",
	       "LOOPS", "TASKS", "RUNG", CONTAINER_COLUMNS, "CONTAINER:PID", "COMMAND");
}

/* "4f1a2b3c4d5e:1": where, and its pid there. */
static void name_container(const struct target *t, char *buf, size_t size)
{
	char name[FORMAT_CGROUP_BYTES], escaped[2 * FORMAT_CGROUP_BYTES];

	if (!t->is_container) {
		snprintf(buf, size, "-");
		return;
	}
	text__escape(format__cgroup(t->cgroup, name), escaped, sizeof(escaped));
	snprintf(buf, size, "%s:%d", escaped, t->ns_pid);
}

/* Cuts at the width of the terminal, and never inside a character. */
static void print_row(const struct row *row, unsigned int width)
{
	char command[MAX_COMMAND_BYTES], user[64], tasks[16] = "?";
	char line[MAX_COMMAND_BYTES + 256], container[2 * FORMAT_CGROUP_BYTES + 16];
	int cut;

	text__escape(row->target->cmdline ? row->target->cmdline : row->target->comm, command,
		     sizeof(command));
	text__escape(row->user, user, sizeof(user));
	if (row->n_tasks >= 0)
		snprintf(tasks, sizeof(tasks), "%d", row->n_tasks);
	name_container(row->target, container, sizeof(container));
	cut = snprintf(line, sizeof(line), "%7d %-10s %-7s %-10s %5d %6s %-7s %-*s %s",
		       row->target->pid, user, row->target->python, row->kinds, row->n_loops, tasks,
		       target_rung_word(row->target->rung),
		       CONTAINER_COLUMNS, container, command);
	if (width > 0 && cut > (int)width) {
		cut = (int)width;
		while (cut > 0 && ((unsigned char)line[cut] & 0xc0) == 0x80)
			cut--;
		line[cut] = '\0';
	}
	puts(line);
}

static void print_json_row(const struct row *row)
{
	const struct target *t = row->target;
	json_t *object = say_json_object("loop");
	json_t *loops = json_array();

	if (!object || !loops)
		return;
	for (int i = 0; i < row->n_loops; i++) {
		const struct target_loop_thread *l = &row->loops[i];

		json_array_append_new(loops,
				      json_pack("{sissso*}", "tid", (int)l->tid, "kind",
						target_loop_kind_word(l->kind), "type",
						say_json_string(l->type_name)));
	}
	json_object_set_new(object, "pid", json_integer(t->pid));
	json_object_set_new(object, "user", say_json_string(row->user));
	json_object_set_new(object, "python", json_string(row->target->python));
	json_object_set_new(object, "static", json_boolean(t->is_static));
	json_object_set_new(object, "stripped", json_boolean(t->is_stripped));
	json_object_set_new(object, "rung", json_string(target_rung_word(t->rung)));
	json_object_set_new(object, "container", json_boolean(t->is_container));
	json_object_set_new(object, "container_pid",
			    t->is_container ? json_integer(t->ns_pid) : json_null());
	json_object_set_new(object, "cgroup",
			    t->cgroup ? say_json_string(t->cgroup) : json_null());
	json_object_set_new(object, "tasks",
			    row->n_tasks >= 0 ? json_integer(row->n_tasks) : json_null());
	json_object_set_new(object, "loops", loops);
	json_object_set_new(object, "command", say_json_string(t->cmdline ? t->cmdline : t->comm));
	say_json_line(object);
}

static unsigned int terminal_width(void)
{
	struct winsize size = {};

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}

/* Processes whose maps are closed to us: what they run cannot be told. */
static size_t count_closed(void)
{
	_cleanup_(dir_close) DIR *dir = opendir("/proc");
	const struct dirent *entry;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		_cleanup_fd_ int fd = -1;
		char path[NAME_MAX + 16];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/maps", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n += fd < 0 && (errno == EACCES || errno == EPERM);
	}
	return n;
}

static void tell_left_out(const struct left_out *out, size_t n_shown)
{
	const size_t n_closed = priv_is_there(PRIV_SYS_PTRACE) ? 0 : count_closed();

	if (n_shown == 0)
		log_info("no event loop runs on this machine that could be seen");
	if (out->n_idle > 0)
		log_info("%zu Python process%s without an event loop left out", out->n_idle,
			 out->n_idle == 1 ? "" : "es");
	if (out->n_unreadable > 0)
		log_info("%zu process%s could not be read: %s%s%s", out->n_unreadable,
			 out->n_unreadable == 1 ? "" : "es", out->first_unreadable.what,
			 *out->first_unreadable.hint ? "; " : "", out->first_unreadable.hint);
	if (n_closed > 0)
		log_info("%zu processes could not be read: run as root or with CAP_SYS_PTRACE to see "
			 "them, too",
			 n_closed);
}

/* 1 if the process has a loop and was shown. */
static size_t show(pid_t pid, const struct config *config, bool needs_header, struct left_out *out)
{
	_cleanup_(target__freep) struct target *t = NULL;
	struct row row = {};
	struct err err = {};
	int r;

	r = target__examine(&t, pid, NULL, &err);
	if (r == -ESRCH)
		return 0; /* it has ended since the list was made */
	if (r < 0) {
		if (out->n_unreadable++ == 0)
			out->first_unreadable = err;
		log_debug("%d: %s", pid, err.what);
		return 0;
	}
	row.n_loops = target__loop_threads(t, row.loops, MAX_LOOPS);
	if (row.n_loops <= 0) {
		out->n_idle++;
		return 0;
	}
	fill_row(&row, t);
	if (config->is_json) {
		print_json_row(&row);
	} else {
		if (needs_header)
			print_header();
		print_row(&row, terminal_width());
	}
	return 1;
}

static int run(const struct config *config)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct left_out out = {};
	size_t n = 0, n_shown = 0;
	struct err err = {};
	int r;

	privs_raise();
	r = target__find_pythons(&pids, &n);
	if (r < 0) {
		err__set(&err, r, "cannot list processes: %s", strerror(-r));
		return say_failure(r, &err);
	}
	for (size_t i = 0; i < n; i++)
		n_shown += show(pids[i], config, n_shown == 0, &out);
	tell_left_out(&out, n_shown);
	return EXIT_FINE;
}

static const struct cli_option options[] = {
	{ .name = NULL },
};

const struct cli_command cmd_ls = {
	.name = "ls",
	.usage = "",
	.summary = "Lists the event loops running on this machine",
	.details = "RUNG says how the steps of a process can be seen: by the symbol of its step function, or\n"
		   "by an entry point found in a stripped program. CONTAINER names the control group of a process in\n"
		   "namespaces of its own, and the pid it has there.",
	.options = options,
	.run = run,
};
