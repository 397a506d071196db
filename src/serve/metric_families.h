/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metrics of `serve`: their names, types, units and sentences. A name that was released stays.
 */
#ifndef LOOPSTALL_SERVE_METRIC_FAMILIES_H
#define LOOPSTALL_SERVE_METRIC_FAMILIES_H

#include "serve/exposition.h"

#define P "loopstall_" /* prefix of our own */
#define BEHIND " One of the first 50 that mattered, or \"other\"."

/* METRICS(_): _(NAME, "name", TYPE, unit, "sentence") */
#define METRICS(_)                                                                                 \
	_(BUILD, P "build", INFO, NULL, "This program, the kernel and what it offers.")            \
	_(PROCESS, P "process", INFO, NULL, "A watched process.")                                  \
	_(PROCESSES, P "processes", GAUGE, NULL, "Watched processes, by the mode of measurement.") \
	_(LOOPS, P "loops", GAUGE, NULL, "Threads that run an event loop.")                        \
	_(LOOP_TIME, P "loop_time_seconds", COUNTER, "seconds",                                    \
	  "Time of the loops: in steps, in callbacks, idle in their poll, other.")                 \
	_(TURN, P "turn_duration_seconds", HISTOGRAM, "seconds",                                   \
	  "Turns of the loops, from the end of a poll to the next poll.")                          \
	_(STEP, P "step_duration_seconds", HISTOGRAM, "seconds",                                   \
	  "Steps of tasks, from one await to the next. Counted in exact mode; in light mode "      \
	  "those that stall are not in it.")                                                       \
	_(STALLS, P "stalls", COUNTER, NULL,                                                       \
	  "Steps, callbacks and turns of at least the threshold, by their main cause.")            \
	_(STALL_TIME, P "stall_seconds", COUNTER, "seconds",                                       \
	  "Time of the stalls, by what it went into.")                                             \
	_(STALLS_COUNTED, P "stalls_without_record", COUNTER, NULL,                                \
	  "Stalls that were counted only: they are in no other metric of stalls but those by "     \
	  "coroutine.")                                                                            \
	_(STALL_RUNNING, P "stall_running_seconds", GAUGE, "seconds",                              \
	  "Age of the oldest stall that has not ended; 0 without one.")                            \
	_(STARVED, P "starved_seconds", COUNTER, "seconds",                                        \
	  "Time that ready tasks waited behind stalls, summed over the tasks.")                    \
	_(WAITS, P "starved_waits", COUNTER, NULL, "Waits of ready tasks behind stalls.")          \
	_(READY_DELAY, P "ready_delay_seconds", HISTOGRAM, "seconds",                              \
	  "How long ready tasks waited behind stalls: each of the waits above.")                   \
	_(GIL_WAIT, P "gil_wait_seconds", COUNTER, "seconds",                                      \
	  "Time that the loops waited for the interpreter lock.")                                  \
	_(RUNQUEUE_WAIT, P "runqueue_wait_seconds", COUNTER, "seconds",                            \
	  "Time that the loops were ready and had no CPU, throttling excluded.")                   \
	_(THROTTLED, P "throttled_seconds", COUNTER, "seconds",                                    \
	  "Time that the loops were throttled by the CPU quota of their cgroup.")                  \
	_(GC, P "gc_seconds", COUNTER, "seconds",                                                  \
	  "Time that the loops collected garbage, as the sampler saw it.")                         \
	_(GC_PAUSE, P "gc_pause_seconds", HISTOGRAM, "seconds",                                    \
	  "Time of the garbage collector in a stall, by the oldest generation collected.")         \
	_(TASKS, P "tasks", GAUGE, NULL, "Tasks that are alive.")                                  \
	_(TASKS_READY, P "tasks_ready", GAUGE, NULL, "Entries in the ready queues of the loops.")  \
	_(EXECUTOR_THREADS, P "executor_threads", GAUGE, NULL, "Threads of the executors.")        \
	_(EXECUTOR_MAX, P "executor_max_threads", GAUGE, NULL,                                     \
	  "Threads that the executors may have; 0 without an executor.")                           \
	_(EXECUTOR_QUEUED, P "executor_queued_calls", GAUGE, NULL,                                 \
	  "Calls that wait for a thread of an executor.")                                          \
	_(POOL_SIZE, P "pool_size", GAUGE, NULL,                                                   \
	  "Threads or connections that the pools may have, default executors excluded.")           \
	_(POOL_BUSY, P "pool_busy", GAUGE, NULL,                                                   \
	  "Threads or connections of pools that are taken.")                                       \
	_(POOL_WAITING, P "pool_waiting", GAUGE, NULL,                                             \
	  "Calls or tasks that wait for a thread or a connection of a pool.")                      \
	_(POOLS_FULL, P "pools_full", GAUGE, NULL,                                                 \
	  "Pools of which nothing is free and for which something waits.")                         \
	_(COROUTINE_STEPS, P "coroutine_steps", COUNTER, NULL,                                     \
	  "Steps by coroutine, counted in exact mode." BEHIND)                                     \
	_(COROUTINE_TIME, P "coroutine_time_seconds", COUNTER, "seconds",                          \
	  "Time of steps by coroutine." BEHIND)                                                    \
	_(COROUTINE_STALLS, P "coroutine_stalls", COUNTER, NULL, "Stalls by coroutine." BEHIND)    \
	_(ENTRY_STALLS, P "entry_stalls", COUNTER, NULL,                                           \
	  "Stalls by the outermost function of the user's code." BEHIND)                           \
	_(ENTRY_TIME, P "entry_stall_seconds", COUNTER, "seconds",                                 \
	  "Time of stalls by the outermost function of the user's code." BEHIND)                   \
	_(ENTRY_STARVED, P "entry_starved_seconds", COUNTER, "seconds",                            \
	  "Time others waited, by the outermost function of the user's code." BEHIND)              \
	_(SITE_STALLS, P "site_stalls", COUNTER, NULL, "Stalls by source line and cause." BEHIND)  \
	_(SITE_TIME, P "site_stall_seconds", COUNTER, "seconds",                                   \
	  "Time of stalls by source line and cause." BEHIND)                                       \
	_(SITE_STARVED, P "site_starved_seconds", COUNTER, "seconds",                              \
	  "Time others waited, by source line and cause." BEHIND)                                  \
	_(LOST, P "lost", COUNTER, NULL, "What this program could not measure, by reason.")        \
	_(OWN_CPU, P "own_cpu_seconds", COUNTER, "seconds",                                        \
	  "CPU time that measuring takes: in kernel programs, in traps, in this program.")         \
	_(THRESHOLD, P "threshold_seconds", GAUGE, "seconds", "Shortest duration of a stall.")     \
	_(SERIES, P "series", GAUGE, NULL, "Series that are served.")                              \
	_(SERIES_MAX, P "series_max", GAUGE, NULL, "Series that may be served.")                   \
	_(SERIES_REFUSED, P "series_refused", COUNTER, NULL,                                       \
	  "Values counted as \"other\", because there was no room for series.")                    \
	_(HTTP, P "http_events", COUNTER, NULL, "What happened to connections and requests.")      \
	_(OTLP, P "otlp_items", COUNTER, NULL,                                                     \
	  "Log records and data points by what became of them.")                                   \
	_(PROCESS_CPU, "process_cpu_seconds", COUNTER, "seconds", "CPU time of this program.")     \
	_(PROCESS_START, "process_start_time_seconds", GAUGE, "seconds",                           \
	  "When this program was started, since 1970.")                                            \
	_(PROCESS_MEMORY, "process_resident_memory_bytes", GAUGE, "bytes",                         \
	  "Memory of this program.")

enum metric {
#define _(name, ...) METRIC_##name,
	METRICS(_)
#undef _
		METRIC_MAX
};

extern const struct exposition_family metric_families[METRIC_MAX];

#endif
