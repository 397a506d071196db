/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metrics.h. A family is written by one function, for all services one after the other, as both
 * formats want it.
 */
#include "serve/metrics.h"

#include "base/array.h"
#include "base/time.h"
#include "model/vocabulary.h"

#define P "loopstall_"
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

static const struct exposition_family families[METRIC_MAX] = {
#define _(name, text, type, unit, help) [METRIC_##name] = { text, EXPOSITION_##type, unit, help },
	METRICS(_)
#undef _
};

struct writing {
	struct exposition x;
	const struct registry *registry;
	const struct metrics_facts *facts;
};

static struct exposition_labels labels_of(const struct service *s)
{
	struct exposition_labels labels = {};

	exposition_labels__add(&labels, "service", s->identity.service);
	exposition_labels__add(&labels, "container_id", s->identity.container_id);
	exposition_labels__add(&labels, "pod_uid", s->identity.pod_uid);
	return labels;
}

static struct exposition_labels labels_with(const struct service *s, const char *name,
					    const char *value)
{
	struct exposition_labels labels = labels_of(s);

	exposition_labels__add(&labels, name, value);
	return labels;
}

static struct exposition_labels one_label(const char *name, const char *value)
{
	struct exposition_labels labels = {};

	exposition_labels__add(&labels, name, value);
	return labels;
}

static void begin(struct writing *w, enum metric metric)
{
	exposition__begin(&w->x, &families[metric]);
}

/* "other" is there once something is counted for it. */
static bool is_empty(const struct writing *w, const struct service *s)
{
	return s == w->registry->services && !tally__watched_ns(&s->shown) && !s->records;
}

#define EACH_SERVICE(w, s)                                                                         \
	for (const struct service *s = (w)->registry->services; s; s = s->next)                    \
		if (is_empty(w, s))                                                                \
			continue;                                                                  \
		else

static void put_seconds(struct writing *w, enum metric metric, enum tally_field field)
{
	begin(w, metric);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		exposition__seconds(&w->x, &labels, s->shown.v[field]);
	}
}

static void put_count(struct writing *w, enum metric metric, enum tally_field field)
{
	begin(w, metric);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		exposition__count(&w->x, &labels, s->shown.v[field]);
	}
}

static void put_build(struct writing *w)
{
	struct exposition_labels labels = one_label("version", w->facts->version);

	exposition_labels__add(&labels, "kernel", w->facts->kernel);
	exposition_labels__add(&labels, "arch", w->facts->arch);
	exposition_labels__add(&labels, "transport", w->facts->transport);
	begin(w, METRIC_BUILD);
	exposition__count(&w->x, &labels, 1);
}

static void put_processes(struct writing *w)
{
	const struct metrics_facts *f = w->facts;
	const size_t left = w->registry->max_series - w->registry->n_series;
	char pid[16];

	begin(w, METRIC_PROCESS);
	for (size_t i = 0; i < f->n_processes && i < METRICS_MAX_PROCESSES && i < left; i++) {
		const struct metrics_process *p = &f->processes[i];
		struct exposition_labels labels = labels_of(p->service);

		snprintf(pid, sizeof(pid), "%d", p->pid);
		exposition_labels__add(&labels, "pid", pid);
		exposition_labels__add(&labels, "python", p->python);
		exposition_labels__add(&labels, "loop", p->loop);
		exposition_labels__add(&labels, "mode", p->is_light ? "light" : "exact");
		exposition__count(&w->x, &labels, 1);
	}
}

static void put_modes(struct writing *w)
{
	begin(w, METRIC_PROCESSES);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels exact = labels_with(s, "mode", "exact"),
					       light = labels_with(s, "mode", "light");

		exposition__count(&w->x, &exact, s->now.processes_exact);
		exposition__count(&w->x, &light, s->now.processes_light);
	}
}

static void put_loop_time(struct writing *w)
{
	static const struct {
		const char *state;
		enum tally_field field;
	} states[] = {
		{ "steps", TALLY_STEPS_NS },
		{ "callbacks", TALLY_CALLBACKS_NS },
		{ "idle", TALLY_IDLE_NS },
		{ "other", TALLY_OTHER_NS },
	};

	begin(w, METRIC_LOOP_TIME);
	EACH_SERVICE(w, s)
	{
		for (size_t i = 0; i < N_OF(states); i++) {
			const struct exposition_labels labels =
				labels_with(s, "state", states[i].state);

			exposition__seconds(&w->x, &labels, s->shown.v[states[i].field]);
		}
	}
}

static void put_hist(struct writing *w, const struct exposition_labels *labels,
		     const uint64_t *buckets, uint64_t sum_ns, const struct exemplar *exemplars)
{
	uint64_t n = 0;

	for (size_t i = 0; i < TALLY_N_BUCKETS; i++) {
		const struct exemplar *e = exemplars ? &exemplars[i] : NULL;
		struct exposition_exemplar shown;

		n += buckets[i];
		if (e && e->end_unix_ns && buckets[i]) {
			shown = (struct exposition_exemplar){ .value_ns = e->duration_ns,
							      .unix_ns = e->end_unix_ns };
			exposition_labels__add(&shown.labels, "cause", vocabulary_cause(e->cause));
			exposition_labels__add(&shown.labels, "line", e->line);
			exposition_labels__add(&shown.labels, "task", e->task);
		}
		exposition__bucket(&w->x, labels,
				   i < TALLY_N_BOUNDS ? tally_bound_ns(i) : UINT64_MAX, n,
				   e && e->end_unix_ns && buckets[i] ? &shown : NULL);
	}
	exposition__sum(&w->x, labels, sum_ns, n);
}

static void put_turns(struct writing *w)
{
	begin(w, METRIC_TURN);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		/* What is no step, callback or wait is between two turns, or not known. */
		put_hist(w, &labels, &s->shown.v[TALLY_TURN_HIST],
			 s->shown.v[TALLY_STEPS_NS] + s->shown.v[TALLY_CALLBACKS_NS], NULL);
	}
}

static void put_steps(struct writing *w)
{
	begin(w, METRIC_STEP);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		put_hist(w, &labels, &s->shown.v[TALLY_STEP_HIST], s->shown.v[TALLY_STEP_SUM_NS],
			 s->exemplars);
	}
}

static void put_stalls(struct writing *w)
{
	begin(w, METRIC_STALLS);
	EACH_SERVICE(w, s)
	{
		for (size_t i = 0; i < (size_t)REGISTRY_UNITS * LS_CAUSE_MAX; i++) {
			const enum ls_unit unit = i / LS_CAUSE_MAX;
			const enum ls_cause cause = i % LS_CAUSE_MAX;
			struct exposition_labels labels;

			if (unit == LS_UNIT_NONE || !s->has_series[unit][cause])
				continue;
			labels = labels_with(s, "unit", vocabulary_unit(unit));
			exposition_labels__add(&labels, "cause", vocabulary_cause(cause));
			exposition__count(&w->x, &labels, s->stalls[unit][cause]);
		}
	}
}

static void put_stall_time(struct writing *w)
{
	begin(w, METRIC_STALL_TIME);
	EACH_SERVICE(w, s)
	{
		for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
			const struct exposition_labels labels =
				labels_with(s, "cause", vocabulary_cause(cause));

			if (s->has_series[LS_UNIT_NONE][cause])
				exposition__seconds(&w->x, &labels, s->stall_ns[cause]);
		}
	}
}

static void put_pauses(struct writing *w)
{
	static const char *const generations[REGISTRY_GENERATIONS] = { "0", "1", "2" };

	begin(w, METRIC_GC_PAUSE);
	EACH_SERVICE(w, s)
	{
		for (size_t i = 0; i < REGISTRY_GENERATIONS; i++) {
			const struct exposition_labels labels =
				labels_with(s, "generation", generations[i]);

			if (s->pauses[i].is_shown)
				put_hist(w, &labels, s->pauses[i].buckets, s->pauses[i].sum_ns,
					 NULL);
		}
	}
}

/* A member of struct service_now, by its metric. */
#define put_gauge(w, metric, member)                                                               \
	do {                                                                                       \
		begin(w, metric);                                                                  \
		EACH_SERVICE(w, s)                                                                 \
		{                                                                                  \
			const struct exposition_labels labels = labels_of(s);                      \
                                                                                                   \
			exposition__count(&(w)->x, &labels, s->now.member);                        \
		}                                                                                  \
	} while (0)

static void put_gauges(struct writing *w)
{
	put_gauge(w, METRIC_LOOPS, loops);
	put_gauge(w, METRIC_TASKS, tasks);
	put_gauge(w, METRIC_TASKS_READY, tasks_ready);
	put_gauge(w, METRIC_EXECUTOR_THREADS, executor_threads);
	put_gauge(w, METRIC_EXECUTOR_MAX, executor_max);
	put_gauge(w, METRIC_EXECUTOR_QUEUED, executor_queued);
	begin(w, METRIC_STALL_RUNNING);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		exposition__seconds(&w->x, &labels, s->now.stall_running_ns);
	}
	begin(w, METRIC_STALLS_COUNTED);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		exposition__count(&w->x, &labels, s->stalls_without_record);
	}
}

static const struct {
	enum top_list_id list;
	size_t value; /* of the row */
	bool is_time;
	const char *labels[TOP_LABELS];
	enum metric metric;
} top_metrics[] = {
	{ TOP_LIST_COROUTINE, 0, false, { "coroutine", "place" }, METRIC_COROUTINE_STEPS },
	{ TOP_LIST_COROUTINE, 1, true, { "coroutine", "place" }, METRIC_COROUTINE_TIME },
	{ TOP_LIST_COROUTINE, 2, false, { "coroutine", "place" }, METRIC_COROUTINE_STALLS },
	{ TOP_LIST_ENTRY, 0, false, { "entry", "place" }, METRIC_ENTRY_STALLS },
	{ TOP_LIST_ENTRY, 1, true, { "entry", "place" }, METRIC_ENTRY_TIME },
	{ TOP_LIST_ENTRY, 2, true, { "entry", "place" }, METRIC_ENTRY_STARVED },
	{ TOP_LIST_SITE, 0, false, { "site", "function", "cause" }, METRIC_SITE_STALLS },
	{ TOP_LIST_SITE, 1, true, { "site", "function", "cause" }, METRIC_SITE_TIME },
	{ TOP_LIST_SITE, 2, true, { "site", "function", "cause" }, METRIC_SITE_STARVED },
};

static void put_value(struct writing *w, const struct exposition_labels *labels, bool is_time,
		      uint64_t value)
{
	if (is_time)
		exposition__seconds(&w->x, labels, value);
	else
		exposition__count(&w->x, labels, value);
}

static void put_top(struct writing *w, size_t i, const struct service *s)
{
	const struct top_list *list = &s->tops[top_metrics[i].list];
	const size_t v = top_metrics[i].value;
	const char *const *names = top_metrics[i].labels;
	struct exposition_labels labels = labels_with(s, names[0], "other");

	put_value(w, &labels, top_metrics[i].is_time, list->other[v]);
	for (const struct top_row *row = list->rows; row; row = row->hh.next) {
		if (!row->is_admitted)
			continue;
		labels = labels_of(s);
		for (size_t l = 0; l < TOP_LABELS && names[l]; l++)
			exposition_labels__add(&labels, names[l], top_row__label(row, l));
		put_value(w, &labels, top_metrics[i].is_time, row->shown[v]);
	}
}

static void put_tops(struct writing *w)
{
	for (size_t i = 0; i < N_OF(top_metrics); i++) {
		begin(w, top_metrics[i].metric);
		EACH_SERVICE(w, s)
		put_top(w, i, s);
	}
}

static void put_labelled(struct writing *w, const char *label, const char *value, uint64_t count)
{
	const struct exposition_labels labels = one_label(label, value);

	exposition__count(&w->x, &labels, count);
}

static void put_part(struct writing *w, const char *part, uint64_t ns)
{
	const struct exposition_labels labels = one_label("part", part);

	exposition__seconds(&w->x, &labels, ns);
}

static void put_own(struct writing *w)
{
	static const struct exposition_labels none;
	const struct metrics_facts *f = w->facts;

	begin(w, METRIC_OWN_CPU);
	put_part(w, "self", f->own_cost.self_ns);
	if (f->own_cost.has_programs)
		put_part(w, "programs", f->own_cost.programs_ns);
	if (f->own_cost.has_traps)
		put_part(w, "traps", f->own_cost.traps_ns);
	begin(w, METRIC_THRESHOLD);
	exposition__seconds(&w->x, &none, f->threshold_ns);
	begin(w, METRIC_PROCESS_CPU);
	exposition__seconds(&w->x, &none, f->self_cpu_ns);
	begin(w, METRIC_PROCESS_START);
	exposition__seconds(&w->x, &none, f->started_unix_ns);
	begin(w, METRIC_PROCESS_MEMORY);
	exposition__count(&w->x, &none, f->rss_bytes);
}

static void put_bounds(struct writing *w)
{
	static const struct exposition_labels none;
	static const char *const lists[TOP_LIST_MAX] = {
#define _(name, word) [TOP_LIST_##name] = word,
		TOP_LISTS(_)
#undef _
	};
	const struct registry *r = w->registry;

	begin(w, METRIC_SERIES_REFUSED);
	put_labelled(w, "by", "service", r->refused_services);
	put_labelled(w, "by", "cause", r->refused_causes);
	for (size_t i = 0; i < TOP_LIST_MAX; i++)
		put_labelled(w, "by", lists[i], r->refused_tops[i]);
	begin(w, METRIC_SERIES_MAX);
	exposition__count(&w->x, &none, r->max_series);
	begin(w, METRIC_SERIES);
	exposition__count(&w->x, &none, w->x.n + 1);
}

static void put_events(struct writing *w)
{
	begin(w, METRIC_LOST);
	for (size_t i = 0; i < w->registry->n_losses; i++)
		put_labelled(w, "reason", w->registry->losses[i].name,
			     w->registry->losses[i].count);
	begin(w, METRIC_HTTP);
	for (size_t i = 0; i < w->facts->n_http_events; i++)
		put_labelled(w, "event", w->facts->http_events[i].name,
			     w->facts->http_events[i].count);
}

size_t metrics__write(FILE *out, enum exposition_format format, const struct registry *registry,
		      const struct metrics_facts *facts)
{
	struct writing w = { .x = { .out = out, .format = format },
			     .registry = registry,
			     .facts = facts };

	put_build(&w);
	put_processes(&w);
	put_modes(&w);
	put_gauges(&w);
	put_loop_time(&w);
	put_turns(&w);
	put_steps(&w);
	put_stalls(&w);
	put_stall_time(&w);
	put_seconds(&w, METRIC_STARVED, TALLY_STARVED_NS);
	put_count(&w, METRIC_WAITS, TALLY_WAITS);
	put_seconds(&w, METRIC_GIL_WAIT, TALLY_GIL_NS);
	put_seconds(&w, METRIC_RUNQUEUE_WAIT, TALLY_RUNQUEUE_NS);
	put_seconds(&w, METRIC_THROTTLED, TALLY_THROTTLED_NS);
	put_seconds(&w, METRIC_GC, TALLY_GC_NS);
	put_pauses(&w);
	put_tops(&w);
	put_events(&w);
	put_own(&w);
	put_bounds(&w);
	exposition__end(&w.x);
	return w.x.n;
}
