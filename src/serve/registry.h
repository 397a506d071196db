/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters that are served: sums by service, container and pod, which outlive the processes
 * that they are counted in, so that none falls when a worker is replaced. The number of series is
 * bounded: what finds no room is counted under "other".
 *
 * Pure: what a session reads goes in, the writer (metrics.h) reads the open structs.
 */
#ifndef LOOPSTALL_SERVE_REGISTRY_H
#define LOOPSTALL_SERVE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/model.h"
#include "process/identity.h"
#include "serve/tally.h"
#include "serve/top_list.h"

#define REGISTRY_DEFAULT_SERIES 5000
#define REGISTRY_GENERATIONS 3 /* of the garbage collector */
#define REGISTRY_UNITS (LS_UNIT_TURN + 1)

/* TOP_LISTS(_): _(NAME, "word"): one list in each service. */
#define TOP_LISTS(_)                                                                               \
	_(COROUTINE, "coroutine")                                                                  \
	_(ENTRY, "entry")                                                                          \
	_(SITE, "site")

enum top_list_id {
#define _(name, ...) TOP_LIST_##name,
	TOP_LISTS(_)
#undef _
		TOP_LIST_MAX
};

/* The stall that was last counted in a bucket. */
struct exemplar {
	uint64_t duration_ns, end_unix_ns; /* 0: none */
	char task[48], line[64]; /* made safe */
	enum ls_cause cause;
	struct trace_text trace;
};

struct pause_hist {
	bool is_shown;
	uint64_t sum_ns, buckets[TALLY_N_BUCKETS];
};

/* Sums over the pools of one kind; default executors are apart. */
struct pools_now {
	uint64_t size, busy, waiting; /* size: of those that have one */
	uint64_t full; /* pools of which nothing is free and for which something waits */
};

/* What is true right now. */
struct service_now {
	uint32_t loops, processes_exact, processes_light;
	uint64_t tasks, tasks_ready;
	uint64_t executor_threads, executor_max, executor_queued;
	uint64_t stall_running_ns; /* age of the oldest stall that is open */
	struct pools_now pools[POOL_KIND_MAX];
};

struct service {
	struct identity identity;
	/* counted; `live` and `ended` are of readings */
	struct tally live, ended, shown;
	uint64_t stalls_read; /* in the pass before the last */
	uint64_t records; /* stalls that came with a record */
	uint64_t stalls_without_record;
	uint64_t stalls[REGISTRY_UNITS][LS_CAUSE_MAX]; /* by unit and cause */
	uint64_t stall_ns[LS_CAUSE_MAX];
	bool has_series[REGISTRY_UNITS][LS_CAUSE_MAX]; /* LS_UNIT_NONE: of stall_ns */
	struct pause_hist pauses[REGISTRY_GENERATIONS];
	struct top_list tops[TOP_LIST_MAX];
	struct exemplar exemplars[TALLY_N_BUCKETS]; /* of steps */
	struct service_now now;
	bool has_pools[POOL_KIND_MAX]; /* one was seen at any time */
	struct service *next; /* in the order in which they came */
};

struct registry_loss {
	const char *name;
	uint64_t count;
};

#define REGISTRY_MAX_LOSSES 96

struct registry {
	size_t max_series, n_series; /* reserved */
	struct service *services; /* the first one is "other", for those without room */
	struct process_entry *processes; /* table */
	size_t n_losses;
	struct registry_loss losses[REGISTRY_MAX_LOSSES]; /* as names them: none falls */
	/* values counted as "other" because --max-series was reached */
	uint64_t refused_services, refused_causes, refused_tops[TOP_LIST_MAX];
	bool is_folding;
	uint64_t clock_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

/* `max_series` 0: the default; too few for anything is raised. 0 or -ENOMEM. */
int registry__new(struct registry **ret_registry, size_t max_series);
void registry__free(struct registry *r);
static inline void registry__freep(struct registry **r)
{
	registry__free(*r);
}

/*
 * A process is known. Its service exists once something of it is counted; from then on it keeps
 * this identity, also if it executes another program. 0 or -ENOMEM.
 */
int registry__add_process(struct registry *r, pid_t pid, const struct identity *identity);
/* Forgets those that have ended and of which the last pass read nothing. */
void registry__forget_ended(struct registry *r, bool (*is_alive)(void *ctx, pid_t pid), void *ctx);
/* The service of a process; "other" for one of which nothing is counted. */
const struct service *registry__service(const struct registry *r, pid_t pid);

/*
 * One pass over the sums of the model. `is_folding`: those that are the last of their thread do not
 * come again; only of the pass before a tick. 0 or -ENOMEM.
 */
void registry__begin_pass(struct registry *r, bool is_folding);
int registry__add_thread(struct registry *r, const struct thread_sum *sum);
int registry__add_coroutine(struct registry *r, const struct coroutine_sum *sum);
void registry__end_pass(struct registry *r);

/* Current values, set after a pass. For a process with a loop; 0 or -ENOMEM. */
struct process_now {
	uint32_t loops;
	bool is_light;
	uint64_t tasks;
};
int registry__describe_process(struct registry *r, pid_t pid, const struct process_now *now);
/* Adds an open stall to the current values. */
void registry__set_running(struct registry *r, const struct stall *stall);

/* Adds a pool to the current values. */
void registry__add_pool(struct registry *r, const struct pool_row *pool);

/* A stall has ended. 0 or -ENOMEM. */
int registry__add_stall(struct registry *r, const struct stall *stall);
/* Absolute. */
void registry__set_loss(struct registry *r, const char *name, uint64_t count);

#endif
