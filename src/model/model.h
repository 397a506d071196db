/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model: a pure state machine. Events and aggregates go in, one snapshot comes out. No I/O, no
 * clock, no globals: the same inputs give the same snapshot.
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

/* A native frame inside the innermost frame of a stack: model/native_stack.h. */
struct model_native {
	/* "libz.so.1:deflate", "libz.so.1+0x1234" without a symbol, NULL: not known */
	const char *name;
};

/*
 * Size of a task's name in UTF-8. The worst case is Latin-1: LS_NAME_BYTES characters of two bytes.
 */
#define MODEL_NAME_BYTES (2 * LS_NAME_BYTES + 32)

/* What was observed of a stall beyond its cause. It decides what to do about it. */
enum sign {
	SIGN_NONE,
	SIGN_PINNED, /* it waited for its CPUs while others were free that it must not use */
	SIGN_OWN_THREADS, /* other threads of its process had the CPU */
	SIGN_OTHER_PROCESS, /* another process had it */
	SIGN_GIL_HELD, /* it computed with the interpreter's lock */
	SIGN_AWAITS, /* it awaited again and again and never had to suspend */
	SIGN_GIL_RELEASED, /* it computed in native code that released the lock */
	SIGN_PAGE_FAULTS, /* the kernel provided or copied memory that it touched */
	SIGN_MAX
};

/* The process whose threads ran longest on the CPU that a stall waited for. */
struct cpu_holder {
	uint64_t duration_ns; /* 0: nothing waited, or not known */
	uint32_t pid;
	bool is_own_process;
	char name[3 * LS_COMM_BYTES + 4]; /* UTF-8, "" if it has none */
};

/* A thread that held what a stall waited for. */
struct model_holder {
	uint32_t tid; /* 0: nothing waited for it, or not known who held it */
	char name[LS_NAME_BYTES]; /* UTF-8, raw; "" if not known */
	/* what it ran meanwhile, innermost first; 0: no code of the runtime, or not known */
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES];
};

/* Where a step resumed or suspended. `at` is valid as `state` says: see step_ends.h. */
struct step_end {
	enum ls_await_state state; /* LS_AWAIT_UNKNOWN: not known, or no step */
	struct model_frame at;
};

/*
 * One stall with all names resolved. Strings live as long as the model and its resolver.
 */
struct stall {
	uint32_t pid, tid;
	enum ls_unit unit;
	enum ls_cause cause;
	uint64_t start_ns, duration_ns;
	uint64_t cause_ns[LS_CAUSE_MAX]; /* adds up to duration_ns */
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns; /* the split: adds up to duration_ns */
	/* part of runqueue_ns during which the hypervisor ran another guest */
	uint64_t stolen_ns;
	uint64_t task; /* address, 0 for callbacks and turns */
	/* UTF-8; "" for callbacks and turns, "?" if it is not known */
	char task_name[MODEL_NAME_BYTES];
	bool is_task_name_unknown;
	/* callback: its function; all NULL: a turn, or not known */
	struct code_info coroutine;
	/*
	 * Where most time was spent; NULL/0 if not known. The system call and the native function
	 * may be known without a frame.
	 */
	struct model_frame call; /* the innermost frame that has a name */
	/*
	 * The user's innermost function that holds most of the stall, its line, and the share of
	 * all samples and waits that it holds (0 ... 1); `entry`: his outermost function, through
	 * which the stall came to it. See own.h. NULLs if not known.
	 */
	struct model_frame own, entry;
	uint32_t own_def_line; /* first line of that function, 0 if not known */
	uint32_t entry_def_line; /* of `entry`, likewise */
	bool is_entry_users; /* `entry` is the user's code, not a library's */
	double own_share;
	const char *call_syscall;
	const char *call_native;
	size_t n_frames;
	struct model_frame stack[LS_MAX_FRAMES]; /* innermost first; of the place in `call` */
	/* first lines of the functions in `stack`, 0 if not known */
	uint32_t def_lines[LS_MAX_FRAMES];
	bool is_stack_cut;
	struct model_holder gil_holder; /* the one that it waited for longest */
	/* the same of the locks that it waited for */
	struct model_holder lock_holder;
	enum ls_lock_known lock_known;
	/*
	 * Native frames inside stack[0], innermost first; `is_native_cut`: there may be more.
	 * Without `has_native_stack` it is not known whether there are any.
	 */
	bool has_native_stack, is_native_cut;
	size_t n_native;
	struct model_native native_stack[LS_MAX_NATIVE];
	uint32_t steps; /* of a turn */
	uint32_t victims;
	uint32_t victims_named;
	char victim_names[LS_MAX_VICTIM_NAMES][MODEL_NAME_BYTES];
	uint64_t starved_ns;
	uint32_t sockets; /* with unread data that the loop had not polled */
	bool is_victims_cut, is_victims_unknown;
	/* `start_ns` is when its thread was found, `duration_ns` a lower bound */
	bool began_before;
	/* measured in light mode: its start and end are exact to two sampling periods */
	bool is_light;
	/*
	 * LS_END_OPEN: as far as it has come. It is in no sum; another one with the same pid, tid
	 * and start follows when it ends, or when the measurement does.
	 */
	enum ls_end end;
	unsigned int end_signal; /* LS_END_SIGNAL: its number */
	/* oldest generation that the garbage collector worked on, plus 1; 0: none or not known */
	unsigned int gc_generation;
	enum ls_stop stop; /* what stopped it last */
	uint32_t stop_id; /* the signal's number or the tracer's process; 0: not known */
	uint64_t quota_ns, period_ns; /* CPU quota that throttled it; 0: none or not known */
	struct cpu_holder cpu_holder;
	/* part of runqueue_ns: a CPU was free that the thread must not use */
	uint64_t pinned_ns;
	/* samples on a CPU at which the interpreter's lock was looked at, and was not the thread's
	 */
	uint32_t gil_looks, gil_free;
	/*
	 * Part of cpu_ns in kernel mode, estimated from the ticks of the kernel; without
	 * `has_kernel_ns` they were too few.
	 */
	bool has_kernel_ns;
	uint64_t kernel_ns;
	uint64_t page_faults; /* since its first sample */
	/* where it awaited again and again without suspending; NULLs if it was not seen to */
	struct model_frame repeated_await;
	struct step_end from, to;
	enum sign sign;
	/*
	 * `cause` is the host's doing, and the rest alone reached the threshold: its cause and
	 * time. Else `own_ns` is 0.
	 */
	enum ls_cause own_cause;
	enum sign own_sign;
	uint64_t own_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

#define MODEL_TREND 30 /* ticks */

/*
 * One row of the table by coroutine, summed over threads, and over processes where the source place
 * is the same. Two rows have no file: "(unknown)" for steps whose coroutine could not be read, and
 * "(other)" for steps without a row because a table was full; of the latter only the number and the
 * time are known.
 */
struct coroutine_row {
	struct code_info coroutine;
	uint32_t pid; /* 0 if several */
	uint64_t steps, total_ns, max_ns, stalls;
	/* Its steps that are in snapshot.live: number, not in `stalls`, and first start. */
	uint32_t open;
	uint64_t open_since_ns;
	uint64_t starved_ns; /* time others waited behind its stalls */
	/* those of its stalls that came through a function of the user's: see groups.h */
	uint64_t entered_stalls, entered_starved_ns;
	/* time its own tasks waited behind stalls of others, and number of waits */
	uint64_t suffered_ns, suffered;
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	uint64_t host_ns; /* of these: the host's doing alone, as waiting for a CPU */
	uint64_t p50_ns, p95_ns, p99_ns; /* from the histogram, at most max_ns */
	/* between the last two ticks; busy: share of the interval, 0 ... 1 */
	double steps_per_s, busy;
	/* Where its worst call site is placed (`own`), NULLs if it never stalled. */
	struct model_frame where;
	enum ls_cause where_cause;
	enum sign where_sign;
	uint8_t n_trend;
	float trend[MODEL_TREND]; /* `busy` at the last ticks, oldest first */
	uint32_t hist[LS_HIST_BUCKETS];
	uint32_t own_hist[LS_HIST_BUCKETS]; /* the same without time in the run queue */
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/*
 * What the stalls can be grouped by. A key is a list of rows in the snapshot.
 *
 * GROUP_KEYS(_) : _(NAME, "word", "TITLE", "what a row is")
 */
#define GROUP_KEYS(_)                                                                              \
	_(AUTO, "auto", "COROUTINE", "the entry where the coroutine is a library's, else it")      \
	_(COROUTINE, "coroutine", "COROUTINE", "the coroutine or callback that the loop ran")      \
	_(ENTRY, "entry", "ENTRY", "the outermost function of your own code")                      \
	_(FILE, "file", "FILE", "the file of your own code that holds most of the stall")          \
	_(TASK, "task", "TASK", "the name of the task")                                            \
	_(PROCESS, "process", "PROCESS", "the process")

enum group_key {
#define _(name, ...) GROUP_##name,
	GROUP_KEYS(_)
#undef _
		GROUP_MAX
};

/*
 * A row of a group: of a coroutine all of its steps, of anything else its stalls alone. What is not
 * known of it is 0, and the flags say so.
 */
struct group_row {
	const char *name;
	const char *file; /* NULL: it is no place in the source */
	uint32_t line;
	enum ls_unit unit; /* of its stalls; LS_UNIT_NONE: of several kinds */
	uint32_t pid; /* 0: several */
	bool is_entry; /* a function through which the stalls of a library's coroutine came */
	bool has_steps; /* the next six are counted; for processes, not by coroutine */
	bool has_percentiles;
	uint64_t steps, total_ns, suffered_ns, suffered;
	double steps_per_s, busy;
	uint64_t p50_ns, p95_ns, p99_ns;
	uint64_t max_ns; /* has_percentiles: of all steps, else the longest stall */
	uint64_t stalls, starved_ns;
	uint64_t stalled_ns; /* of its stalls; 0: not known */
	uint32_t open;
	uint64_t open_since_ns;
	/* of all steps if they are counted, else of its stalls */
	uint64_t cpu_ns, blocked_ns, gil_ns, runqueue_ns;
	struct model_frame where; /* as in struct coroutine_row */
	enum ls_cause where_cause;
	enum sign where_sign;
	uint8_t n_trend;
	const float *trend; /* NULL: none */
	const struct runtime_words *words;
};

struct group_list {
	size_t n;
	const struct group_row *rows; /* by starved time, then by longest stall, descending */
};

#define FINDING_MAX_WHO 6 /* coroutines, and entries, that one finding names */

/* What stalls of one kind at one place cost: the figures behind a finding (findings.h). */
struct finding_row {
	enum ls_unit unit; /* LS_UNIT_NONE: steps and callbacks */
	enum ls_cause cause;
	enum sign sign; /* with most time */
	const char *syscall; /* NULL if none */
	/* number of the rule on loops as a whole, which has no stalls, plus 1; 0: of stalls */
	uint8_t loop_rule;
	struct model_frame at; /* the line to change; NULLs: it is no line, or not known */
	char holder[LS_NAME_BYTES]; /* thread that held the lock, or had the CPU; "": none */
	uint32_t pid; /* 0: several */
	size_t n_coroutines, n_entries;
	bool has_more; /* coroutines or entries beyond these */
	struct code_info coroutines[FINDING_MAX_WHO], entries[FINDING_MAX_WHO];
	uint64_t stalls, light_stalls;
	/* stalls that go on, which are not in `stalls`: the sums have their time so far */
	uint32_t open;
	uint64_t open_since_ns;
	/*
	 * Without what the host did to these stalls, unless the finding is about the host. The
	 * starved time is shared out likewise, so each nanosecond of it is in one row at most.
	 */
	uint64_t time_ns, max_ns, starved_ns;
	double held_ns; /* part of time_ns at which the place was seen */
	uint64_t first_ns, last_ns; /* start of the first stall, end of the last */
	uint32_t worst_pid, worst_tid;
	uint64_t worst_start_ns; /* 0: none has ended */
	const struct runtime_words *words;
};

#define MODEL_SECONDS 120
#define MODEL_MAX_STALLS 512

/* One second of the last two minutes. */
struct second_row {
	uint64_t stalls;
	/* of `stalls`, those without a record: the next two fields are then lower bounds */
	uint64_t shed;
	uint64_t stall_ns, worst_ns;
	enum ls_cause worst_cause;
	uint64_t covered_ns; /* the longest stall that was under way in it, now ended */
	double busy; /* of the busiest loop, 0 ... 1 */
	double steps; /* of all loops */
};

/* A call site: a source line in which stalls spent their time. */
struct site_row {
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall; /* NULL if none */
	struct code_info coroutine; /* of the newest stall there */
	uint64_t stalls, total_ns, max_ns, starved_ns, last_ns;
	enum sign sign; /* of the longest stall */
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/* What one coroutine spent at one call site. */
struct site_cost_row {
	struct code_info coroutine;
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall; /* NULL if none */
	uint64_t stalls, total_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/*
 * What held the interpreter's lock, or other locks, while stalls waited for it: a line of the
 * program, or a thread without a known stack.
 */
struct holder_row {
	struct model_frame at; /* NULLs: not known */
	char name[LS_NAME_BYTES]; /* of the thread in the newest stall; "" if not known */
	/* waited_ns: for it; starved_ns: of all tasks that waited behind these stalls */
	uint64_t stalls, waited_ns, starved_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/*
 * Who had to wait, and behind whom most: tasks of one name, or, if it is one that the runtime gave
 * ("Task-17"), of one coroutine. Only named victims are counted here.
 */
struct victim_row {
	const char *name; /* "" for tasks without a name of their own */
	struct code_info coroutine; /* NULLs if it could not be read */
	struct code_info culprit; /* NULLs if its stalls were callbacks of no known function */
	uint64_t times, starved_ns, worst_ns, last_ns;
};

/* What one coroutine's stalls cost one victim. `victim` is the index of the victim's row. */
struct payer_row {
	struct code_info culprit;
	size_t victim;
	uint64_t times, starved_ns;
};

/* More of a loop's time than this is a hole in the measurement, not the edges of it. */
#define MODEL_MAX_UNACCOUNTED_SHARE 0.05

/* One loop thread. Rates are over the time between the last two ticks. */
struct loop_row {
	uint32_t pid, tid;
	const char *process; /* name of the program, "" if not known */
	uint64_t steps, step_ns, callbacks_ns, idle_ns, turns, stalls;
	/* since its first step or its thread was found; what is in none of the three times above */
	uint64_t watched_ns, unaccounted_ns;
	/* off-CPU time of its steps and callbacks by cause; the rest of their time is CPU */
	uint64_t cause_ns[LS_CAUSE_MAX];
	uint64_t turn_p50_ns, turn_p99_ns, turn_max_ns;
	uint64_t turn_own_max_ns; /* the longest turn without time in the run queue */
	/* handles begun in light mode, which counts no steps */
	uint64_t handles;
	double steps_per_s, busy; /* busy: 0 ... 1 */
	double gil, runqueue; /* shares of the interval between the last two ticks, 0 ... 1 */
	uint32_t tasks_ready; /* handles in its ready queue at the last reading */
	/* its default executor; all 0 if it has none */
	uint32_t executor_threads, executor_max, executor_queued;
	uint32_t container_pid; /* pid inside its container, 0: it is in none */
	/* consecutive ticks with all executor threads busy and calls queued */
	uint32_t executor_full_ticks;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

enum model_task_state { MODEL_TASK_WAITING, MODEL_TASK_READY, MODEL_TASK_RUNNING };

/* A task that was alive at the last reading. */
struct task_row {
	uint32_t pid, tid; /* tid 0: the thread of its loop is not known */
	uint64_t task; /* address */
	const char *name;
	struct code_info coroutine;
	enum model_task_state state;
	const char *waits_for; /* type of the awaited object, "" if none */
	size_t awaited_by; /* index of the row of the task that awaits it, SIZE_MAX if not known */
	bool is_cut; /* the stack is longer than this */
	size_t n_frames;
	const struct model_frame *stack; /* await chain, innermost first */
	uint64_t seen_ns; /* time of the first reading that held it */
	/* Counted per task since that was switched on; 0 while it is off. */
	uint64_t steps, total_ns, max_ns, stalls, last_end_ns;
	double busy; /* 0 ... 1, between the last two readings */
};

/* A task as read from the process, not resolved. */
struct model_task {
	uint32_t pid, tid;
	/* addresses in the process; awaited_by is 0 if not known */
	uint64_t task, awaited_by;
	uint64_t code, qualname;
	enum model_task_state state;
	const char *name, *waits_for; /* UTF-8; copied */
	bool is_cut;
	size_t n_frames;
	const struct ls_frame *frames; /* copied */
	struct ls_task_stats stats; /* zero while tasks are not counted */
};

/* Severity of a line of the log. */
enum log_grade { LOG_GRADE_INFO, LOG_GRADE_WARNING, LOG_GRADE_ERROR };

/* An entry of the log: attached, a process ended, a setting changed, measurements were lost. */
struct log_row {
	uint64_t number; /* ascending from 1 */
	uint64_t at_ns;
	enum log_grade grade;
	uint32_t pid; /* 0: none */
	const char *text; /* raw */
};

#define MODEL_MAX_LOG 1000

#define MODEL_LIVE_VICTIMS 8 /* victims of an open stall that are named */

/* A stall that is open, as read from the thread's kernel state, not resolved. */
struct model_live {
	/*
	 * As far as it has come at hdr.ts_ns. Recordings of older versions hold neither that time
	 * nor what the time went into.
	 */
	struct ls_rec_stall stall;
	enum ls_cause cause; /* of its current wait; CPU while it computes */
	uint16_t syscall; /* or LS_NO_SYSCALL */
	uint16_t stack_flags;
	size_t n_frames; /* of where it is now */
	const struct ls_frame *frames;
	/* of the lock's holder if it waits for one now, else of the interpreter's lock's */
	uint32_t n_holder_frames;
	const struct ls_frame *holder_frames;
	uint32_t n_victim_names;
	struct ls_pystr victim_names[MODEL_LIVE_VICTIMS];
};

struct loss {
	const char *name; /* from counters.h or losses.h */
	const char *sentence;
	uint64_t count;
	bool is_slight; /* no number can be off by 1 % because of it: not for people */
};

struct snapshot {
	uint64_t steps, callbacks_ns, idle_ns, step_ns, turns, stalls, starved_ns;
	uint64_t watched_ns, unaccounted_ns; /* as in struct loop_row, of all loops */
	uint64_t unattributed_steps; /* whose coroutine could not be read */
	uint64_t handles; /* see struct loop_row */
	uint64_t turn_p50_ns, turn_p99_ns, turn_max_ns, turn_own_max_ns; /* of all loops */
	uint64_t tasks_alive, tasks_ready; /* at the last reading; alive: 0 if there was none */
	size_t n_rows;
	const struct coroutine_row *rows; /* by starved time, then by longest stall, descending */
	size_t n_losses;
	const struct loss *losses; /* those above zero */
	size_t n_stalls;
	const struct stall *const *stall_list; /* newest first, at most MODEL_MAX_STALLS */
	size_t n_sites;
	const struct site_row *sites; /* most time first */
	size_t n_holders;
	const struct holder_row *holders; /* most time first */
	size_t n_lock_holders;
	const struct holder_row *lock_holders; /* the same of other locks */
	size_t n_site_costs;
	const struct site_cost_row *site_costs; /* most time first */
	struct group_list groups[GROUP_MAX];
	size_t n_findings;
	const struct finding_row *findings; /* most starved first, then most time */
	uint64_t findings_starved_ns; /* of all of them */
	size_t n_victims;
	const struct victim_row *victims; /* most starved first */
	size_t n_payers;
	const struct payer_row *payers; /* most starved first */
	size_t n_loops;
	const struct loop_row *loops; /* by pid and tid */
	size_t n_tasks;
	const struct task_row *tasks; /* by pid, loop thread and address */
	uint64_t tasks_ns; /* time of the reading, 0: never */
	size_t n_log;
	const struct log_row *log; /* newest first, at most MODEL_MAX_LOG */
	/*
	 * The stalls that were open at the last reading, longest first. Their cause, call and stack
	 * are those of that moment; so are the victims, and how long they have waited.
	 */
	size_t n_live;
	const struct stall *live;
	uint64_t live_ns; /* time of the reading */
	size_t n_seconds;
	const struct second_row *seconds; /* oldest first; the last is the current one */
};

/* Called for each stall when it ends. Returns 0 or -errno, which model__event() passes on. */
typedef int (*stall_fn)(void *ctx, const struct stall *stall);

struct model;

/* What counts as the user's code in addition. The texts must outlive the model. */
struct own_rules {
	size_t n_paths, n_packages;
	const char *const *paths; /* files and folders */
	const char *const *packages; /* names of installed packages */
};

int model__new(struct model **ret_model, const struct resolver *resolver, stall_fn on_stall,
	       void *ctx);
void model__free(struct model *m);
static inline void model__freep(struct model **m)
{
	model__free(*m);
}

/*
 * Asks the resolver for the names in a stack, or in a stall and the stacks before it, so that it
 * knows them when the process does not exist any more. Changes nothing else.
 */
void model__learn_names(struct model *m, const struct event *event);
/* Processes one event. 0 or -errno (-ENOMEM, or what on_stall returned). */
int model__event(struct model *m, const struct event *event);

/* Replaces the absolute reading of one coroutine on one thread, or of one thread. 0 or -ENOMEM. */
int model__coroutine(struct model *m, const struct ls_coro_key *key,
		     const struct ls_coro_stats *stats);
int model__thread(struct model *m, uint32_t pid, uint32_t tid, const struct ls_thread_stats *stats);
/* Sets the absolute count of a loss. `name` and `sentence` must outlive the model. 0. */
int model__loss(struct model *m, const char *name, const char *sentence, uint64_t count);

/*
 * Describes a loop; valid until the next call or the end of its thread. Also makes the row of a
 * thread that has no reading yet. 0 or -errno.
 */
struct model_loop_info {
	const char *process; /* copied, at most 63 bytes of it */
	uint32_t tasks_ready;
	uint32_t executor_threads, executor_max, executor_queued;
	uint32_t container_pid; /* pid inside its container, 0: it is in none */
};
int model__loop(struct model *m, uint32_t pid, uint32_t tid, const struct model_loop_info *info);

/*
 * Replaces all tasks; `alive` may exceed n. With `tasks` NULL only the count changes. Duplicates
 * count once; a cycle of tasks that await each other is cut at one link, so that `awaited_by`
 * always leads to an end. A task that is missing in one reading loses its rate and the time it was
 * first seen. 0 or -errno, which leaves the rows unchanged.
 */
int model__tasks(struct model *m, uint64_t now_ns, const struct model_task *tasks, size_t n,
		 uint64_t alive);
/* Appends a line to the log. 0 or -errno. */
int model__log(struct model *m, uint64_t now_ns, enum log_grade grade, uint32_t pid,
	       const char *text);

/*
 * What one loop thread, or one coroutine on it, has counted since the base. `is_last`: the thread
 * has ended, and these numbers are final; the next tick adds them to sums that know no process.
 */
struct thread_sum {
	uint32_t pid, tid;
	bool is_last;
	const struct ls_thread_stats *stats;
	const struct model_loop_info *info;
};
struct coroutine_sum {
	uint32_t pid, tid;
	bool is_last;
	const struct code_info *coroutine;
	const struct ls_coro_stats *stats;
};
struct sum_ops {
	int (*thread)(void *ctx, const struct thread_sum *sum);
	int (*coroutine)(void *ctx, const struct coroutine_sum *sum);
};
/*
 * Hands out the sums that a process can be named for, until one call fails. Just before a tick no
 * thread is missing whose end is known. 0 or -errno.
 */
int model__each_sum(const struct model *m, const struct sum_ops *ops, void *ctx);

/*
 * Advances the time, about once a second; rates and the last two minutes are computed from these
 * calls. 0 or -errno.
 */
int model__tick(struct model *m, uint64_t now_ns);
/* Replaces the open stalls. 0 or -errno. */
int model__live(struct model *m, const struct model_live *live, size_t n);
/* For the stalls that end, or are looked at, from now on. */
void model__set_own(struct model *m, const struct own_rules *rules);
/*
 * Sets how many of the newest stalls the snapshot lists: at most MODEL_MAX_STALLS, the default.
 * Empties the list.
 */
void model__keep_stalls(struct model *m, size_t n);
/*
 * Clears the counts: the current readings become the base, rows and lists start empty. Tasks, open
 * stalls, descriptions of loops and the log stay.
 */
void model__reset(struct model *m);

/* Returns the current state; valid until the next call on the model. 0 or -errno. */
int model__snapshot(struct model *m, const struct snapshot **ret_snapshot);

#endif
