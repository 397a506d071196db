/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump for people: the lock, each loop with its stack and its tasks, then the other threads.
 * Every name is the target's and is escaped; what is left out is counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "dump/dump.h"
#include "report/format.h"
#include "report/output.h"
#include "runtime/runtime.h"

#define MAX_STACK_LINES 60
#define MAX_GROUP_LINES 100 /* of one loop */
#define MAX_THREAD_ENTRIES 64
#define MAX_TIDS 8 /* of threads with equal stacks */
#define FUNCTION_COLUMNS 28

static void put(FILE *out, const char *text)
{
	_cleanup_free_ char *escaped = output_escape(text ?: "?");

	fputs(escaped ?: "?", out);
}

/* "thread 4242 (MainThread)" */
static void put_thread(FILE *out, const struct dump_thread *th)
{
	if (th->tid)
		fprintf(out, "thread %d", th->tid);
	else
		fputs("thread of unknown id", out);
	if (!*th->name)
		return;
	fputs(" (", out);
	put(out, th->name);
	fputc(')', out);
}

static void put_line(FILE *out, const struct dump_frame *frame)
{
	put(out, frame->file);
	if (frame->line)
		fprintf(out, ":%u", frame->line);
}

/* "    fetch_row                  /srv/app/db.py:31" */
static void put_frame(FILE *out, const struct dump_frame *frame)
{
	_cleanup_free_ char *function = output_escape(frame->function ?: "?");
	const char *name = function ?: "?";
	const size_t columns = format__columns(name);

	fprintf(out, "    %s%*s ", name,
		columns < FUNCTION_COLUMNS ? (int)(FUNCTION_COLUMNS - columns) : 0, "");
	put_line(out, frame);
	fputc('\n', out);
}

static bool is_same_line(const struct dump_frame *a, const struct dump_frame *b)
{
	return a->line == b->line && a->function == b->function && a->file == b->file;
}

/* Frames `from` up to `to`; equal ones in a row, as recursion makes them, are one line. */
static void put_range(FILE *out, const struct dump_thread *th, size_t from, size_t to)
{
	size_t i = from, next;

	for (size_t n_lines = 0; i < to && n_lines < MAX_STACK_LINES; i = next, n_lines++) {
		next = i + 1;
		while (next < to && is_same_line(&th->frames[i], &th->frames[next]))
			next++;
		put_frame(out, &th->frames[i]);
		if (next > i + 1)
			fprintf(out, "    ... %zu more of these\n", next - i - 1);
	}
	if (i < to)
		fprintf(out, "    ... %zu more frames\n", to - i);
}

/* The innermost `n` frames. */
static void put_frames(FILE *out, const struct dump_thread *th, size_t n)
{
	const size_t n_inner = n < th->stack.n_inner ? n : th->stack.n_inner;

	if (th->stack.is_torn)
		fputs("    ... (changed while it was read)\n", out);
	put_range(out, th, 0, n_inner);
	if (n > n_inner)
		fprintf(out, "    ... %zu frames left out\n", th->stack.n_left_out);
	put_range(out, th, n_inner, n);
}

/* " in fetch_row /srv/app/db.py:31" */
static void put_innermost(FILE *out, const struct dump_thread *th)
{
	if (!th->stack.n_frames || th->stack.is_torn)
		return;
	fputs(" in ", out);
	put(out, th->frames[0].function);
	fputc(' ', out);
	put_line(out, &th->frames[0]);
}

/* It seems to run although another thread holds the GIL. */
static bool lacks_lock(const struct dump *d, const struct dump_thread *th)
{
	return th->doing == DUMP_CPU && d->holder && d->holder != th && !d->holder_changed &&
		th->stack.n_frames;
}

/* "waits in futex", "on the CPU or ready for it, holds the GIL" */
static void put_doing(FILE *out, const struct dump *d, const struct dump_thread *th)
{
	if (th->doing == DUMP_SYSCALL)
		fprintf(out, "blocked in %s", th->syscall ?: "an unknown system call");
	else
		fputs(dump_doing_sentence(th->doing), out);
	if ((th->doing == DUMP_STOPPED || th->doing == DUMP_TRACED) && th->syscall)
		fprintf(out, " in %s", th->syscall);
	if (th->holds_lock)
		fputs(", holds the GIL", out);
	if (lacks_lock(d, th))
		fputs(" without the GIL: it waits for it, or runs code that needs none", out);
	if (th->doing == DUMP_GIL && d->holder && d->holder != th) {
		fputs(" that ", out);
		put_thread(out, d->holder);
		fputs(" holds", out);
		put_innermost(out, d->holder);
	}
	if (th->is_changed)
		fputs(" (changed while it was read)", out);
}

static void put_head(const struct dump *d, FILE *out)
{
	const struct target *t = d->target;
	char cgroup[FORMAT_CGROUP_BYTES];

	fprintf(out, "process %d, %s %s", t->pid, target__words(t)->title, t->version);
	if (t->is_container) {
		fputs(", container ", out);
		put(out, format__cgroup(t->cgroup, cgroup));
		fprintf(out, " (pid %d there)", t->ns_pid);
	}
	fputs(": ", out);
	put(out, t->cmdline ?: t->comm);
	fputc('\n', out);
}

static void put_lock(const struct dump *d, FILE *out)
{
	if (!d->has_lock)
		return;
	fputs("GIL: ", out);
	if (d->holder) {
		fputs("held by ", out);
		put_thread(out, d->holder);
	} else {
		fputs("free", out);
	}
	fputs(d->holder_changed ? " (changed while it was read)\n" : "\n", out);
}

/* " of task charge-7, charge_customer() /srv/app.py:6" */
static void put_unit(const struct dump_loop *l, FILE *out)
{
	fputs(dump_unit_sentence(l->unit), out);
	if (l->unit != DUMP_UNIT_STEP && l->unit != DUMP_UNIT_CALLBACK)
		return;
	if (l->task) {
		fputs(" of task ", out);
		put(out, l->task_name);
	} else if (l->unit == DUMP_UNIT_STEP) {
		fputs(" of a task that is not listed (changed while it was read)", out);
	}
	if (!l->coroutine.name)
		return;
	fputs(", ", out);
	put(out, l->coroutine.name);
	fputs("() ", out);
	put(out, l->coroutine.file);
	if (l->coroutine.first_line)
		fprintf(out, ":%u", l->coroutine.first_line);
}

/* The user's innermost frame in an await chain; the innermost one of all if it has none. */
static size_t own_frame(const struct dump *d, const struct dump_group *g)
{
	const struct runtime_words *words = target__words(d->target);

	for (size_t i = 0; i < g->n_frames; i++)
		if (strcmp(g->frames[i].file, "?") &&
		    !runtime_words__is_library(words, g->frames[i].file))
			return i;
	return 0;
}

static void put_place(FILE *out, const struct dump *d, const struct dump_group *g)
{
	const size_t own = own_frame(d, g);

	if (!g->n_frames)
		return;
	fputs(" at ", out);
	put_line(out, &g->frames[own]);
	fputs(" in ", out);
	put(out, g->frames[own].function);
	if (!own)
		return;
	fputs(" > ", out);
	put(out, format__path_tail(g->frames[0].file, 2));
	fprintf(out, ":%u in ", g->frames[0].line);
	put(out, g->frames[0].function);
}

static void put_names(FILE *out, const struct dump_group *g)
{
	size_t n = 0;

	for (; n < DUMP_GROUP_NAMES && *g->names[n]; n++) {
		fputs(n ? ", " : ": ", out);
		put(out, g->names[n]);
	}
	if (n && g->count > n)
		fputs(", ...", out);
}

static void put_group(FILE *out, const struct dump *d, const struct dump_group *g)
{
	static const char *const verbs[] = {
		[TARGET_TASK_WAITING] = "waits",
		[TARGET_TASK_READY] = "is ready",
		[TARGET_TASK_RUNNING] = "runs",
	};

	fprintf(out, "  %*s%zu x ", 2 * (int)g->depth, "", g->count);
	put(out, g->coroutine.name);
	fprintf(out, "() %s", verbs[g->state]);
	put_place(out, d, g);
	if (*g->waits_for) {
		fputs(" for ", out);
		put(out, g->waits_for);
	}
	put_names(out, g);
	fputc('\n', out);
}

static void put_groups(FILE *out, const struct dump *d, size_t loop)
{
	size_t n = 0, n_left = 0, n_left_tasks = 0;

	for (size_t i = 0; i < d->n_groups; i++) {
		if (d->groups[i].loop != loop)
			continue;
		if (n++ < MAX_GROUP_LINES) {
			put_group(out, d, &d->groups[i]);
			continue;
		}
		n_left++;
		n_left_tasks += d->groups[i].count;
	}
	if (n_left)
		fprintf(out, "  ... %zu more groups of %zu tasks\n", n_left, n_left_tasks);
}

static void put_executor(FILE *out, const struct dump_loop *l)
{
	if (!l->executor.threads && !l->executor.max_workers)
		return;
	fprintf(out, "  executor: %u of %u threads started, %u call%s queued\n",
		l->executor.threads, l->executor.max_workers, l->executor.queued,
		l->executor.queued == 1 ? "" : "s");
}

/* The loop's thread: what it does, and the frames of the step or callback. */
static void put_loop_thread(FILE *out, const struct dump *d, const struct dump_loop *l)
{
	const struct dump_thread *th = l->thread;
	const size_t n = l->n_unit_frames ?: th->stack.n_frames;
	const size_t n_outer = th->stack.n_frames - n;

	fputs("  ", out);
	put_doing(out, d, th);
	fputc('\n', out);
	put_frames(out, th, n);
	if (n_outer)
		fprintf(out, "    (called by the loop, %zu frame%s further out)\n", n_outer,
			n_outer == 1 ? "" : "s");
}

static void put_task_counts(FILE *out, const struct dump_loop *l)
{
	fprintf(out, "  tasks: %zu (%zu running, %zu ready, %zu waiting)", l->n_tasks,
		l->n_by_state[TARGET_TASK_RUNNING], l->n_by_state[TARGET_TASK_READY],
		l->n_by_state[TARGET_TASK_WAITING]);
	if (l->ready >= 0)
		fprintf(out, ", %d handle%s in the queue", l->ready, l->ready == 1 ? "" : "s");
	fputc('\n', out);
}

static void put_loop(FILE *out, const struct dump *d, size_t loop)
{
	const struct dump_loop *l = &d->loops[loop];

	fprintf(out, "\n%s loop", target_loop_kind_word(l->info.kind));
	if (l->thread) {
		fputs(" of ", out);
		put_thread(out, l->thread);
	}
	fputs(": ", out);
	put_unit(l, out);
	fputc('\n', out);
	if (l->thread)
		put_loop_thread(out, d, l);
	put_executor(out, l);
	if (!target_loop_kind_is_bare(l->info.kind))
		put_task_counts(out, l);
	put_groups(out, d, loop);
}

static bool has_same_stack(const struct dump_thread *a, const struct dump_thread *b)
{
	if (a->doing != b->doing || a->syscall != b->syscall || a->executor_of != b->executor_of ||
	    a->holds_lock != b->holds_lock || a->is_changed || b->is_changed ||
	    a->stack.n_frames != b->stack.n_frames)
		return false;
	for (size_t i = 0; i < a->stack.n_frames; i++)
		if (a->stack.frames[i].at.code != b->stack.frames[i].at.code ||
		    a->stack.frames[i].at.position != b->stack.frames[i].at.position)
			return false;
	return true;
}

static bool is_shown_apart(const struct dump_thread *th)
{
	return !th->is_loop && th->stack.n_frames + th->stack.is_torn > 0;
}

static bool is_alike(const struct dump *d, size_t a, size_t b)
{
	return is_shown_apart(&d->threads[a]) && is_shown_apart(&d->threads[b]) &&
		has_same_stack(&d->threads[a], &d->threads[b]);
}

/* The first thread with this stack stands for all. */
static bool is_first(const struct dump *d, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_alike(d, k, i))
			return false;
	return true;
}

static size_t count_alike(const struct dump *d, size_t first)
{
	size_t n = 0;

	for (size_t i = first + 1; i < d->n_threads; i++)
		n += is_alike(d, first, i);
	return n;
}

/* ", and 3 more like it: 4243, 4244, 4245" */
static void put_others_alike(FILE *out, const struct dump *d, size_t first)
{
	const size_t n_alike = count_alike(d, first);
	size_t n = 0;

	if (n_alike)
		fprintf(out, ", and %zu more like it:", n_alike);
	for (size_t i = first + 1; i < d->n_threads && n < MAX_TIDS; i++)
		if (is_alike(d, first, i))
			fprintf(out, "%s%d", n++ ? ", " : " ", d->threads[i].tid);
	if (n_alike > n)
		fputs(", ...", out);
}

static void put_threads(FILE *out, const struct dump *d)
{
	size_t n_shown = 0, n_left = 0, n_idle = 0;

	for (size_t i = 0; i < d->n_threads; i++) {
		const struct dump_thread *th = &d->threads[i];

		n_idle += !th->is_loop && !is_shown_apart(th);
		if (!is_shown_apart(th) || !is_first(d, i))
			continue;
		if (n_shown++ >= MAX_THREAD_ENTRIES) {
			n_left++;
			continue;
		}
		fputc('\n', out);
		put_thread(out, th);
		put_others_alike(out, d, i);
		fputs(th->executor_of ? ", of an executor: " : ": ", out);
		put_doing(out, d, th);
		fputc('\n', out);
		put_frames(out, th, th->stack.n_frames);
	}
	if (n_left || d->has_more_threads)
		fprintf(out, "\n... more threads%s\n",
			d->has_more_threads ? ", not all were read" : "");
	if (n_idle)
		fprintf(out, "\n%zu thread%s that run%s no Python now\n", n_idle,
			n_idle == 1 ? "" : "s", n_idle == 1 ? "s" : "");
}

/* "  limiter anyio.CapacityLimiter: 40 of 40 threads busy, 20 calls wait" */
static void put_pool(FILE *out, const struct dump_pool *p)
{
	const struct pool *pool = p->pool;

	fprintf(out, "  %s ", pool_kind__word(pool->kind));
	put(out, *pool->name ? pool->name : "without a name");
	if (pool->size)
		fprintf(out, ": %u of %u %s%s busy", pool->busy, pool->size,
			pool_kind__member(pool->kind), format__plural(pool->size));
	else
		fprintf(out, ": %u %s%s busy", pool->busy, pool_kind__member(pool->kind),
			format__plural(pool->busy));
	if (pool->waiting)
		fprintf(out, ", %u %s%s wait%s", pool->waiting, pool_kind__waiter(pool->kind),
			format__plural(pool->waiting), pool->waiting == 1 ? "s" : "");
	fputc('\n', out);
	for (size_t i = 0; i < pool->n_places; i++) {
		fprintf(out, "  %3u in", pool->places[i].threads);
		put_frame(out, &p->places[i]);
	}
}

static void put_pools(FILE *out, const struct dump *d)
{
	if (d->pools_read.n)
		fputs("\npools\n", out);
	for (size_t i = 0; i < d->pools_read.n; i++)
		put_pool(out, &d->pools[i]);
	if (d->pools_read.is_cut)
		fputs("  there may be more: not all threads and tasks were looked at\n", out);
}

/* "waits for a task that waits for it: refund", "ended with ...: LookupError" */
static void put_problem(FILE *out, const struct dump_life *life)
{
	const struct life_group *group = life->group;
	const bool is_deadlock = group->kind == LIFE_DEADLOCK;

	if (is_deadlock && !life->other.name) {
		fputs(group->count == 1 ? "waits for itself" : "wait for themselves", out);
		return;
	}
	fputs(life_kind__phrase(group->kind, group->count), out);
	if (!is_deadlock && group->kind != LIFE_FAILED)
		return;
	fputs(": ", out);
	put(out, is_deadlock ? life->other.name : group->type);
}

/* "  3 tasks of worker were asked to cancel and have not ended" */
static void put_life(FILE *out, const struct dump_life *life)
{
	const struct life_group *group = life->group;
	const bool is_dropped = group->kind == LIFE_DROPPED;

	fprintf(out, "  %u %s%s of ", group->count, life_kind__noun(group->kind),
		format__plural(group->count));
	put(out, life->coroutine.name);
	fputc(' ', out);
	put_problem(out, life);
	fputc('\n', out);
	for (size_t i = 0; i < group->n_frames; i++)
		put_frame(out, &life->frames[i]);
	if (!group->origin.line)
		return;
	fputs(is_dropped ? "    dropped at" : "    created by ", out);
	if (!is_dropped)
		put(out, group->origin.function);
	fputc(' ', out);
	put(out, group->origin.file);
	fprintf(out, ":%u\n", group->origin.line);
}

static void put_lives(FILE *out, const struct dump *d)
{
	if (d->n_lives)
		fputs("\nlifecycle\n", out);
	for (size_t i = 0; i < d->n_lives; i++)
		put_life(out, &d->lives[i]);
	if (d->lives_cut)
		fputs("  there may be more: not all tasks were looked at\n", out);
}

void dump__write_text(const struct dump *d, FILE *out)
{
	put_head(d, out);
	put_lock(d, out);
	for (size_t i = 0; i < d->n_loops; i++)
		put_loop(out, d, i);
	for (size_t i = 0; i < d->n_groups; i++)
		if (d->groups[i].loop == DUMP_NO_LOOP) {
			fputs("\ntasks of loops that do not run\n", out);
			put_groups(out, d, DUMP_NO_LOOP);
			break;
		}
	if (d->n_tasks_unread + d->n_ungrouped)
		fprintf(out, "\n%zu more tasks are not shown\n",
			d->n_tasks_unread + d->n_ungrouped);
	if (d->tasks_error && d->tasks_error != -ENOENT)
		fprintf(out, "\nthe tasks could not be read: %s\n", strerror(-d->tasks_error));
	put_pools(out, d);
	put_lives(out, d);
	put_threads(out, d);
}
