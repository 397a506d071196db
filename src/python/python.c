/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the runtime CPython, and the order of its examination.
 */
#include "python/py_polls.h"
#include "python/python.h"

#include <errno.h>
#include <stdlib.h>

#include "process/examine.h"

static const struct {
	const char *word, *sentence;
} sends[] = {
#define _(name, word, sentence) { word, sentence },
	PY_SENDS(_)
#undef _
};

static bool has_traces(const struct maps *maps)
{
	return maps__find_name(maps, "libpython3") || maps__find_name(maps, "python3") ||
		maps__find_part(maps, "/lib-dynload/");
}

static int examine(struct examination *x)
{
	struct target *t = x->t;
	struct py_target *py = calloc(1, sizeof(*py));
	int r;

	if (!py)
		return -ENOMEM;
	t->own = py;
	py->sends = PY_SENDS_NONE;
	r = py_examine_interpreter(x);
	if (!r)
		r = py_examine_modules(x);
	t->is_up = py->interp && t->proc.py.gil;
	t->anchor = py->runtime;
	return r;
}

static void free_own(void *own)
{
	struct py_target *py = own;

	if (!py)
		return;
	free(py->core_path);
	free(py);
}

static void describe(const struct target *t, struct target_description *ret)
{
	const struct py_target *py = py_target(t);

	*ret = (struct target_description){
		.file = py->core_path,
		.is_static = py->is_static,
		.build = py->is_free_threaded ? "without the GIL" : NULL,
		.switches_stacks = t->parts & PY_PART_GREENLET,
		.stacks_note = t->parts & PY_PART_GREENLET ?
			"greenlet is loaded: a step that switches stacks ends when its stack is "
			"left" :
			NULL,
		.tasks_what = "tasks written in Python",
		.tasks_word = sends[py->sends].word,
		.has_hidden_tasks = py->sends != PY_SENDS_CALL,
		.tasks_sentence = sends[py->sends].sentence,
	};
}

/*
 * One call of the evaluation function for each Python frame, from 3.11 on for several. Parts of it
 * that the compiler split off have no name in stripped interpreters.
 */
static const struct native_bounds native_bounds = {
	.inside = (const char *const[]){ "_PyEval_EvalFrameDefault", NULL },
	.outside = (const char *const[]){ "_PyEval_Vector", "_PyFunction_Vectorcall",
					  "_PyEval_EvalCodeWithName", "_PyEval_EvalFrame",
					  "PyEval_EvalCode", NULL },
};

const struct runtime_ops runtime_python = {
	.id = LS_RUNTIME_PYTHON,
	.words = &words_python,
	.native_bounds = &native_bounds,
	.has_traces = has_traces,
	.examine = examine,
	.free = free_own,
	.loop_threads = py_loop_threads,
	.resolve_loop = py_resolve_loop,
	.has_queue = py_has_queue,
	.find_running_task = py_find_running_task,
	.requests = py_requests,
	.scheduler_of_thread = py_scheduler_of_thread,
	.resolve_tasks = py_resolve_tasks,
	.task_of_coroutine = py_task_of_coroutine,
	.step_of_stack = py_step_of_stack,
	.task_name = py_task_name,
	.tasks = py_tasks,
	.count_tasks = py_count_tasks,
	.count_ready = py_count_ready,
	.waiting = py_waiting,
	.executor = py_executor,
	.executor_threads = py_executor_threads,
	.pools = py_pools,
	.threads = py_threads,
	.thread_stack = py_thread_stack,
	.lock_holder = py_lock_holder,
	.thread_name = py_thread_name,
	.is_lock_wait = py_is_lock_wait,
	.poll_fd = py_poll_fd,
	.callee = py_callee,
	.shown_loop = &py_loop_shown,
	.is_greenlet = py_polls__is_greenlet,
	.code_stamp = py_code_stamp,
	.code_names = py_code_names,
	.code_qualname = py_code_qualname,
	.code_lines = py_code_lines,
	.frame_line = py_frame_line,
	.thread_tid = py_thread_tid,
	.describe = describe,
};
