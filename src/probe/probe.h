/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel side as an object: loads the BPF programs, puts probes on targets, hands out decoded
 * events and the aggregates. The only module that knows libbpf.
 */
#ifndef LOOPSTALL_PROBE_PROBE_H
#define LOOPSTALL_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <loopstall/abi.h>

#include "base/err.h"
#include "base/time.h"
#include "probe/calibrate.h"
#include "stream/source.h"
#include "process/target.h"

/* What is shorter could be two spans between two looks: see probe__set_light(). */
#define PROBE_LIGHT_SHORTEST_NS (5 * NS_PER_MS)

struct probe_opts {
	uint64_t threshold_ns;
	uint64_t sample_period_ns; /* 0: chosen from the threshold */
	bool is_following; /* what a watched process forks is watched, too */
	bool tells_execs; /* every exec on the machine is an event */
	bool is_light; /* see probe__set_light() */
};

struct probe;

/*
 * Loads the programs and attaches those that are not bound to a process. 0 or -errno with err
 * filled.
 */
int probe__new(struct probe **ret_probe, const struct probe_opts *opts, struct err *err);
void probe__free(struct probe *p);
static inline void probe__freep(struct probe **p)
{
	probe__free(*p);
}

/*
 * Watches a target: its configuration, and uprobes on those of its spots that have none yet. May be
 * called again for the same pid when more was found. 0 or -errno.
 */
int probe__attach(struct probe *p, const struct target *t, struct err *err);
/*
 * Watches a process that is not examined yet: its forks and execs are reported; it gets no uprobes.
 * A process that is watched already stays as it is. 0 or -errno.
 */
int probe__follow(struct probe *p, pid_t pid);
/* Forgets a process that has gone. */
void probe__detach(struct probe *p, pid_t pid);
/* Sampling of a thread begins at its next switch-in; this forces one now. */
void probe_nudge_thread(pid_t tid);
/* Forgets a thread that has ended. */
void probe__forget_thread(struct probe *p, pid_t tid);
/*
 * Light mode: finds steps without uprobes, by looks at the threads that are known to run loops
 * (bpf/light/light.h). Can be switched at any time. Uprobes that exist do nothing while it is on,
 * but still cost; a process that is attached meanwhile gets none.
 */
void probe__set_light(struct probe *p, bool is_light);
bool probe__is_light(const struct probe *p);
/* The uprobes of a process that is attached to, on and off. 0 or -errno with err filled. */
int probe__add_uprobes(struct probe *p, const struct target *t, struct err *err);
void probe__remove_uprobes(struct probe *p, pid_t pid);
/* A span that is known from looks is a stall from this duration on. */
uint64_t probe__light_threshold_ns(const struct probe *p);
/* The step or callback that a loop thread was found in. */
struct probe_inside {
	int poll_fd; /* of the loop; -1: unknown */
	/* of the step; all 0: it is a callback. `task` as the kernel side calls it in this mode */
	uint64_t task, coro, code;
	uint16_t flags; /* of the stack, as in struct ls_rec_stack */
	size_t n_frames; /* at most LS_MAX_FRAMES; 0: not known */
	struct ls_frame frames[LS_MAX_FRAMES];
};

/*
 * Registers the loop that runs on a thread. `inside`: what it is in, NULL if in nothing or unknown.
 * 0 or -errno.
 */
int probe__set_loop_thread(struct probe *p, pid_t pid, const struct target_loop_thread *thread,
			   const struct probe_inside *inside);
/*
 * Creates kernel state for registered threads that have none: in light mode for all, in exact mode,
 * where the first step creates it, for those that are in something. That span is open from then on.
 * Walks over all threads of the machine. 0 or -errno.
 */
int probe__make_threads(struct probe *p);
/* Tells the kernel side where a process handles requests. 0 or -errno. */
int probe__set_requests(struct probe *p, pid_t pid, const struct ls_requests *requests);
/* Tells the kernel side where a loop keeps its queues. */
int probe__set_loop(struct probe *p, pid_t pid, uint64_t loop, const struct ls_loop *info);

/*
 * The descriptor is readable when events wait; probe__drain() passes all of them to `fn`. Returns
 * their number or -errno.
 */
int probe__fd(const struct probe *p);
int probe__drain(struct probe *p, event_fn fn, void *ctx);

/* Aggregates as they are now. The callbacks return 0 or -errno. */
typedef int (*probe_coroutine_fn)(void *ctx, const struct ls_coro_key *key,
				  const struct ls_coro_stats *stats);
typedef int (*probe_thread_fn)(void *ctx, uint32_t pid, uint32_t tid,
			       const struct ls_thread_stats *stats);
int probe__each_coroutine(struct probe *p, probe_coroutine_fn fn, void *ctx);
int probe__each_thread(struct probe *p, probe_thread_fn fn, void *ctx);
/* Removes the aggregates of threads that have ended from the maps. 0 or -errno. */
struct probe_thread {
	uint32_t pid, tid;
};
int probe__forget_threads(struct probe *p, const struct probe_thread *threads, size_t n);
/* Absolute loss counters, LS_LOSS_MAX of them. */
int probe__losses(struct probe *p, uint64_t *counts);

/* Sets the threshold of stalls, and the sampling period that follows from it. 0 or -errno. */
int probe__set_threshold(struct probe *p, uint64_t threshold_ns);

/*
 * Rate limits of the records of stalls and CPU samples, on average and after a burst; 0: no limit.
 * What gets no record is counted as STALL_SHED or SAMPLE_SHED.
 */
struct probe_detail {
	uint32_t stalls_per_s, samples_per_s;
	uint32_t copies_per_s; /* of user stacks; 0: none */
};
void probe__set_detail(struct probe *p, const struct probe_detail *detail);

/*
 * Counts steps by task, which adds a little to the cost of every step, so it is on only while the
 * counts are shown. Switching it on resets all counts. Tasks that are done are removed. 0 or
 * -errno.
 */
int probe__count_tasks(struct probe *p, bool is_on);
typedef int (*probe_task_fn)(void *ctx, const struct ls_task_key *key,
			     const struct ls_task_stats *stats);
int probe__each_task(struct probe *p, probe_task_fn fn, void *ctx);

/* The span a thread has open at this moment. */
struct probe_live {
	struct ls_rec_stall stall; /* as in probe__open_stall() */
	enum ls_cause cause; /* of its current wait; CPU while it computes */
	uint16_t syscall; /* or LS_NO_SYSCALL */
	/* of the place where it is blocked, or of the last CPU sample in this span */
	uint16_t stack_flags;
	size_t n_frames;
	struct ls_frame frames[LS_MAX_FRAMES];
	/* of the holder that the stall names: of the lock if it waits for one now, else the GIL */
	uint32_t n_holder_frames;
	struct ls_frame holder_frames[LS_MAX_FRAMES];
};

/*
 * The totals of the thread that `pidfd` names, with the wait that it is in: probe__each_thread()
 * has those of up to 20 ms ago. 0, or -errno: -ENOENT if it has run no step.
 */
int probe__thread_now(const struct probe *p, int pidfd, uint64_t now_ns,
		      struct ls_thread_stats *ret);

/*
 * `pidfd` names the thread. 0, -ENOENT if it has no open span (or has never run a step), -EAGAIN if
 * it changed while it was read, or -errno.
 */
int probe__live(const struct probe *p, int pidfd, uint64_t now_ns, struct probe_live *ret);

struct open_stall_query {
	uint64_t now_ns;
	uint64_t min_ns; /* spans shorter than this are left out */
	enum ls_end end; /* as in the record */
	event_fn fn; /* gets the stacks so far, then the stall */
	void *ctx;
};
/*
 * Reports the open span of the thread behind `pidfd` in the form of a stall that ends now. Its task
 * has a name if the kernel side has read it by then (bpf/stall/step_name.h); its victims are
 * unknown. 0, -ENOENT if there is no such span, -EAGAIN if it changed while it was read, or -errno,
 * also of fn.
 */
int probe__open_stall(const struct probe *p, int pidfd, const struct open_stall_query *q);

/* "uprobe_multi" or "perf uprobe". */
const char *probe__transport(const struct probe *p);
/* Whether its uprobes need no CAP_SYS_ADMIN. */
bool probe__is_multi(const struct probe *p);
uint64_t probe__sample_period_ns(const struct probe *p);
/* Time the BPF programs ran so far, when the kernel accounts for it, else 0. */
uint64_t probe__run_time_ns(const struct probe *p);

/*
 * What the kernel side costs others since the probe was made. Counts are exact; times are CPU time
 * of the interrupted threads, summed over the machine. Our own CPU time and memory are not
 * included: see getrusage().
 */
struct probe_cost {
	/*
	 * Run time of all programs: of each one in LS_METER_EVERY runs is timed. Those of the
	 * scheduler's tracepoints run at every context switch and wake-up of the machine, of any
	 * process.
	 */
	uint64_t programs_ns;
	/*
	 * What traps took besides the programs: hits of uprobes and the sampler's interrupts, each
	 * times what such a trap costs, as measured on ourselves at about that time. 0 if not
	 * calibrated.
	 */
	uint64_t traps_ns;
	uint64_t hits, samples;
	uint64_t hit_programs_ns, hit_traps_ns; /* of both sums above, what is the uprobes' */
	struct trap_costs costs; /* of one trap, as last measured */
	bool is_calibrated;
};

/*
 * Measures what a trap costs here: about 10 ms of wall time, most of it to put the probes on. What
 * is read later is kept up to date, 0.3 ms in each second, for a machine may change its speed. Both
 * of these are for the same thread. 0, or -errno if the kernel does not let us; then traps_ns stays
 * 0.
 */
int probe_cost__calibrate(struct probe *p);
void probe_cost__read(struct probe *p, uint64_t now_ns, struct probe_cost *ret);

/* One thing the kernel must allow; for `doctor`. */
struct probe_feature {
	const char *name; /* "btf", "uprobe_multi", ... */
	const char *sentence; /* what it is for */
	const char *since; /* the version of Linux that brought it, or NULL */
	bool is_required;
	int status; /* 0 works, else -errno */
	const char *caps; /* that it needs: "CAP_BPF,CAP_PERFMON"; "" if none would help */
	char fix[192]; /* what else helps; "" if it works, or if nothing does */
};

#define PROBE_MAX_FEATURES 24
/* Tries each feature for real. Returns the number filled in. */
int probe__features(struct probe_feature *features);

#endif
