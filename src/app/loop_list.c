/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each loop thread's last 32 looks are bits: 1 if it was not in its poll. A thread is stuck if
 * meanwhile it did not get a CPU: the number of times that it did is in /proc. One that computes
 * looks the same as one that runs many short steps, so it is only busy.
 */
#include "app/loop_list.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/loop_entry.h"
#include "app/supervise.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "process/proc_thread.h"
#include "process/procfs.h"
#include "process/target.h"
#include "symbol/syscalls.h"

#define MAX_PROCESSES 512
#define MAX_THREADS 8 /* of a process */
#define PASS_PACE_NS (2 * NS_PER_S)
#define PASS_SHARE 20 /* the time of a pass, so often, lies between two: 5 % of a core */
#define STUCK_NS NS_PER_S
#define FEWEST_LOOKS 5 /* before a share is worth showing */
#define LOOKS 32

enum found_state { FOUND_FREE, FOUND_SHOWN, FOUND_GONE };

/* Written by the child while it is not shown. */
struct found {
	_Atomic int state; /* enum found_state */
	struct choice choice;
	unsigned int n_threads;
	struct found_thread {
		pid_t tid;
		int poll_fd; /* negative: not known */
	} threads[MAX_THREADS];
};

/* Shared with the child. */
struct found_list {
	_Atomic size_t n_left;
	struct found found[MAX_PROCESSES];
};

/* What is known of a thread from earlier looks. */
struct watched_thread {
	uint32_t busy;
	unsigned int n_looks;
	uint64_t runs; /* how often it got a CPU */
	uint64_t still_since_ns; /* 0: it is in its poll, or runs */
	uint16_t call;
	bool has_call;
};

struct loop_list {
	pid_t child;
	struct found_list *shared;
	struct watched {
		pid_t pid; /* 0: none; else that of the process in the same place of `found` */
		struct watched_thread threads[MAX_THREADS];
	} watched[MAX_PROCESSES];
	struct choice choices[MAX_PROCESSES];
	size_t n_choices;
};

/* The child: one pass over all processes. */
struct pass {
	struct found_list *shared;
	pid_t *pids;
	size_t n;
	struct target *first; /* that was examined; many processes have the same files */
};

static bool is_known(const struct found_list *shared, pid_t pid)
{
	for (size_t i = 0; i < MAX_PROCESSES; i++)
		if (shared->found[i].state == FOUND_SHOWN && shared->found[i].choice.pid == pid)
			return true;
	return false;
}

static void describe(struct found *f, const struct target *t, const struct loop_entry *row)
{
	struct choice *c = &f->choice;

	*c = (struct choice){ .pid = t->pid,
			      .n_loops = (unsigned int)row->n_loops,
			      .n_tasks = row->n_tasks };
	snprintf(c->user, sizeof(c->user), "%s", row->user);
	snprintf(c->version, sizeof(c->version), "%s", t->version);
	snprintf(c->kinds, sizeof(c->kinds), "%s", row->kinds);
	snprintf(c->command, sizeof(c->command), "%s", t->cmdline ? t->cmdline : t->comm);
	f->n_threads = 0;
	for (int i = 0; i < row->n_loops && f->n_threads < MAX_THREADS; i++) {
		const struct target_loop_thread *loop = &row->loops[i];
		const int fd = loop->loop ? target__poll_fd(t, loop->loop) : loop->poll_fd;

		if (loop->tid)
			f->threads[f->n_threads++] =
				(struct found_thread){ .tid = loop->tid, .poll_fd = fd };
	}
}

static bool examine(void *ctx, size_t i)
{
	struct pass *pass = ctx;
	const struct target_context context = { .relative = pass->first, .is_without_spots = true };
	_cleanup_(target__freep) struct target *t = NULL;
	struct loop_entry row = { .n_loops = 0 };
	struct err err = { .what = "" };
	size_t at = 0;

	pass->shared->n_left = pass->n - i;
	if (is_known(pass->shared, pass->pids[i]) ||
	    target__examine(&t, pass->pids[i], &context, &err) < 0)
		return true;
	loop_entry__read(&row, t);
	while (at < MAX_PROCESSES && pass->shared->found[at].state == FOUND_SHOWN)
		at++;
	if (row.n_loops > 0 && at < MAX_PROCESSES) {
		describe(&pass->shared->found[at], t, &row);
		pass->shared->found[at].state = FOUND_SHOWN;
	}
	if (!pass->first)
		pass->first = TAKE_PTR(t);
	return true;
}

/* `ls` says why one is missing; here others are to be chosen. */
static void leave_out(void *ctx, size_t i, int signal)
{
	(void)ctx;
	(void)i;
	(void)signal;
}

static void pass_over(struct found_list *shared)
{
	_cleanup_free_ pid_t *pids = NULL;
	struct pass pass = { .shared = shared };
	struct supervised work = { .work = examine, .leave_out = leave_out, .ctx = &pass };

	if (target__find_all(&pids, &work.n) < 0)
		return;
	pass.pids = pids;
	pass.n = work.n;
	supervise(&work);
	target__free(pass.first);
	shared->n_left = 0;
}

static _Noreturn void run_child(struct found_list *shared)
{
	for (;;) {
		const uint64_t began_ns = time_now_ns(CLOCK_MONOTONIC);
		uint64_t pause_ns;

		pass_over(shared);
		pause_ns = PASS_SHARE * (time_now_ns(CLOCK_MONOTONIC) - began_ns);
		pause_ns = pause_ns > PASS_PACE_NS ? pause_ns : PASS_PACE_NS;
		clock_nanosleep(CLOCK_MONOTONIC, 0,
				&(struct timespec){ (time_t)(pause_ns / NS_PER_S),
						    (long)(pause_ns % NS_PER_S) },
				NULL);
	}
}

/* The terminal is the list's: nothing of what the child logs gets there. */
static int start_child(struct loop_list *l)
{
	const pid_t parent = getpid();
	int null_fd;

	l->child = fork();
	if (l->child < 0)
		return -errno;
	if (l->child > 0)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null_fd >= 0 && fd < 3; fd++)
		dup2(null_fd, fd);
	if (getppid() == parent && null_fd >= 0)
		run_child(l->shared);
	_exit(EXIT_SUCCESS);
}

int loop_list__new(struct loop_list **ret_list, struct err *err)
{
	_cleanup_(loop_list__freep) struct loop_list *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err__set(err, -ENOMEM, "out of memory");
	l->shared = supervise_alloc(sizeof(*l->shared));
	if (!l->shared)
		return err__set(err, -ENOMEM, "out of memory");
	r = start_child(l);
	if (r < 0)
		return err__set(err, r, "cannot list processes: %s", strerror(-r));
	*ret_list = TAKE_PTR(l);
	return 0;
}

void loop_list__free(struct loop_list *l)
{
	if (!l)
		return;
	if (l->child > 0) {
		kill(l->child, SIGKILL);
		waitpid(l->child, NULL, 0);
	}
	if (l->shared)
		munmap(l->shared, sizeof(*l->shared));
	free(l);
}

/* The loop's own descriptor where that is known: a step may poll as well. */
static bool is_polling(const struct proc_thread *now, int poll_fd)
{
	static const long calls[] = {
#ifdef SYS_poll
		SYS_poll,
#endif
#ifdef SYS_select
		SYS_select,
#endif
		SYS_ppoll,
		SYS_pselect6,
	};

	if (now->call != PROC_CALL_IN)
		return false;
	if (proc_thread__is_in_epoll(now))
		return poll_fd < 0 || now->args[0] == (uint64_t)poll_fd;
	for (size_t i = 0; poll_fd < 0 && i < N_OF(calls); i++)
		if (now->nr == calls[i])
			return true;
	return false;
}

/* UINT64_MAX if it cannot be read. */
static uint64_t count_runs(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	char name[48];
	uint64_t runs;

	snprintf(name, sizeof(name), "task/%d/schedstat", tid);
	if (proc_read(pid, name, &text, NULL) < 0 || sscanf(text, "%*u %*u %" SCNu64, &runs) != 1)
		return UINT64_MAX;
	return runs;
}

/* -ESRCH if it has ended. */
static int look_at(struct watched_thread *w, pid_t pid, const struct found_thread *thread,
		   uint64_t now_ns)
{
	const uint64_t runs = count_runs(pid, thread->tid);
	struct proc_thread now;
	bool is_waiting;
	int r = proc_thread__read(&now, pid, thread->tid);

	if (r < 0)
		return r;
	/* What cannot be seen is neither. */
	if (now.call == PROC_CALL_UNKNOWN && now.state != 'R') {
		*w = (struct watched_thread){ .n_looks = 0 };
		return 0;
	}
	is_waiting = is_polling(&now, thread->poll_fd);
	w->busy = w->busy << 1 | !is_waiting;
	w->n_looks += w->n_looks < LOOKS;
	if (is_waiting || now.state == 'R' || runs == UINT64_MAX || runs != w->runs)
		w->still_since_ns = 0;
	else if (!w->still_since_ns)
		w->still_since_ns = now_ns;
	w->runs = runs;
	w->has_call = now.call == PROC_CALL_IN;
	w->call = now.nr;
	return 0;
}

static void add_thread(struct choice *c, const struct watched_thread *w, uint64_t now_ns)
{
	const uint64_t still_ns = w->still_since_ns ? now_ns - w->still_since_ns : 0;
	double busy;

	if (w->n_looks >= FEWEST_LOOKS) {
		busy = (double)__builtin_popcount(w->busy) / w->n_looks;
		c->busy = busy > c->busy ? busy : c->busy;
		c->is_busy_known = true;
	}
	if (still_ns >= STUCK_NS && still_ns > c->stuck_ns) {
		c->stuck_ns = still_ns;
		c->stuck_in = w->has_call ? syscall_name(w->call) : NULL;
	}
}

/* False if the process has ended. */
static bool look_at_process(struct watched *w, const struct found *f, uint64_t now_ns,
			    struct choice *ret)
{
	if (w->pid != f->choice.pid)
		*w = (struct watched){ .pid = f->choice.pid };
	*ret = f->choice;
	for (unsigned int i = 0; i < f->n_threads; i++) {
		if (look_at(&w->threads[i], f->choice.pid, &f->threads[i], now_ns) == -ESRCH)
			return false;
		add_thread(ret, &w->threads[i], now_ns);
	}
	return f->n_threads || !kill(f->choice.pid, 0) || errno != ESRCH;
}

void loop_list__look(struct loop_list *l, uint64_t now_ns)
{
	l->n_choices = 0;
	for (size_t i = 0; i < MAX_PROCESSES; i++) {
		struct found *f = &l->shared->found[i];

		if (f->state != FOUND_SHOWN)
			continue;
		if (look_at_process(&l->watched[i], f, now_ns, &l->choices[l->n_choices])) {
			l->n_choices++;
		} else {
			l->watched[i].pid = 0;
			f->state = FOUND_GONE;
		}
	}
}

struct choices loop_list__choices(struct loop_list *l)
{
	return (struct choices){ .n = l->n_choices,
				 .list = l->choices,
				 .n_left = l->shared->n_left };
}
