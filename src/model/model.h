/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pure state: events and aggregates in, one snapshot out. No I/O, no clock, no globals; the same inputs give the
 * same snapshot.
 */
#ifndef LOOPSTALL_MODEL_MODEL_H
#define LOOPSTALL_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "model/resolver.h"
#include "stream/event.h"

struct model_frame {
	const char *function;
	const char *file;
	uint32_t line;
};

/* Room for a task's name: LS_NAME_BYTES characters of Latin-1 take two bytes each in UTF-8, all others fewer in sum. */
#define MODEL_NAME_BYTES (2 * LS_NAME_BYTES + 32)

/* One finished stall, everything resolved. Strings live as long as the model and its resolver. */
struct stall {
	uint32_t pid, tid;
	enum ls_unit unit;
	enum ls_cause cause;
	uint64_t start_ns, duration_ns;
	uint64_t cause_ns[LS_CAUSE_MAX]; /* adds up to duration_ns */
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns; /* the split: adds up to duration_ns */
	uint64_t stolen_ns; /* of runqueue_ns: the machine is virtual, and its host ran something else */
	uint64_t task; /* address, 0 for callbacks and turns */
	char task_name[MODEL_NAME_BYTES]; /* UTF-8; "" for callbacks and turns */
	struct code_info coroutine; /* callback: its function; turn: all NULL */
	/* Where the time went: NULL/0 where not known. The last two may be known without the first. */
	struct model_frame call;
	const char *call_syscall;
	const char *call_native;
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES]; /* innermost first; of the place named in `call` */
	uint32_t def_lines[LS_MAX_FRAMES]; /* where the functions of `stack` begin, 0 if not known */
	bool is_stack_cut;
	uint32_t gil_holder_tid; /* 0 if unknown */
	uint32_t steps; /* of a turn */
	uint32_t victims;
	uint32_t victims_named;
	char victim_names[LS_MAX_VICTIM_NAMES][MODEL_NAME_BYTES];
	uint64_t starved_ns;
	uint32_t sockets; /* with something unread that the loop had not looked at */
	bool is_victims_cut, is_victims_unknown;
	bool is_light; /* seen without probes: where it begins and ends is known to two sampling periods */
};

#define MODEL_TREND 30 /* ticks */

/*
 * One row of the table by coroutine, summed over threads (and over pids if the code is the same place). Two
 * rows may have no place, and then no file: "(unknown)", steps whose coroutine could not be told; "(other)",
 * steps that have no row because a table was full: only their number and their time are known.
 */
struct coroutine_row {
	struct code_info coroutine;
	uint32_t pid; /* 0 if several */
	uint64_t steps, total_ns, max_ns, stalls;
	uint64_t starved_ns; /* that its stalls cost others */
	uint64_t suffered_ns, suffered; /* that its own tasks waited behind others' stalls, and how many times */
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	uint64_t p50_ns, p95_ns, p99_ns; /* from the histogram; never above max_ns */
	double steps_per_s, busy; /* between the last two ticks; busy: share of one core's time, 0 ... 1 */
	struct model_frame where; /* line of its worst call site, NULLs if it never stalled */
	enum ls_cause where_cause;
	uint8_t n_trend;
	float trend[MODEL_TREND]; /* `busy` at the last ticks, oldest first */
	uint32_t hist[LS_HIST_BUCKETS];
	uint32_t own_hist[LS_HIST_BUCKETS]; /* of the steps' times without the run queue */
};

#define MODEL_SECONDS 120
#define MODEL_MAX_STALLS 512

/* One second of the last two minutes. */
struct second_row {
	uint64_t stalls;
	uint64_t shed; /* of them: only their number is known, so the next two are lower bounds */
	uint64_t stall_ns, worst_ns;
	enum ls_cause worst_cause;
	double busy; /* share of its time the busiest loop was not waiting, 0 ... 1 */
	double steps; /* of all loops */
};

/* A source line in which stalls spent their time. */
struct site_row {
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall; /* NULL if none */
	struct code_info coroutine; /* of the newest stall */
	uint64_t stalls, total_ns, max_ns, starved_ns, last_ns;
};

/*
 * Who had to wait, and behind whom most: tasks of one name, or, if it is one that asyncio gave ("Task-17"), of one coroutine. Only
 * named victims are counted here.
 */
struct victim_row {
	const char *name; /* "" for tasks without a name of their own */
	struct code_info coroutine; /* NULLs if it could not be told */
	struct code_info culprit; /* NULLs if its stalls were callbacks of no known function */
	uint64_t times, starved_ns, worst_ns, last_ns;
};

/* What one coroutine's stalls cost one victim. `victim` is the index of its row. */
struct payer_row {
	struct code_info culprit;
	size_t victim;
	uint64_t times, starved_ns;
};

/* One loop thread. Rates are over the time between the last two ticks. */
struct loop_row {
	uint32_t pid, tid;
	const char *process; /* name of the program, "" if nobody told */
	uint64_t steps, step_ns, callbacks_ns, idle_ns, turns, stalls;
	uint64_t cause_ns[LS_CAUSE_MAX]; /* of its steps and callbacks; what is missing to their sum is cpu */
	uint64_t turn_p50_ns, turn_p99_ns, turn_max_ns;
	uint64_t turn_own_max_ns; /* of the turns' times without the run queue */
	uint64_t handles; /* begun while it was watched without probes: no steps were counted then */
	double steps_per_s, busy; /* busy: 0 ... 1 */
	double gil, runqueue; /* shares of its time, 0 ... 1, between the last two ticks */
	uint32_t tasks_ready; /* handles in its ready queue when it was last looked at */
	uint32_t executor_threads, executor_max, executor_queued; /* of its default executor; 0: it has none */
	uint32_t container_pid; /* of its process there, 0: it is in none */
	uint32_t executor_full_ticks; /* in a row, in which all its threads were taken and calls waited */
};

enum model_task_state { MODEL_TASK_WAITING, MODEL_TASK_READY, MODEL_TASK_RUNNING };

/* A task that was alive at the last look. */
struct task_row {
	uint32_t pid, tid; /* tid 0: its loop's thread is not known */
	uint64_t task; /* address */
	const char *name;
	struct code_info coroutine;
	enum model_task_state state;
	const char *waits_for; /* type of what it waits for, "" if nothing */
	size_t awaited_by; /* index of the row that waits for it, SIZE_MAX if none is known */
	bool is_cut; /* there are more frames than these */
	size_t n_frames;
	const struct model_frame *stack; /* await chain, innermost first */
	uint64_t seen_ns; /* when it was first seen */
	/* Since tasks are counted one by one; all 0 if they are not. */
	uint64_t steps, total_ns, max_ns, stalls, last_end_ns;
	double busy; /* 0 ... 1, between the last two looks */
};

/* What was read of a task; raw. */
struct model_task {
	uint32_t pid, tid;
	uint64_t task, awaited_by; /* addresses; awaited_by: of the same process, 0 if none is known */
	uint64_t code, qualname;
	enum model_task_state state;
	const char *name, *waits_for; /* UTF-8; copied */
	bool is_cut;
	size_t n_frames;
	const struct ls_frame *frames; /* copied */
	struct ls_task_stats stats; /* zero if not counted */
};

/* Severity of a line of the log. */
enum log_grade { LOG_GRADE_INFO, LOG_GRADE_WARNING, LOG_GRADE_ERROR };

/* Something that happened: attached, a process ended, a setting changed, measurements were lost. */
struct log_row {
	uint64_t number; /* in the order they came, from 1 */
	uint64_t at_ns;
	enum log_grade grade;
	uint32_t pid; /* 0: none */
	const char *text; /* raw */
};

#define MODEL_MAX_LOG 1000

/* A span that is open right now and has lasted at least the threshold. */
struct live_row {
	uint32_t pid, tid;
	enum ls_unit unit;
	enum ls_cause cause; /* what it is in at this moment */
	uint64_t start_ns;
	struct code_info coroutine; /* NULLs for callbacks */
	const char *syscall; /* NULL while it computes */
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES];
};

/* What the owner read of a thread's state at this moment; raw. */
struct model_live {
	uint32_t pid, tid;
	enum ls_unit unit;
	enum ls_cause cause;
	uint16_t syscall; /* or LS_NO_SYSCALL */
	uint64_t start_ns;
	uint64_t code, qualname;
	size_t n_frames;
	const struct ls_frame *frames;
};

struct loss {
	const char *name; /* of counters.h or a user-space loss */
	const char *sentence;
	uint64_t count;
};

struct snapshot {
	uint64_t steps, callbacks_ns, idle_ns, step_ns, turns, stalls, starved_ns;
	uint64_t unattributed_steps; /* whose coroutine could not be told */
	uint64_t handles; /* see struct loop_row */
	uint64_t turn_p50_ns, turn_p99_ns, turn_max_ns, turn_own_max_ns; /* of all loops */
	uint64_t tasks_alive, tasks_ready; /* when last looked at; alive: 0 if it was not */
	size_t n_rows;
	const struct coroutine_row *rows; /* most starved time first, then longest stall */
	size_t n_losses;
	const struct loss *losses; /* only those that happened */
	size_t n_stalls;
	const struct stall *const *stall_list; /* newest first, at most MODEL_MAX_STALLS */
	size_t n_sites;
	const struct site_row *sites; /* most time first */
	size_t n_victims;
	const struct victim_row *victims; /* most starved first */
	size_t n_payers;
	const struct payer_row *payers; /* most starved first */
	size_t n_loops;
	const struct loop_row *loops; /* by pid and tid */
	size_t n_tasks;
	const struct task_row *tasks; /* those that were read, by pid, loop thread and address */
	uint64_t tasks_ns; /* when they were read, 0: never */
	size_t n_log;
	const struct log_row *log; /* newest first, at most MODEL_MAX_LOG */
	size_t n_live;
	const struct live_row *live; /* longest first */
	size_t n_seconds;
	const struct second_row *seconds; /* oldest first; the last is the one that runs */
};

/* Called for each stall as it ends. Returns 0 or -errno, handed to the caller of model__event(). */
typedef int (*stall_fn)(void *ctx, const struct stall *stall);

struct model;

int model__new(struct model **ret_model, const struct resolver *resolver, stall_fn on_stall, void *ctx);
void model__free(struct model *m);
static inline void model__freep(struct model **m)
{
	model__free(*m);
}

/* Takes one event. 0 or -errno (-ENOMEM, or what on_stall returned). */
int model__event(struct model *m, const struct event *event);

/* Replaces what is known of one coroutine on one thread / of one thread by a newer, absolute reading. */
int model__coroutine(struct model *m, const struct ls_coro_key *key, const struct ls_coro_stats *stats);
int model__thread(struct model *m, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
/* Sets the absolute count of a named loss. `name` and `sentence` must outlive the model. */
int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count);

/*
 * What is known of a loop besides its counters; absolute, until the next call or the end of its thread. Makes a row also
 * for a thread that has no reading yet. 0 or -errno.
 */
struct model_loop_info {
	const char *process; /* copied, at most 63 bytes of it */
	uint32_t tasks_ready;
	uint32_t executor_threads, executor_max, executor_queued;
	uint32_t container_pid; /* the process's pid in its container, 0: it is in none */
};
int model__loop(struct model *m, uint32_t pid, uint32_t tid, const struct model_loop_info *info);

/*
 * Replaces all tasks; `alive` may be more than n. A count alone (tasks NULL) keeps the rows there are. A task that is told
 * twice counts once; from a circle of tasks that wait for each other one link is left out, so that `awaited_by` can be
 * followed to its end. Rates and times of first sight are lost of a task that is left out once. 0 or -errno, and then the rows
 * are as before.
 */
int model__tasks(struct model *m, uint64_t now_ns, const struct model_task *tasks, size_t n, uint64_t alive);
/* Adds a line to the log. 0 or -errno. */
int model__log(struct model *m, uint64_t now_ns, enum log_grade grade, uint32_t pid, const char *text);

/* Tells the time, about once in a second: rates and the last two minutes are made of these. 0 or -errno. */
int model__tick(struct model *m, uint64_t now_ns);
/* Replaces all that is open right now. 0 or -errno. */
int model__live(struct model *m, const struct model_live *live, size_t n);
/* How many of the newest stalls the snapshot lists, at most MODEL_MAX_STALLS, which it is until told. Forgets those it has. */
void model__keep_stalls(struct model *m, size_t n);
/*
 * Forgets what was counted so far: the absolute readings go on, but rows and lists begin anew. What is not counted but is,
 * stays: tasks, live spans, what was told of loops, the log.
 */
void model__reset(struct model *m);

/* The state as of now; valid until the next call on the model. 0 or -errno. */
int model__snapshot(struct model *m, const struct snapshot **ret_snapshot);

#endif
