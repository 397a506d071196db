/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: trio/_core/_run.py (unrolled_run, Runner, Task, Nursery, Deadlines, CancelScope,
 * CancelStatus, SystemClock) and trio/_core/_traps.py of 0.22 and 0.34. What is missing or has
 * another type than there is not used.
 */
#include "python/py_trio.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/python.h"

#define RUNNER_TRIES 3

static const char run_module[] = "trio._core._run", traps_module[] = "trio._core._traps";

static int find_code(const struct target *t, uint64_t module, const char *name, uint64_t *ret_code)
{
	uint64_t function;
	int r = py_dict_get(t, module, name, &function);

	return r ? r : py_function_code(t, function, ret_code);
}

static int find_slot(const struct target *t, uint64_t type, const char *name, uint16_t *ret_offset)
{
	uint64_t offset;
	int r = py_slot(t, type, name, &offset);

	*ret_offset = r ? 0 : (uint16_t)offset;
	return r;
}

static int find_slots(const struct target *t, struct py_trio *trio)
{
	const struct {
		const char *name;
		uint16_t *offset;
	} slots[] = {
		{ "coro", &trio->coro },
		{ "name", &trio->name },
		{ "_runner", &trio->owner },
		{ "_next_send_fn", &trio->next_send },
		{ "_parent_nursery", &trio->parent_nursery },
		{ "custom_sleep_data", &trio->sleep_data },
		{ "_abort_func", &trio->abort },
	};
	int r = py_dict_get(t, trio->module, "Task", &trio->task_type);

	for (size_t i = 0; !r && i < N_OF(slots); i++)
		r = find_slot(t, trio->task_type, slots[i].name, slots[i].offset);
	return r;
}

int py_trio__find(const struct target *t, struct py_trio *ret_trio)
{
	int r = py_module_dict(t, run_module, &ret_trio->module);

	if (!r)
		r = find_code(t, ret_trio->module, "unrolled_run", &ret_trio->loop);
	if (!r)
		r = py_code_local(t, ret_trio->loop, "runner", &ret_trio->loop_runner);
	if (!r)
		r = find_code(t, ret_trio->module, "run", &ret_trio->run);
	if (!r)
		r = py_code_local(t, ret_trio->run, "runner", &ret_trio->run_runner);
	return r ? r : find_slots(t, ret_trio);
}

void py_trio__find_traps(const struct target *t, struct py_trio *trio)
{
	static const char *const names[PY_TRIO_TRAPS] = { "_async_yield", "wait_task_rescheduled",
							  "cancel_shielded_checkpoint" };
	uint64_t module;
	int r = py_module_dict(t, traps_module, &module);

	for (size_t i = 0; i < PY_TRIO_TRAPS; i++)
		if (r || find_code(t, module, names[i], &trio->traps[i]))
			trio->traps[i] = 0;
}

bool py_trio__is_runner(const struct target *t, uint64_t object)
{
	char name[16];
	uint64_t type;

	return object && !py_type_of(t, object, &type) &&
		!py_type_name(t, type, name, sizeof(name)) && !strcmp(name, "Runner");
}

static bool find_frame(const struct target *t, uint64_t tstate, uint64_t code, uint16_t local,
		       uint64_t *ret_frame, uint64_t *ret_runner)
{
	return !py_frame_find(t, tstate, code, ret_frame) &&
		!py_frame_local(t, *ret_frame, local, ret_runner) &&
		py_trio__is_runner(t, *ret_runner);
}

int py_trio__runner(const struct target *t, const struct py_trio *trio, uint64_t tstate,
		    uint64_t *ret_runner)
{
	uint64_t frame;

	/* A running thread changes its frames all the time. */
	for (int i = 0; i < RUNNER_TRIES; i++)
		if (find_frame(t, tstate, trio->run, trio->run_runner, &frame, ret_runner) ||
		    find_frame(t, tstate, trio->loop, trio->loop_runner, &frame, ret_runner))
			return 0;
	return -ENOENT;
}

int py_trio__loop_frame(const struct target *t, const struct py_trio *trio, uint64_t tstate,
			uint64_t *ret_frame, uint64_t *ret_runner)
{
	for (int i = 0; i < RUNNER_TRIES; i++)
		if (find_frame(t, tstate, trio->loop, trio->loop_runner, ret_frame, ret_runner))
			return 0;
	return -ENOENT;
}

static bool is_trap(const struct py_trio *trio, uint64_t code)
{
	for (size_t i = 0; i < PY_TRIO_TRAPS; i++)
		if (code == trio->traps[i])
			return true;
	return false;
}

size_t py_trio__count_traps(const struct py_trio *trio, const struct ls_frame *frames, size_t n)
{
	size_t count = 0;

	while (count + 1 < n && is_trap(trio, frames[count].code))
		count++;
	return count;
}

uint64_t py_trio__parent(const struct target *t, struct py_trio *trio, uint64_t nursery)
{
	if (nursery == trio->nursery)
		return trio->nursery_task;
	trio->nursery = nursery;
	if (!nursery || py_attribute(t, nursery, "_parent_task", &trio->nursery_task))
		trio->nursery_task = 0;
	return trio->nursery_task;
}

/* trio's clock is that of the kernel plus an offset, unless the program passed another clock. */
static int resolve_clock(const struct target *t, uint64_t runner, __u64 *ret_offset_ns)
{
	uint64_t clock, type, number;
	char name[16];
	double offset_s;
	int r = py_attribute(t, runner, "clock", &clock);

	if (!r)
		r = py_type_of(t, clock, &type);
	if (!r)
		r = py_type_name(t, type, name, sizeof(name));
	if (!r && strcmp(name, "SystemClock"))
		r = -ENOTSUP;
	if (!r)
		r = py_attribute(t, clock, "offset", &number);
	if (!r)
		r = target__read(t, number + t->proc.py.at.float_value, &offset_s,
				 sizeof(offset_s));
	if (!r && !(offset_s >= 1 && offset_s < 1e9))
		r = -EBADMSG;
	if (!r)
		*ret_offset_ns = (uint64_t)(offset_s * 1e9);
	return r;
}

/* Sleeping tasks: the heap of deadlines names scopes, those the tasks in them. */
static void resolve_deadlines(const struct target *t, uint64_t module, uint64_t runner,
			      struct ls_pytasks *tasks)
{
	uint64_t deadlines, type, scope, status;
	uint16_t heap;
	int r = py_dict_get(t, module, "CancelScope", &scope);

	if (!r)
		r = py_dict_get(t, module, "CancelStatus", &status);
	if (!r)
		r = find_slot(t, scope, "_registered_deadline", &tasks->scope_deadline);
	if (!r)
		r = find_slot(t, scope, "_cancel_status", &tasks->scope_status);
	if (!r)
		r = find_slot(t, status, "_tasks", &tasks->status_tasks);
	if (!r)
		r = find_slot(t, status, "_children", &tasks->status_children);
	if (!r)
		r = resolve_clock(t, runner, &tasks->clock_offset_ns);
	if (!r)
		r = py_attribute(t, runner, "deadlines", &deadlines);
	if (!r)
		r = py_type_of(t, deadlines, &type);
	if (!r)
		r = find_slot(t, type, "_heap", &heap);
	if (!r && t->proc.py.none)
		tasks->deadlines = deadlines + heap;
}

void py_trio__resolve(const struct target *t, uint64_t runner, struct ls_loop *ret_loop)
{
	struct ls_pytasks *tasks = &ret_loop->py.tasks;
	struct py_trio trio = { 0 };
	uint64_t queue;

	if (py_trio__find(t, &trio) || py_attribute(t, runner, "runq", &queue) ||
	    !py_is_instance(t, queue, "collections.deque") ||
	    py_code_local(t, trio.loop, "task", &tasks->task_local) ||
	    py_code_local(t, trio.loop, "batch", &tasks->batch_local))
		return;
	ret_loop->py.ready = queue;
	tasks->type = trio.task_type;
	tasks->owner = runner;
	tasks->owned_by = trio.owner;
	tasks->none = t->proc.py.none;
	tasks->coro = trio.coro;
	tasks->name = trio.name;
	tasks->next_send = trio.next_send;
	tasks->is_queued_bare = 1;
	resolve_deadlines(t, trio.module, runner, tasks);
}
