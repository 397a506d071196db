/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole session over the scripted kernel side and processes of the unit tests, as a program that
 * can be made to fail: `session` writes JSON lines, `session FILE` a recording as well. Exit codes
 * are those of loopstall.
 */
#include "session/world_session.h"

static void first_step(void)
{
	report_thread(PID, TID, LOOP, 0x5000);
}

static void fork_child(void)
{
	process_begins(PID_2, PID, "python3 worker.py");
	report_fork(PID, PID_2, false);
}

static void child_stalls(void)
{
	report_thread(PID_2, PID_2, LOOP, 0x6000);
	report_stall_of(PID_2, PID_2);
}

static void get_stuck(void)
{
	world.probe.open_since_ns = world.now_ns;
}

static void go_on(void)
{
	world.probe.open_since_ns = 0;
}

static void end_target(void)
{
	process_ends(PID_2);
	process_ends(PID);
}

/* As world_tasks(), for one who may have no memory. */
static int tasks(const struct target *t, size_t max, const struct target_task_choice *choice,
		 struct target_tasks *tasks)
{
	int r = target_tasks__begin(tasks, 2);

	(void)t;
	(void)max;
	(void)choice;
	for (uint64_t i = 0; !r && i < 2; i++)
		r = target_tasks__add(tasks,
				      &(struct target_task){ .task = 0x100 * (i + 1),
							     .loop = LOOP,
							     .counted_as = 0x100 * (i + 1),
							     .name = "",
							     .waits_for = "" });
	tasks->total = 2;
	return r ? r : 2;
}

static struct runtime_ops runtime;

static int examine(struct target **ret_target, pid_t pid, const struct target_context *context,
		   struct err *err)
{
	int r = world_examine(ret_target, pid, context, err);

	if (!r)
		(*ret_target)->runtime = &runtime;
	return r;
}

int main(int argc, char **argv)
{
	const struct recorder_opts record = { .path = argv[1], .may_replace = true };
	struct process_ops process = world_process;
	struct session_env env = world_env;
	struct session_opts opts = world_opts();
	struct session *s = NULL;
	struct sink_report report = {};
	const struct sink_report_opts report_opts = { .out = stdout,
						      .is_json = true,
						      .report = { .mode = "exact" } };
	struct err err = {};
	int r;

	runtime = world_runtime;
	runtime.tasks = tasks;
	process.examine = examine;
	env.process = &process;
	opts.env = &env;
	opts.record = argc > 1 ? &record : NULL;
	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(300, report_stall);
	at_ms(400, fork_child);
	at_ms(700, child_stalls);
	at_ms(1000, get_stuck);
	at_ms(2500, go_on);
	at_ms(2600, report_stall);
	at_ms(3000, end_target);
	r = session__new(&s, &opts, &err);
	world.session = s;
	if (r >= 0)
		r = sink_report__init(&report, s, &report_opts, &err);
	if (r >= 0)
		r = session__add_targets(s, &err);
	if (r >= 0)
		r = session__run(s, &err);
	if (r >= 0 && opts.record)
		r = session__close_recording(s) ?: r;
	session__free(s);
	sink_report__done(&report);
	if (r < 0)
		fprintf(stderr, "the session failed: %s\n", *err.what ? err.what : strerror(-r));
	return r < 0 ? EXIT_INCONCLUSIVE : r;
}
