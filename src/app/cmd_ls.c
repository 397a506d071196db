/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall ls`: the event loops running on this machine.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/exit.h"
#include "app/loop_entry.h"
#include "app/privs.h"
#include "app/say.h"
#include "app/supervise.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "report/format.h"
#include "process/target.h"

#define MAX_COMMAND_BYTES 4096
#define CONTAINER_COLUMNS 16

/* Processes that are not in the list, by reason; printed below it. */
struct left_out {
	size_t n_idle; /* Pythons without a loop */
	size_t n_unreadable;
	struct err first_unreadable;
};

/*
 * Result of the listing. Processes are examined in a child (supervise.h) that shares this memory.
 */
struct outcome {
	size_t n_shown;
	size_t n_lost; /* rows for which there was no memory */
	int output_error; /* errno of stdout */
	struct left_out out;
};

struct list {
	const struct config *config;
	const pid_t *pids;
	struct target *first; /* that was examined; many processes have the same files */
	struct outcome *outcome;
};

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
static void print_row(const struct loop_entry *row, unsigned int width)
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
		       row->target->pid, user, row->target->version, row->kinds, row->n_loops,
		       tasks, target_rung_word(row->target->rung), CONTAINER_COLUMNS, container,
		       command);
	if (width > 0 && cut > (int)width) {
		cut = (int)width;
		while (cut > 0 && ((unsigned char)line[cut] & 0xc0) == 0x80)
			cut--;
		line[cut] = '\0';
	}
	puts(line);
}

/* NULL without memory. */
static json_t *row_json(const struct loop_entry *row)
{
	const struct target *t = row->target;
	struct jsonx o = say_json_object("loop");
	struct target_description about;

	target__describe(t, &about);
	jsonx_add(&o, "pid", json_integer(t->pid));
	jsonx_add_text(&o, "user", row->user);
	jsonx_add_text(&o, "python", t->version);
	jsonx_add_bool(&o, "static", about.is_static);
	jsonx_add_bool(&o, "stripped", t->is_stripped);
	jsonx_add_text(&o, "rung", target_rung_word(t->rung));
	jsonx_add_bool(&o, "container", t->is_container);
	jsonx_add(&o, "container_pid", t->is_container ? json_integer(t->ns_pid) : json_null());
	jsonx_add_text(&o, "cgroup", t->cgroup);
	jsonx_add(&o, "tasks", row->n_tasks >= 0 ? json_integer(row->n_tasks) : json_null());
	jsonx_add(&o, "loops",
		  jsonx_array(row->loops, (size_t)row->n_loops, sizeof(*row->loops),
			      say_loop_thread));
	jsonx_add_text(&o, "command", t->cmdline ? t->cmdline : t->comm);
	return jsonx_end(&o);
}

static unsigned int terminal_width(void)
{
	struct winsize size = {};

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return 0;
}

/* Processes whose maps may not be read: what they run is not known. */
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
		log_info("%zu processes could not be read: run as root or with CAP_SYS_PTRACE to "
			 "see them, too",
			 n_closed);
}

static void leave_out(struct left_out *out, pid_t pid, int code, const struct err *err)
{
	if (code == -ESRCH)
		return; /* the process has ended since it was listed */
	/* The process used up its allowance, so it is named. */
	if (code == -ETIME || code == -EFBIG) {
		log_warn("%s", err->what);
		return;
	}
	if (out->n_unreadable++ == 0)
		out->first_unreadable = *err;
	log_debug("%d: %s", pid, err->what);
}

/* Written at once, because the next process may take long. 0 or -errno. */
static int put_row(const struct loop_entry *row, const struct config *config, bool is_first)
{
	if (config->is_json)
		return say_json(row_json(row));
	if (is_first)
		print_header();
	print_row(row, terminal_width());
	return fflush(stdout) == 0 ? 0 : -errno;
}

/* False once the reader of the list has gone. */
static bool print(const struct loop_entry *row, const struct config *config,
		  struct outcome *outcome)
{
	int r;

	/* A reader may take its time. */
	supervise_pause(true);
	r = put_row(row, config, outcome->n_shown == 0);
	outcome->n_shown++;
	if (r == -ENOMEM) {
		log_error("process %d is not listed: %s", row->target->pid, strerror(ENOMEM));
		outcome->n_lost++;
	} else if (r < 0) {
		outcome->output_error = -r;
	}
	if (row->n_tasks == -ETIME)
		log_warn("the tasks of process %d are not counted: that takes more than 300 ms of "
			 "CPU time",
			 row->target->pid);
	supervise_pause(false);
	return !outcome->output_error;
}

/* Shows a process if it has a loop. False once the reader of the list has gone. */
static bool show(void *ctx, size_t i)
{
	struct list *list = ctx;
	struct left_out *out = &list->outcome->out;
	const struct target_context context = { .relative = list->first };
	_cleanup_(target__freep) struct target *t = NULL;
	const pid_t pid = list->pids[i];
	struct loop_entry row = {};
	struct err err = {};
	bool is_written = true;
	int r;

	r = target__examine(&t, pid, &context, &err);
	if (r < 0) {
		leave_out(out, pid, r, &err);
		return true;
	}
	loop_entry__read(&row, t);
	if (row.n_loops > 0) {
		is_written = print(&row, list->config, list->outcome);
	} else if (row.n_loops == -ETIME) {
		log_warn("process %d is not listed: finding its loops takes more than 300 ms of "
			 "CPU time",
			 pid);
	} else if (row.n_loops < 0) {
		err__set(&err, row.n_loops, "the loops of process %d cannot be read: %s", pid,
			 strerror(-row.n_loops));
		leave_out(out, pid, row.n_loops, &err);
	} else {
		out->n_idle++;
	}
	if (!list->first)
		list->first = TAKE_PTR(t);
	return is_written;
}

static void leave_out_stuck(void *ctx, size_t i, int signal)
{
	const struct list *list = ctx;

	if (signal)
		log_warn("process %d is not examined: that crashed (%s), which is a defect",
			 list->pids[i], strsignal(signal));
	else
		log_warn("process %d is not examined: a file of it or its memory does not answer",
			 list->pids[i]);
}

static void list__done(struct list *list)
{
	target__free(list->first);
}

static int run(const struct config *config)
{
	_cleanup_free_ pid_t *pids = NULL;
	_cleanup_(list__done) struct list list = { .config = config,
						   .outcome =
							   supervise_alloc(sizeof(*list.outcome)) };
	struct supervised work = { .work = show, .leave_out = leave_out_stuck, .ctx = &list };
	struct err err = {};
	int r = -ENOMEM;

	privs_raise();
	if (list.outcome)
		r = target__find_all(&pids, &work.n);
	if (r < 0) {
		err__set(&err, r, "cannot list processes: %s", strerror(-r));
		return say_failure(r, &err);
	}
	list.pids = pids;
	supervise(&work);
	r = say_written(EXIT_FINE, -list.outcome->output_error);
	if (r)
		return r;
	tell_left_out(&list.outcome->out, list.outcome->n_shown);
	return list.outcome->n_lost ? EXIT_INCONCLUSIVE : EXIT_FINE;
}

static const struct cli_option options[] = {
	{ .name = NULL },
};

const struct cli_command cmd_ls = {
	.name = "ls",
	.usage = "",
	.summary = "Lists the event loops running on this machine",
	.details = "RUNG says how the steps of a process can be seen: by the symbol of its step "
		   "function, or\n"
		   "by an entry point found in a stripped program. CONTAINER names the control "
		   "group of a process in\n"
		   "namespaces of its own, and the pid it has there.",
	.options = options,
	.run = run,
};
