/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a process from the threads to the tasks. Threads come first: they change fastest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "dump/dump.h"
#include "symbol/symbol.h"

#define THREAD_TRIES 3
/*
 * For all threads of a process. On a busy machine such a thread is in the run queue most of the
 * time, and asleep for the 5 ms of sys.getswitchinterval() in between.
 */
#define SETTLE_TRIES 24
#define SETTLE_PAUSE_NS (3 * NS_PER_MS)
#define POLL_TRIES 16 /* of a process that seems to have no loop */

static const char *const doing_words[] = {
#define _(name, word, sentence) word,
	DUMP_DOINGS(_)
#undef _
};

static const char *const doing_sentences[] = {
#define _(name, word, sentence) sentence,
	DUMP_DOINGS(_)
#undef _
};

static const char *const unit_words[] = {
#define _(name, word, sentence) word,
	DUMP_UNITS(_)
#undef _
};

static const char *const unit_sentences[] = {
#define _(name, word, sentence) sentence,
	DUMP_UNITS(_)
#undef _
};

const char *dump_doing_word(enum dump_doing doing)
{
	return doing_words[doing];
}

const char *dump_doing_sentence(enum dump_doing doing)
{
	return doing_sentences[doing];
}

const char *dump_unit_word(enum dump_unit unit)
{
	return unit_words[unit];
}

const char *dump_unit_sentence(enum dump_unit unit)
{
	return unit_sentences[unit];
}

/* Again, with the threads of all loops and the holder of the lock: they may be the oldest ones. */
static int list_wanted(const struct dump *d, uint64_t holder, struct target_threads *list)
{
	struct target_loop_thread loops[DUMP_MAX_LOOPS];
	uint64_t wanted[DUMP_MAX_LOOPS + 1];
	const int n = target__loop_threads(d->target, loops, DUMP_MAX_LOOPS);

	if (n < 0)
		return n;
	for (list->n_wanted = 0; list->n_wanted < (size_t)n; list->n_wanted++)
		wanted[list->n_wanted] = loops[list->n_wanted].tstate;
	if (holder)
		wanted[list->n_wanted++] = holder;
	list->wanted = wanted;
	return target__threads(d->target, list);
}

static int list_threads(struct dump *d, uint64_t holder)
{
	_cleanup_free_ struct target_thread *threads = calloc(DUMP_MAX_THREADS, sizeof(*threads));
	struct target_threads list = { .threads = threads, .max = DUMP_MAX_THREADS };
	int r = threads ? target__threads(d->target, &list) : -ENOMEM;

	if (!r && list.has_more)
		r = list_wanted(d, holder, &list);
	if (r < 0)
		return r == -ENOTSUP ? 0 : r;
	d->threads = calloc(list.n + 1, sizeof(*d->threads));
	if (!d->threads)
		return -ENOMEM;
	d->n_threads = list.n;
	d->has_more_threads = list.has_more;
	for (size_t i = 0; i < list.n; i++) {
		d->threads[i].tstate = threads[i].tstate;
		d->threads[i].tid = threads[i].tid;
		memcpy(d->threads[i].name, threads[i].name, sizeof(threads[i].name));
	}
	return 0;
}

static struct dump_thread *find_thread(struct dump *d, uint64_t tstate)
{
	for (size_t i = 0; i < d->n_threads; i++)
		if (tstate && d->threads[i].tstate == tstate)
			return &d->threads[i];
	return NULL;
}

static void read_kernel(const struct dump *d, const struct dump_thread *th, struct proc_thread *ret)
{
	*ret = (struct proc_thread){ 0 };
	if (th->tid)
		proc_thread__read(ret, d->target->pid, th->tid);
}

/* The stack counts if the thread has not moved in the kernel's eyes meanwhile. */
static int read_thread(struct dump *d, struct dump_thread *th)
{
	struct proc_thread before;
	int r = 0;

	th->is_changed = true;
	for (int i = 0; !r && th->is_changed && i < THREAD_TRIES; i++) {
		read_kernel(d, th, &before);
		r = target__thread_stack(d->target, th->tstate, &th->stack);
		read_kernel(d, th, &th->kernel);
		th->is_changed = !proc_thread__is_same(&before, &th->kernel);
	}
	th->is_changed |= th->stack.is_torn;
	return r == -ENOTSUP ? 0 : r;
}

/*
 * A thread that waits for the GIL wakes up every few milliseconds to ask for it, and then needs the
 * CPU that the holder may be on: it seems to compute, which it cannot without the GIL. Another look
 * tells.
 */
static int settle_thread(struct dump *d, struct dump_thread *th, uint64_t holder, int *tries)
{
	int r = read_thread(d, th);

	while (!r && *tries > 0 && holder && holder != th->tstate && th->stack.n_frames &&
	       th->kernel.call == PROC_CALL_RUNNING) {
		(*tries)--;
		nanosleep(&(struct timespec){ .tv_nsec = SETTLE_PAUSE_NS }, NULL);
		r = read_thread(d, th);
	}
	return r;
}

static int read_holder(struct dump *d, uint64_t *ret_tstate)
{
	int r = target__lock_holder(d->target, ret_tstate);

	d->has_lock = !r;
	if (r)
		*ret_tstate = 0;
	return r == -ESRCH ? r : 0;
}

struct dump_frame dump__name_frame(const struct dump *d, const struct ls_frame *frame)
{
	const uint32_t pid = (uint32_t)d->target->pid;
	const struct resolver *r = &d->resolver;
	struct code_info info;

	r->ops->code(r->ctx, pid, frame->code, 0, &info);
	return (struct dump_frame){ info.name, info.file, r->ops->line(r->ctx, pid, frame) };
}

/* What does not begin in a function was no stack: it was read while it changed, twice alike. */
static void check_root(struct dump_thread *th)
{
	const size_t n = th->stack.n_frames;

	if (!n || strcmp(th->frames[n - 1].function, "?") || strcmp(th->frames[n - 1].file, "?"))
		return;
	th->stack.n_frames = th->stack.n_inner = th->stack.n_left_out = 0;
	th->stack.is_torn = th->is_changed = true;
}

static void name_thread(const struct dump *d, struct dump_thread *th)
{
	const struct proc_thread *k = &th->kernel;
	const uint32_t pid = (uint32_t)d->target->pid;

	if (k->call == PROC_CALL_IN)
		th->syscall = d->resolver.ops->syscall(d->resolver.ctx, k->nr);
	if (k->pc)
		th->native = d->resolver.ops->native(d->resolver.ctx, pid, k->pc);
	th->doing = dump_doing_of(k,
				  th->syscall && !strcmp(th->syscall, "futex") &&
					  target__is_lock_wait(d->target, k->args[0]));
	for (size_t i = 0; i < th->stack.n_frames; i++)
		th->frames[i] = dump__name_frame(d, &th->stack.frames[i].at);
	check_root(th);
}

static int read_threads(struct dump *d)
{
	uint64_t before, after = 0;
	int tries = SETTLE_TRIES, r = read_holder(d, &before);

	if (!r)
		r = list_threads(d, before);
	for (size_t i = 0; !r && i < d->n_threads; i++) {
		r = settle_thread(d, &d->threads[i], before, &tries);
		if (r == -EFAULT) /* it has ended */
			r = 0;
	}
	if (!r)
		r = read_holder(d, &after);
	if (r)
		return r;
	d->holder_changed = before != after;
	for (size_t i = 0; i < d->n_threads; i++) {
		d->threads[i].holds_lock = after && d->threads[i].tstate == after;
		name_thread(d, &d->threads[i]);
	}
	d->holder = find_thread(d, after);
	return 0;
}

static void mark_executor(struct dump *d, size_t loop)
{
	uint64_t tstates[DUMP_MAX_THREADS];
	int n = target__executor_threads(d->target, d->loops[loop].info.loop, tstates,
					 DUMP_MAX_THREADS);

	for (int i = 0; i < n; i++) {
		struct dump_thread *th = find_thread(d, tstates[i]);

		if (th)
			th->executor_of = loop + 1;
	}
}

/* It counts if the thread is where it was when its stack was read. */
static void read_callee(const struct dump *d, struct dump_loop *l)
{
	struct proc_thread now;

	if (target__callee(d->target, l->thread->tstate, &l->callee))
		return;
	read_kernel(d, l->thread, &now);
	if (!proc_thread__is_same(&l->thread->kernel, &now))
		l->callee.name[0] = '\0';
}

static void add_loop(struct dump *d, const struct target_loop_thread *found)
{
	struct dump_loop *l = &d->loops[d->n_loops];
	struct dump_thread *th = find_thread(d, found->tstate);
	const struct loop_kind *kind = NULL;
	struct ls_loop info = { 0 };

	*l = (struct dump_loop){ .thread = th, .info = *found };
	if (th) {
		th->is_loop = true;
		read_callee(d, l);
	}
	l->ready = target__resolve_loop(d->target, l->info.loop, &info, &kind);
	if (!l->ready)
		l->ready = target__count_ready(d->target, &info);
	if (target__executor(d->target, l->info.loop, &l->executor))
		l->executor = (struct target_executor){ 0 };
	mark_executor(d, d->n_loops++);
}

static int find_loops(struct dump *d)
{
	struct target_loop_thread found[DUMP_MAX_LOOPS];
	const int n = target__loop_threads(d->target, found, DUMP_MAX_LOOPS);

	for (int i = 0; i < n; i++)
		add_loop(d, &found[i]);
	return n < 0 ? n : 0;
}

/* Loops in a callback that the functions around it show. */
static void find_shown_loops(struct dump *d)
{
	struct target_loop_thread shown;

	for (size_t i = 0; i < d->n_threads && d->n_loops < DUMP_MAX_LOOPS; i++)
		if (!d->threads[i].is_loop && dump__shows_loop(d, &d->threads[i], &shown))
			add_loop(d, &shown);
}

/*
 * A loop of which no more is known than its poll is found while it polls: where there is none at
 * all, one may just not.
 */
static int read_loops(struct dump *d)
{
	int r = find_loops(d);

	if (!r)
		find_shown_loops(d);
	for (int i = 0; !r && !d->n_loops && d->n_threads && i < POLL_TRIES; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = SETTLE_PAUSE_NS }, NULL);
		r = find_loops(d);
	}
	return r;
}

/* All are alike: if there are too many, it does not matter which ones are read. */
static uint64_t weigh(void *ctx, uint64_t counted_as)
{
	(void)ctx;
	(void)counted_as;
	return 0;
}

static int read_tasks(struct dump *d, struct target_tasks *tasks)
{
	const struct target_task_choice choice = { .weight = weigh };
	int n = target__tasks(d->target, DUMP_MAX_TASKS, &choice, tasks);

	d->tasks_error = n < 0 ? n : 0;
	if (n < 0)
		tasks->n = 0;
	d->n_tasks = tasks->n > tasks->total ? tasks->n : tasks->total;
	d->n_tasks_unread = d->n_tasks - tasks->n;
	return n == -ESRCH || n == -ENOMEM ? n : 0;
}

/* Before the tasks: it looks at the threads' stacks again. */
static int read_pools(struct dump *d)
{
	d->life_read = calloc(1, sizeof(*d->life_read));
	if (!d->life_read)
		return -ENOMEM;
	d->pools_error = target__pools(d->target, &d->pools_read, d->life_read);
	if (d->pools_error)
		d->pools_read.n = 0;
	for (size_t i = 0; i < d->pools_read.n; i++) {
		const struct pool *pool = &d->pools_read.list[i];

		d->pools[i].pool = pool;
		for (size_t k = 0; k < pool->n_places; k++)
			d->pools[i].places[k] = dump__name_frame(d, &pool->places[k].frame);
	}
	if (d->pools_error == -ESRCH || d->pools_error == -ENOMEM)
		return d->pools_error;
	return dump__name_lives(d);
}

static int make_resolver(struct dump *d)
{
	int r = symbols__new(&d->symbols);

	if (!r)
		r = symbols__add_process(d->symbols, d->target);
	if (!r)
		d->resolver = symbols__resolver(d->symbols);
	return r;
}

int dump__read(struct dump *d, const struct target *t, const struct resolver *resolver)
{
	const uint64_t start_ns = time_now_ns(CLOCK_MONOTONIC);
	_cleanup_(target_tasks__done) struct target_tasks tasks = { 0 };
	int r;

	*d = (struct dump){ .target = t, .wall_ns = time_now_ns(CLOCK_REALTIME) };
	r = resolver ? 0 : make_resolver(d);
	if (resolver)
		d->resolver = *resolver;
	if (!r)
		r = read_threads(d);
	if (!r)
		r = read_loops(d);
	if (!r)
		r = read_pools(d);
	if (!r)
		r = read_tasks(d, &tasks);
	for (size_t i = 0; !r && i < d->n_loops; i++)
		dump__judge_loop(d, &d->loops[i], target__poll_fd(t, d->loops[i].info.loop),
				 &tasks);
	if (!r)
		r = dump__group_tasks(d, &tasks);
	d->took_ns = time_now_ns(CLOCK_MONOTONIC) - start_ns;
	return r;
}

void dump__done(struct dump *d)
{
	free(d->threads);
	free(d->groups);
	free(d->lives);
	if (d->life_read)
		lifecycle__done(d->life_read);
	free(d->life_read);
	symbols__free(d->symbols);
	d->threads = NULL;
	d->groups = NULL;
	d->lives = NULL;
	d->life_read = NULL;
	d->symbols = NULL;
}
