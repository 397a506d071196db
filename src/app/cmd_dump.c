/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall dump`: one look at what the loops, tasks and threads of a process do right now.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/privs.h"
#include "app/say.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "base/log.h"
#include "dump/dump.h"

/* What was put on stdout. */
struct shown {
	size_t n;
	int error; /* 0 or -errno of a write that failed, which no process is to blame for */
};

/* 0, or -ENOMEM for this process. What a write of text fails with is found by say_finish(). */
static int write_dump(const struct dump *d, const struct config *config, struct shown *shown)
{
	int r = 0;

	if (shown->n++ && !config->is_json)
		fputc('\n', stdout);
	if (config->is_json)
		r = dump__write_json(d, stdout);
	else
		dump__write_text(d, stdout);
	if (r == -ENOMEM)
		return r;
	shown->error = r;
	return 0;
}

/* A process without a loop is shown, and is a failure all the same. */
static int check_loops(const struct dump *d, struct err *err)
{
	if (d->n_loops)
		return 0;
	err__set(err, -ENOENT, "no event loop runs in process %d (%s)", d->target->pid,
		 d->target->comm);
	return err__hint(err, -ENOENT, "`loopstall ls` shows the event loops of this machine");
}

/* 0 or -errno with err filled. */
static int show(const struct config *config, pid_t pid, struct shown *shown, struct err *err)
{
	static const struct target_context context = { .is_without_spots = true };
	_cleanup_(target__freep) struct target *t = NULL;
	_cleanup_(dump__done) struct dump d = { 0 };
	int r = target__examine(&t, pid, &context, err);

	if (r)
		return r;
	r = dump__read(&d, t, NULL);
	if (r)
		return err__set(err, r, "cannot look into process %d (%s): %s", pid, t->comm,
				r == -ESRCH ? "it has ended" : strerror(-r));
	r = write_dump(&d, config, shown);
	if (r)
		return err__set(err, r, "cannot write the dump of process %d (%s): %s", pid,
				t->comm, strerror(-r));
	return check_loops(&d, err);
}

static int find_by_name(const char *name, pid_t **ret_pids, size_t *ret_n, struct err *err)
{
	int r = target__find_by_name(name, ret_pids, ret_n);

	if (r)
		return err__set(err, r, "cannot list processes: %s", strerror(-r));
	if (*ret_n)
		return 0;
	err__set(err, -ESRCH, "no process has '%s' in its command line", name);
	return err__hint(err, -ESRCH, "`loopstall ls` shows the event loops of this machine");
}

/* Of those named by their pid each must have a loop; of those that match a name, one must. */
static int show_all(const struct config *config, const pid_t *pids, size_t n)
{
	struct shown shown = { 0 };
	struct err first = { 0 };
	size_t n_good = 0;
	int first_code = 0, code;

	for (size_t i = 0; i < n && !shown.error; i++) {
		struct err err = { 0 };
		int r = show(config, pids[i], &shown, &err);

		n_good += !r;
		if (r && !config->name)
			say_failure(r, &err);
		if (r && !first_code) {
			first_code = r;
			first = err;
		}
	}
	code = n_good && (config->name || !first_code) ? EXIT_FINE : EXIT_CANNOT_ATTACH;
	if (shown.error)
		return say_written(code, shown.error);
	if (config->name && !n_good)
		return say_failure(first_code, &first);
	return say_finish(code);
}

static int run(const struct config *config)
{
	_cleanup_free_ pid_t *found = NULL;
	struct err err = { 0 };
	size_t n = 0;
	int r;

	privs_raise();
	if (!config->name)
		return show_all(config, config->pids, config->n_pids);
	r = find_by_name(config->name, &found, &n, &err);
	return r ? say_failure(r, &err) : show_all(config, found, n);
}

static const struct cli_option options[] = {
	CLI_OPTION_PID("look at these processes"),
	CLI_OPTION_NAME("look at processes with NAME in their command line"),
	{ .name = NULL },
};

const struct cli_command cmd_dump = {
	.name = "dump",
	.usage = "-p PID | -n NAME",
	.summary = "Shows what loops, tasks and threads do right now, also while they are stuck",
	.details = "Reads memory and /proc only: nothing is stopped or changed, and no eBPF is "
		   "needed. Tasks that\n"
		   "wait at the same place are one line; those they wait for are indented below.",
	.options = options,
	.needs_target = true,
	.run = run,
};
