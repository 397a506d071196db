/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See metrics.h. A family is written by one function, for all services one after the other, as both
 * formats want it.
 */
#include "serve/metrics.h"

#include "base/array.h"
#include "base/time.h"
#include "model/vocabulary.h"
#include "otlp/message.h"
#include "serve/metric_families.h"

struct writing {
	struct exposition x;
	const struct registry *registry;
	const struct metrics_facts *facts;
	const struct service *only; /* NULL: all of them */
};

static struct exposition_labels labels_of(const struct service *s)
{
	struct exposition_labels labels = {};

	exposition_labels__add(&labels, "service", s->identity.service);
	exposition_labels__add(&labels, "container_id", s->identity.container_id);
	exposition_labels__add(&labels, "pod_uid", s->identity.pod_uid);
	for (size_t i = 0; i < labels.n; i++)
		labels.list[i].is_of_resource = true;
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
	exposition__begin(&w->x, &metric_families[metric]);
}

/* Writes "other" once something is counted under it. */
static bool is_empty(const struct writing *w, const struct service *s)
{
	return s == w->registry->services && !tally__watched_ns(&s->shown) && !s->records;
}

#define EACH_SERVICE(w, s)                                                                         \
	for (const struct service *s = (w)->registry->services; s; s = s->next)                    \
		if (is_empty(w, s) || (w->only && s != w->only))                                   \
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
			exposition_labels__add(&shown.labels, "trace_id", e->trace.trace_id);
			exposition_labels__add(&shown.labels, "span_id", e->trace.span_id);
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

		/* Time that is no step, callback or wait: between two turns, or not known. */
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

static void put_delays(struct writing *w)
{
	begin(w, METRIC_READY_DELAY);
	EACH_SERVICE(w, s)
	{
		const struct exposition_labels labels = labels_of(s);

		put_hist(w, &labels, &s->shown.v[TALLY_WAIT_HIST], s->shown.v[TALLY_WAIT_SUM_NS],
			 NULL);
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

/* A member of struct pools_now, by its metric. */
#define put_pools_gauge(w, metric, member)                                                         \
	do {                                                                                       \
		begin(w, metric);                                                                  \
		EACH_SERVICE(w, s)                                                                 \
		for (enum pool_kind kind = 0; kind < POOL_KIND_MAX; kind++)                        \
			if (s->has_pools[kind])                                                    \
				put_of_kind(w, s, kind, s->now.pools[kind].member);                \
	} while (0)

static void put_of_kind(struct writing *w, const struct service *s, enum pool_kind kind,
			uint64_t value)
{
	const struct exposition_labels labels = labels_with(s, "kind", pool_kind__word(kind));

	exposition__count(&w->x, &labels, value);
}

static void put_pools(struct writing *w)
{
	put_pools_gauge(w, METRIC_POOL_SIZE, size);
	put_pools_gauge(w, METRIC_POOL_BUSY, busy);
	put_pools_gauge(w, METRIC_POOL_WAITING, waiting);
	put_pools_gauge(w, METRIC_POOLS_FULL, full);
}

static const struct {
	enum top_list_id list;
	size_t value; /* the labels of the row */
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
}

static void put_process(struct writing *w)
{
	static const struct exposition_labels none;
	const struct metrics_facts *f = w->facts;

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
	if (!w->facts->n_otlp_events)
		return;
	begin(w, METRIC_OTLP);
	for (size_t i = 0; i < w->facts->n_otlp_events; i++)
		put_labelled(w, "fate", w->facts->otlp_events[i].name,
			     w->facts->otlp_events[i].count);
}

static void put_services(struct writing *w)
{
	put_modes(w);
	put_gauges(w);
	put_pools(w);
	put_loop_time(w);
	put_turns(w);
	put_steps(w);
	put_stalls(w);
	put_stall_time(w);
	put_seconds(w, METRIC_STARVED, TALLY_STARVED_NS);
	put_count(w, METRIC_WAITS, TALLY_WAITS);
	put_delays(w);
	put_seconds(w, METRIC_GIL_WAIT, TALLY_GIL_NS);
	put_seconds(w, METRIC_RUNQUEUE_WAIT, TALLY_RUNQUEUE_NS);
	put_seconds(w, METRIC_THROTTLED, TALLY_THROTTLED_NS);
	put_seconds(w, METRIC_GC, TALLY_GC_NS);
	put_pauses(w);
	put_tops(w);
}

size_t metrics__write(FILE *out, enum exposition_format format, const struct registry *registry,
		      const struct metrics_facts *facts)
{
	struct writing w = { .x = { .out = out, .format = format },
			     .registry = registry,
			     .facts = facts };

	put_build(&w);
	put_processes(&w);
	put_services(&w);
	put_events(&w);
	put_own(&w);
	put_process(&w);
	put_bounds(&w);
	exposition__end(&w.x);
	return w.x.n;
}

static void encode_service(struct writing *w, struct protobuf *request, const struct service *s)
{
	const struct otlp_resource resource = { s->identity.service, s->identity.container_id,
						s->identity.pod_uid };

	w->only = s;
	put_services(w);
	otlp_points__end(w->x.points);
	otlp_wrap(request, &resource, w->facts->version, &w->x.points->metrics);
	otlp_points__clear(w->x.points);
}

size_t metrics__encode(struct protobuf *request, const struct registry *registry,
		       const struct metrics_facts *facts)
{
	static const struct otlp_resource ours = { .service = "loopstall" };
	struct otlp_points points = { .begun_unix_ns = facts->started_unix_ns,
				      .now_unix_ns = time_now_ns(CLOCK_REALTIME) };
	struct writing w = { .x = { .points = &points }, .registry = registry, .facts = facts };

	for (const struct service *s = registry->services; s; s = s->next)
		if (!is_empty(&w, s))
			encode_service(&w, request, s);
	put_build(&w);
	put_events(&w);
	put_own(&w);
	otlp_points__end(&points);
	otlp_wrap(request, &ours, facts->version, &points.metrics);
	if (points.metrics.r < 0)
		request->r = points.metrics.r;
	otlp_points__done(&points);
	return points.n;
}
