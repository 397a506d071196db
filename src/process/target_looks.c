/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at the memory of a target that was examined: each passes on to the runtime's table, within
 * a bound of CPU time.
 */
#include "process/target.h"

#include <errno.h>

#include "base/time.h"
#include "base/work.h"
#include "runtime/lifecycle.h"
#include "runtime/pools.h"
#include "runtime/runtime.h"

#define LOOK_CPU_NS (300 * NS_PER_MS)
/* More for each task that is to be read with all it awaits: with 100 000 that takes a while. */
#define TASK_CPU_NS (20 * NS_PER_US)

/* A look at the memory of a process: what the call returns, or why it is not complete. */
#define LOOK_FOR(cpu_ns, call)                                                                     \
	({                                                                                         \
		int _r, _cut;                                                                      \
                                                                                                   \
		work_begin(cpu_ns);                                                                \
		_r = (call);                                                                       \
		_cut = work_end();                                                                 \
		_cut ? _cut : _r;                                                                  \
	})
#define LOOK(call) LOOK_FOR(LOOK_CPU_NS, call)

int target__loop_threads(const struct target *t, struct target_loop_thread *threads, size_t max)
{
	return LOOK(t->runtime->loop_threads(t, threads, max));
}

int target__threads(const struct target *t, struct target_threads *list)
{
	return t->runtime->threads ? LOOK(t->runtime->threads(t, list)) : -ENOTSUP;
}

int target__thread_stack(const struct target *t, uint64_t tstate, struct target_stack *ret_stack)
{
	return t->runtime->thread_stack ? LOOK(t->runtime->thread_stack(t, tstate, ret_stack)) :
					  -ENOTSUP;
}

int target__lock_holder(const struct target *t, uint64_t *ret_tstate)
{
	return t->runtime->lock_holder ? LOOK(t->runtime->lock_holder(t, ret_tstate)) : -ENOENT;
}

int target__thread_name(const struct target *t, uint64_t tstate, uint64_t id, char *buf,
			size_t size)
{
	return t->runtime->thread_name ? LOOK(t->runtime->thread_name(t, tstate, id, buf, size)) :
					 -ENOTSUP;
}

bool target__is_lock_wait(const struct target *t, uint64_t addr)
{
	return t->runtime->is_lock_wait && t->runtime->is_lock_wait(t, addr);
}

int target__callee(const struct target *t, uint64_t tstate, struct target_callee *ret)
{
	return t->runtime->callee ? LOOK(t->runtime->callee(t, tstate, ret)) : -ENOTSUP;
}

bool target__is_greenlet(const struct target *t, const struct target_stack *stack)
{
	return t->runtime->is_greenlet && LOOK(t->runtime->is_greenlet(t, stack));
}

int target__poll_fd(const struct target *t, uint64_t loop)
{
	return t->runtime->poll_fd ? LOOK(t->runtime->poll_fd(t, loop)) : -ENOENT;
}

int target__resolve_loop(const struct target *t, uint64_t loop, struct ls_loop *info,
			 const struct loop_kind **ret_kind)
{
	return LOOK(t->runtime->resolve_loop(t, loop, info, ret_kind));
}

bool target__has_queue(const struct target *t, const struct ls_loop *info)
{
	return t->runtime->has_queue(info);
}

int target__find_running_task(struct target *t)
{
	return t->runtime->find_running_task ? LOOK(t->runtime->find_running_task(t)) : 0;
}

int target__requests(const struct target *t, uint64_t *stamp, struct ls_requests *ret)
{
	return t->runtime->requests ? LOOK(t->runtime->requests(t, stamp, ret)) : 0;
}

int target__scheduler_of_thread(const struct target *t, uint64_t tstate, uint64_t *ret_loop,
				const struct loop_kind **ret_kind)
{
	if (!t->runtime->scheduler_of_thread)
		return -ENOTSUP;
	return LOOK(t->runtime->scheduler_of_thread(t, tstate, ret_loop, ret_kind));
}

int target__resolve_tasks(const struct target *t, uint64_t loop, struct ls_loop *info)
{
	return t->runtime->resolve_tasks ? LOOK(t->runtime->resolve_tasks(t, loop, info)) : 0;
}

int target__task_of_coroutine(const struct target *t, uint64_t coro, uint64_t *ret_task,
			      struct ls_pystr *ret_name)
{
	if (!t->runtime->task_of_coroutine)
		return -ENOTSUP;
	return LOOK(t->runtime->task_of_coroutine(t, coro, ret_task, ret_name));
}

int target__step_of_stack(const struct target *t, const struct target_stack *stack,
			  struct target_step *ret_step)
{
	return t->runtime->step_of_stack ? LOOK(t->runtime->step_of_stack(t, stack, ret_step)) :
					   -ENOTSUP;
}

int target__task_name(const struct target *t, uint64_t task, uint64_t coro,
		      struct ls_pystr *ret_name)
{
	return t->runtime->task_name ? t->runtime->task_name(t, task, coro, ret_name) : -ENOTSUP;
}

int target__tasks(const struct target *t, size_t max, const struct target_task_choice *choice,
		  struct target_tasks *tasks)
{
	tasks->total = 0;
	if (!t->runtime->tasks)
		return -ENOTSUP;
	return LOOK_FOR(LOOK_CPU_NS + max * TASK_CPU_NS, t->runtime->tasks(t, max, choice, tasks));
}

int target__count_tasks(const struct target *t)
{
	return t->runtime->count_tasks ? LOOK(t->runtime->count_tasks(t)) : -ENOTSUP;
}

int target__count_ready(const struct target *t, const struct ls_loop *loop)
{
	return t->runtime->count_ready ? LOOK(t->runtime->count_ready(t, loop)) : -ENOTSUP;
}

int target__waiting(const struct target *t, const struct target_stuck *stuck,
		    struct target_waiting *ret)
{
	return t->runtime->waiting ? LOOK(t->runtime->waiting(t, stuck, ret)) : -ENOTSUP;
}

int target__executor(const struct target *t, uint64_t loop, struct target_executor *ret)
{
	*ret = (struct target_executor){ 0 };
	return t->runtime->executor ? LOOK(t->runtime->executor(t, loop, ret)) : 0;
}

int target__pools(const struct target *t, struct pools *ret, struct lifecycle *life)
{
	int r;

	*ret = (struct pools){ 0 };
	if (life)
		lifecycle__clear(life);
	r = t->runtime->pools ? LOOK(t->runtime->pools(t, ret, life)) : -ENOTSUP;
	if (r && life)
		lifecycle__clear(life);
	return r;
}

int target__executor_threads(const struct target *t, uint64_t loop, uint64_t *tstates, size_t max)
{
	return t->runtime->executor_threads ?
		LOOK(t->runtime->executor_threads(t, loop, tstates, max)) :
		0;
}

void target__describe(const struct target *t, struct target_description *ret_description)
{
	*ret_description = (struct target_description){ 0 };
	if (t->runtime->describe)
		t->runtime->describe(t, ret_description);
}
