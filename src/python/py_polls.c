/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See py_polls.h. A thread that waits in epoll runs a loop. One in poll() or select() may as well
 * wait for one socket or for a child; there the functions around the wait decide.
 */
#include "python/py_polls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "process/loop_state.h"
#include "process/proc_thread.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/py_tids.h"
#include "python/py_tstates.h"
#include "python/py_words.h"
#include "python/python.h"

#define MAX_FRAMES 16 /* of machinery between the poll and the function that runs the loop */
#define FRAME_WORDS 48 /* locals and the values that a function works with */

static int read_target(void *ctx, uint64_t addr, void *buf, size_t size)
{
	return target__read(ctx, addr, buf, size);
}

#define KIND(of) [of] = { .word = "poll", .library = (of), .is_by_thread = true, .is_bare = true }
static const struct loop_kind kinds[LIBRARY_MAX] = {
	KIND(LIBRARY_TWISTED), KIND(LIBRARY_GEVENT), KIND(LIBRARY_EVENTLET),
	KIND(LIBRARY_SERVER),  KIND(LIBRARY_OWN),
};

const struct loop_kind py_loop_shown = { .word = "poll", .is_by_thread = true, .is_bare = true };

/* What a function of a stack is to a loop, and whose code it is. */
struct part {
	enum frame_role role;
	enum loop_library library;
	enum code_origin origin;
	bool is_module; /* the text of a file; also if it cannot be read */
	bool is_supervisor;
};

/* One that cannot be read counts as the user's. */
static struct part part_of(const struct target *t, uint64_t code)
{
	struct frame_source source = { .read = read_target, .ctx = (void *)t, .proc = t->proc };
	struct part part = { .role = FRAME_USER, .origin = ORIGIN_USER, .is_module = true };
	struct code_stamp stamp;
	struct code_names names;

	if (py_code_stamp(&source, code, &stamp) < 0)
		return part;
	py_code_names(&source, &stamp, &names);
	if (names.name && names.file) {
		part.role = runtime_words__frame_role(t->runtime->words, names.file, names.name);
		part.is_module = !strcmp(names.name, "<module>");
		part.library = py_frame_library(names.file, names.name);
		part.origin = runtime_words__origin(t->runtime->words, names.file);
		part.is_supervisor = t->runtime->words->is_supervisor(names.file);
	}
	free(names.name);
	free(names.file);
	return part;
}

static int read_poll(const struct target *t, pid_t tid, struct proc_thread *ret_thread)
{
	const int r = tid > 0 ? proc_thread__read(ret_thread, t->pid, tid) : -ENOENT;

	if (r < 0)
		return limits__is_lack(r) ? r : -ENOENT;
	return proc_thread__is_in_epoll(ret_thread) || proc_thread__is_in_poll(ret_thread) ?
		0 :
		-ENOENT;
}

/* The same with its stack, which counts if the thread waits before and after it was read. */
static int read_waiting(const struct target *t, uint64_t tstate, pid_t tid,
			struct proc_thread *ret_thread, struct target_stack *ret_stack)
{
	int r = read_poll(t, tid, ret_thread);

	if (r < 0)
		return r;
	r = py_thread_stack(t, tstate, ret_stack);
	if (r < 0)
		return limits__is_lack(r) ? r : -ENOENT;
	r = read_poll(t, tid, ret_thread);
	if (!r && (!ret_stack->n_frames || ret_stack->is_torn))
		return -ENOENT;
	return r;
}

static pid_t tid_of(const struct target *t, uint64_t tstate)
{
	_cleanup_(tid_map__done) struct tid_map tids = { 0 };
	const pid_t tid = tid_map__read(&tids, t) < 0 ? 0 : tid_map__of_thread(&tids, t, tstate);

	return tid > 0 ? tid : 0;
}

/*
 * Where the innermost function is that is no machinery of a loop, and what kind of loop the
 * functions up to there show.
 */
static size_t find_runner(const struct target *t, const struct target_stack *stack,
			  const struct loop_kind **ret_kind)
{
	enum loop_library library = LIBRARY_DEFAULT;
	struct part part;
	size_t i = 0;

	for (;; i++) {
		part = part_of(t, stack->frames[i].at.code);
		if (library == LIBRARY_DEFAULT)
			library = part.library;
		if ((part.role != FRAME_LOOP && part.role != FRAME_RESUMES) ||
		    i + 1 >= stack->n_frames || i >= MAX_FRAMES)
			break;
	}
	*ret_kind = &kinds[library ?: LIBRARY_OWN];
	return i;
}

/* The outermost function that is not the standard library's. */
static uint64_t find_base(const struct target *t, const struct target_stack *stack)
{
	for (size_t i = stack->n_frames; i-- > 0;)
		if (part_of(t, stack->frames[i].at.code).origin != ORIGIN_RUNTIME)
			return stack->frames[i].at.code;
	return 0;
}

/* Among what the innermost function works with; a method's object is there while it is called. */
static bool has_poll_object(const struct target *t, uint64_t tstate)
{
	uint64_t frame, words[FRAME_WORDS];

	if (py_frame_top(t, tstate, &frame) ||
	    target__read(t, frame + t->proc.py.at.frame_locals, words, sizeof(words)))
		return false;
	for (size_t i = 0; i < FRAME_WORDS; i++) {
		const uint64_t object = words[i] & ~(uint64_t)t->proc.py.at.tag_mask;

		if (object && !(object & 7) && py_is_instance(t, object, "select.poll"))
			return true;
	}
	return false;
}

static bool is_in_core(const struct target *t, const struct target_module *module)
{
	return !strcmp(module->path, py_target(t)->core_path);
}

/*
 * Does a thread that waits in poll or select from `module`, called by the n-th function, which is
 * such a part, run a loop? The standard library waits so for a child or a connection. A socket with
 * a timeout waits in a poll of one descriptor, which the interpreter may have in the same module as
 * select.poll().
 */
static bool is_plain_loop(const struct target *t, const struct proc_thread *waiting,
			  uint64_t tstate, const struct target_module *module,
			  const struct part *runner, size_t n)
{
	if (runner->origin == ORIGIN_RUNTIME && runner->role == FRAME_USER)
		return false;
	return n > 0 || !proc_thread__is_in_poll_of_one(waiting) || !is_in_core(t, module) ||
		has_poll_object(t, tstate);
}

int py_polls__describe(const struct target *t, struct target_loop_thread *thread)
{
	const struct target_module *module = NULL;
	const struct loop_kind *kind;
	struct proc_thread waiting;
	struct target_stack stack;
	int r = read_waiting(t, thread->tstate, thread->tid, &waiting, &stack);
	struct part runner;
	bool is_epoll;
	size_t n;

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = target__spot_poll(t, &waiting, &module);
	if (r < 0 || !module)
		return r;
	n = find_runner(t, &stack, &kind);
	is_epoll = proc_thread__is_in_epoll(&waiting);
	runner = part_of(t, stack.frames[n].at.code);
	if (runner.is_supervisor ||
	    (!is_epoll && !is_plain_loop(t, &waiting, thread->tstate, module, &runner, n)))
		return 0;
	thread->loop = thread->tstate;
	thread->kind = kind;
	thread->poll_fd = is_epoll ? (int)waiting.args[0] : -1;
	for (size_t i = 0; i < LS_LOOP_CODES && n + i < stack.n_frames; i++)
		thread->bare.codes[i] = stack.frames[n + i].at.code;
	thread->bare.base_code = find_base(t, &stack);
	thread->bare.root_code = stack.frames[stack.n_frames - 1].at.code;
	thread->bare.has_greenlets = !!(t->parts & PY_PART_GREENLET);
	thread->bare.depth = (uint16_t)n;
	thread->bare.is_plain = !is_epoll;
	if (py_frame_find(t, thread->tstate, thread->bare.codes[0], &thread->frame))
		thread->frame = 0;
	return 1;
}

int py_polls__fd(const struct target *t, uint64_t tstate)
{
	struct proc_thread waiting;
	const int r = read_poll(t, tid_of(t, tstate), &waiting);

	if (r < 0)
		return r;
	return proc_thread__is_in_epoll(&waiting) ? (int)waiting.args[0] : -ENOENT;
}

bool py_polls__is_thread(const struct target *t, uint64_t addr)
{
	struct py_tstates walk = { .t = t };
	uint64_t tstate = 0;

	if (!addr || !py_target(t)->interp)
		return false;
	do
		tstate = py_tstates__next(&walk);
	while (tstate && tstate != addr);
	return tstate == addr;
}

int py_polls__runner(const struct target *t, uint64_t tstate, __u64 *ret_code,
		     const struct loop_kind **ret_kind)
{
	struct proc_thread waiting;
	struct target_stack stack;
	const int r = read_waiting(t, tstate, tid_of(t, tstate), &waiting, &stack);

	if (!r)
		*ret_code = stack.frames[find_runner(t, &stack, ret_kind)].at.code;
	return r;
}

/* The stack of a thread begins with the program's text, or with what the interpreter runs it by. */
bool py_polls__is_greenlet(const struct target *t, const struct target_stack *stack)
{
	static const char *const hubs[] = { "gevent.hub", "eventlet.hubs.hub" };
	uint64_t dict;
	struct part root;

	if (!(t->parts & PY_PART_GREENLET) || !stack->n_frames)
		return false;
	root = part_of(t, stack->frames[stack->n_frames - 1].at.code);
	if (root.is_module || root.origin == ORIGIN_RUNTIME)
		return false;
	for (size_t i = 0; i < N_OF(hubs); i++)
		if (!py_module_dict(t, hubs[i], &dict))
			return true;
	return false;
}
