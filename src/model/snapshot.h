/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The snapshot: what the model knows at one moment, as lists of rows. Everything that shows or
 * writes a measurement reads this and nothing else of the model.
 */
#ifndef LOOPSTALL_MODEL_SNAPSHOT_H
#define LOOPSTALL_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loopstall/abi.h>

#include "model/frame.h"
#include "model/life_row.h"
#include "model/stall.h"
#include "runtime/pools.h"

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
	uint32_t causes; /* of its stalls, one bit for each */
	/* Where its worst call site is placed (`own`), NULLs if it never stalled. */
	struct model_frame where;
	enum ls_cause where_cause;
	enum sign where_sign;
	struct code_context where_context;
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
	_(ROUTE, "route", "ROUTE", "the method and route of the HTTP request")                     \
	_(FILE, "file", "FILE", "the file of your own code that holds most of the stall")          \
	_(TASK, "task", "TASK", "the name of the task")                                            \
	_(TEST, "test", "TEST", "the test that ran")                                               \
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
	uint32_t causes; /* of its stalls, one bit for each */
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
	struct code_context context; /* of the longest stall */
	const char *syscall; /* NULL if none */
	/* number of the rule on loops as a whole, which has no stalls, plus 1; 0: of stalls */
	uint8_t loop_rule;
	const struct pool_row *pool; /* of which nothing was free; NULL: it is about no pool */
	const struct life_row *life; /* of which it is; NULL: it is about no tasks as such */
	struct model_frame at; /* the line to change; NULLs: it is no line, or not known */
	char holder[LS_NAME_BYTES]; /* thread that held the lock, or had the CPU; "": none */
	uint32_t pid; /* 0: several */
	size_t n_coroutines, n_entries;
	bool has_more; /* coroutines or entries beyond these */
	struct code_info coroutines[FINDING_MAX_WHO], entries[FINDING_MAX_WHO];
	/* the user's next function that each entry called; the entry itself if there is none */
	struct code_info behind[FINDING_MAX_WHO];
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
	double handles; /* begun in light mode, which counts no steps */
};

/* A call site: a source line in which stalls spent their time. */
struct site_row {
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall; /* NULL if none */
	struct code_info coroutine; /* of the newest stall there */
	uint64_t stalls, total_ns, max_ns, starved_ns, last_ns;
	enum sign sign; /* of the longest stall */
	struct code_context context; /* likewise */
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/* What one coroutine spent at one call site. */
struct site_cost_row {
	struct code_info coroutine;
	struct model_frame at;
	enum ls_cause cause;
	const char *syscall; /* NULL if none */
	enum sign sign; /* of the longest stall there */
	uint64_t stalls, total_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/*
 * What held the interpreter's lock, or other locks, while stalls waited for it: a line of the
 * program, or a thread without a known stack.
 */
struct holder_row {
	struct model_frame at; /* NULLs: not known */
	bool is_process; /* it is a process, and no thread of it is known */
	bool is_collecting; /* its garbage collector ran: `at` is not known */
	char name[LS_NAME_BYTES]; /* of the thread in the newest stall; "" if not known */
	/* waited_ns: for it; starved_ns: of all tasks that waited behind these stalls */
	uint64_t stalls, waited_ns, starved_ns;
	const struct runtime_words *words; /* of its runtime; NULL: the default */
};

/*
 * Tasks that had to wait, and the culprit behind which they waited most. A row is all tasks of one
 * name; tasks that the runtime named ("Task-17") are one row for each coroutine. Only named victims
 * are counted here.
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
	/* time on the CPU in light mode, and in exact mode, in which steps are counted */
	uint64_t light_cpu_ns, exact_cpu_ns;
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

struct pool_row_place {
	struct model_frame at; /* in the function that was handed to the pool */
	uint32_t threads;
};

/* Threads or connections that tasks share. */
struct pool_row {
	uint32_t pid;
	enum pool_kind kind;
	char name[POOL_NAME_BYTES]; /* raw; "" if not known */
	bool is_default; /* the default executor of a loop, which is in its row as well */
	uint32_t size, busy, waiting; /* at the last look; size 0: no limit, or not known */
	uint32_t waiting_max;
	uint64_t full_ns; /* nothing was free and something waited at both ends of this time */
	uint64_t full_since_ns; /* 0: it was not so at the last look */
	size_t n_places; /* of its threads when most waited, the most frequent first */
	struct pool_row_place places[POOL_PLACES];
	const struct runtime_words *words;
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
	uint64_t handles, light_cpu_ns, exact_cpu_ns; /* see struct loop_row */
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
	size_t n_pools;
	const struct pool_row *pools; /* longest full first */
	size_t n_lives;
	const struct life_row *lives; /* problems first, then by kind, the largest first */
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

#endif
