/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line "summary" of schema "loopstall/1": the snapshot, table by table.
 */
#include "model/vocabulary.h"
#include "report/json.h"

static json_t *row_item(const void *item)
{
	const struct coroutine_row *row = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "name", row->coroutine.name);
	jsonx_add_text(&o, "file", row->coroutine.file);
	jsonx_add_u64(&o, "line", row->coroutine.first_line);
	jsonx_add(&o, "pid", jsonx_u64_or_null(row->pid));
	jsonx_add_u64(&o, "steps", row->steps);
	jsonx_add_u64(&o, "total_ns", row->total_ns);
	jsonx_add_u64(&o, "p50_ns", row->p50_ns);
	jsonx_add_u64(&o, "p95_ns", row->p95_ns);
	jsonx_add_u64(&o, "p99_ns", row->p99_ns);
	jsonx_add_u64(&o, "max_ns", row->max_ns);
	jsonx_add_u64(&o, "stalls", row->stalls);
	jsonx_add_u64(&o, "cpu_ns", row->cpu_ns);
	jsonx_add_u64(&o, "blocked_ns", row->blocked_ns);
	jsonx_add_u64(&o, "gil_ns", row->gil_ns);
	jsonx_add_u64(&o, "runqueue_ns", row->runqueue_ns);
	jsonx_add_u64(&o, "starved_ns", row->starved_ns);
	jsonx_add_u64(&o, "suffered", row->suffered);
	jsonx_add_u64(&o, "suffered_ns", row->suffered_ns);
	return jsonx_end(&o);
}

static json_t *site_item(const void *item)
{
	const struct site_row *site = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "function", site->at.function);
	jsonx_add_text(&o, "file", site->at.file);
	jsonx_add_u64(&o, "line", site->at.line);
	jsonx_add_text(&o, "cause", vocabulary_cause(site->cause));
	jsonx_add_text(&o, "syscall", site->syscall);
	jsonx_add(&o, "coroutine", json__coroutine(&site->coroutine));
	jsonx_add_u64(&o, "stalls", site->stalls);
	jsonx_add_u64(&o, "total_ns", site->total_ns);
	jsonx_add_u64(&o, "max_ns", site->max_ns);
	jsonx_add_u64(&o, "starved_ns", site->starved_ns);
	jsonx_add_u64(&o, "last_ns", site->last_ns);
	return jsonx_end(&o);
}

static struct jsonx holder_fields(const struct holder_row *holder, const char *waited)
{
	const char *name = *holder->name ? holder->name : NULL;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "thread", name && !holder->is_process ? name : NULL);
	jsonx_add_text(&o, "process", holder->is_process ? name : NULL);
	jsonx_add_text(&o, "function", holder->at.function);
	jsonx_add_text(&o, "file", holder->at.file);
	jsonx_add(&o, "line", jsonx_u64_or_null(holder->at.line));
	jsonx_add_u64(&o, "stalls", holder->stalls);
	jsonx_add_u64(&o, waited, holder->waited_ns);
	jsonx_add_u64(&o, "starved_ns", holder->starved_ns);
	return o;
}

static json_t *holder_item(const void *item)
{
	const struct holder_row *holder = item;
	struct jsonx o = holder_fields(holder, "gil_ns");

	jsonx_add_bool(&o, "is_collecting", holder->is_collecting);
	return jsonx_end(&o);
}

static json_t *lock_holder_item(const void *item)
{
	struct jsonx o = holder_fields(item, "lock_ns");

	return jsonx_end(&o);
}

static json_t *victim_item(const void *item)
{
	const struct victim_row *victim = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "name", victim->name[0] ? victim->name : NULL);
	jsonx_add(&o, "coroutine", json__coroutine(&victim->coroutine));
	jsonx_add(&o, "culprit", json__coroutine(&victim->culprit));
	jsonx_add_u64(&o, "times", victim->times);
	jsonx_add_u64(&o, "starved_ns", victim->starved_ns);
	jsonx_add_u64(&o, "worst_ns", victim->worst_ns);
	jsonx_add_u64(&o, "last_ns", victim->last_ns);
	return jsonx_end(&o);
}

static json_t *payer_item(const void *item)
{
	const struct payer_row *payer = item;
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "culprit", json__coroutine(&payer->culprit));
	jsonx_add_u64(&o, "victim", payer->victim);
	jsonx_add_u64(&o, "times", payer->times);
	jsonx_add_u64(&o, "starved_ns", payer->starved_ns);
	return jsonx_end(&o);
}

static json_t *loop_item(const void *item)
{
	const struct loop_row *loop = item;
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "pid", loop->pid);
	jsonx_add_u64(&o, "tid", loop->tid);
	jsonx_add_text(&o, "process", loop->process && loop->process[0] ? loop->process : NULL);
	jsonx_add_u64(&o, "steps", loop->steps);
	jsonx_add_u64(&o, "turns", loop->turns);
	jsonx_add_u64(&o, "stalls", loop->stalls);
	jsonx_add_u64(&o, "handles", loop->handles);
	jsonx_add_u64(&o, "step_ns", loop->step_ns);
	jsonx_add_u64(&o, "callbacks_ns", loop->callbacks_ns);
	jsonx_add_u64(&o, "idle_ns", loop->idle_ns);
	jsonx_add_u64(&o, "watched_ns", loop->watched_ns);
	jsonx_add_u64(&o, "unaccounted_ns", loop->unaccounted_ns);
	jsonx_add(&o, "causes_ns", json__causes(loop->cause_ns));
	jsonx_add_u64(&o, "turn_p50_ns", loop->turn_p50_ns);
	jsonx_add_u64(&o, "turn_p99_ns", loop->turn_p99_ns);
	jsonx_add_u64(&o, "turn_max_ns", loop->turn_max_ns);
	jsonx_add_u64(&o, "executor_threads", loop->executor_threads);
	jsonx_add_u64(&o, "executor_max", loop->executor_max);
	jsonx_add_u64(&o, "executor_queued", loop->executor_queued);
	return jsonx_end(&o);
}

static json_t *pool_place_item(const void *item)
{
	const struct pool_row_place *place = item;
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "where", json__frame(&place->at));
	jsonx_add_u64(&o, "threads", place->threads);
	return jsonx_end(&o);
}

static json_t *origin_item(const struct life_origin *origin)
{
	struct jsonx o;

	if (!origin->line)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "function", *origin->function ? origin->function : NULL);
	jsonx_add_text(&o, "file", *origin->file ? origin->file : NULL);
	jsonx_add_u64(&o, "line", origin->line);
	return jsonx_end(&o);
}

static json_t *life_item(const void *item)
{
	const struct life_row *life = item;
	const struct code_info coroutine = life_row__coroutine(life);
	const char *type = life_row__type(life);
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "pid", life->pid);
	jsonx_add_text(&o, "kind", life_kind__word(life->kind));
	jsonx_add(&o, "coroutine", json__coroutine(&coroutine));
	jsonx_add(&o, "other", json__coroutine(&life->other));
	jsonx_add(&o, "where", json__frame(&life->at));
	jsonx_add_text(&o, "type", *type ? type : NULL);
	jsonx_add(&o, "created", origin_item(&life->origin));
	jsonx_add_u64(&o, "count", life->count);
	jsonx_add_u64(&o, "count_first", life->count_first);
	jsonx_add_u64(&o, "count_max", life->count_max);
	jsonx_add(&o, "unawaited",
		  life->kind == LIFE_ALIVE ? jsonx_u64(life->unawaited) : json_null());
	jsonx_add(&o, "since_ns", jsonx_u64_or_null(life->since_ns));
	jsonx_add_u64(&o, "problem_ns", life->found_ns);
	return jsonx_end(&o);
}

static json_t *pool_item(const void *item)
{
	const struct pool_row *pool = item;
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "pid", pool->pid);
	jsonx_add_text(&o, "kind", pool_kind__word(pool->kind));
	jsonx_add_text(&o, "name", *pool->name ? pool->name : NULL);
	jsonx_add_bool(&o, "is_default", pool->is_default);
	jsonx_add(&o, "size", jsonx_u64_or_null(pool->size));
	jsonx_add_u64(&o, "busy", pool->busy);
	jsonx_add_u64(&o, "waiting", pool->waiting);
	jsonx_add_u64(&o, "waiting_max", pool->waiting_max);
	jsonx_add_u64(&o, "full_ns", pool->full_ns);
	jsonx_add(&o, "places",
		  jsonx_array(pool->places, pool->n_places, sizeof(pool->places[0]),
			      pool_place_item));
	return jsonx_end(&o);
}

static json_t *lost_json(const struct snapshot *snapshot)
{
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < snapshot->n_losses; i++)
		jsonx_add_u64(&o, snapshot->losses[i].name, snapshot->losses[i].count);
	return jsonx_end(&o);
}

static json_t *own_json(const struct report_run *run)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "cpu_ns", run->own_cost.self_ns);
	jsonx_add_u64(&o, "rss_bytes", run->own_rss_bytes);
	jsonx_add_u64(&o, "bpf_ns", run->bpf_run_ns);
	return jsonx_end(&o);
}

static json_t *modes_json(const struct report_run *run)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "exact_ns", run->duration_ns - run->light_ns);
	jsonx_add_u64(&o, "light_ns", run->light_ns);
	jsonx_add_u64(&o, "switches", run->mode_switches);
	return jsonx_end(&o);
}

#define ROWS(s, member, make)                                                                      \
	jsonx_array((s)->member, (s)->n_##member, sizeof((s)->member[0]), make)

json_t *json__summary(const struct snapshot *s, const struct report_run *run,
		      const struct report_opts *opts)
{
	struct jsonx o = json__line("summary", opts->mode);

	jsonx_add_u64(&o, "duration_ns", run->duration_ns);
	jsonx_add(&o, "ended_ns", jsonx_u64_or_null(run->ended_ns));
	jsonx_add(&o, "ended_unix_ns", jsonx_u64_or_null(run->ended_unix_ns));
	jsonx_add(&o, "modes", modes_json(run));
	jsonx_add_u64(&o, "steps", s->steps);
	jsonx_add_u64(&o, "unattributed_steps", s->unattributed_steps);
	jsonx_add_u64(&o, "handles", s->handles);
	jsonx_add_u64(&o, "stalls", s->stalls);
	jsonx_add_u64(&o, "turns", s->turns);
	jsonx_add_u64(&o, "step_ns", s->step_ns);
	jsonx_add_u64(&o, "callbacks_ns", s->callbacks_ns);
	jsonx_add_u64(&o, "idle_ns", s->idle_ns);
	jsonx_add_u64(&o, "watched_ns", s->watched_ns);
	jsonx_add_u64(&o, "unaccounted_ns", s->unaccounted_ns);
	jsonx_add_u64(&o, "starved_ns", s->starved_ns);
	jsonx_add_u64(&o, "turn_p50_ns", s->turn_p50_ns);
	jsonx_add_u64(&o, "turn_p99_ns", s->turn_p99_ns);
	jsonx_add_u64(&o, "turn_max_ns", s->turn_max_ns);
	jsonx_add_text(&o, "no_steps_reason", s->steps || s->handles ? NULL : run->no_steps_reason);
	jsonx_add(&o, "own", own_json(run));
	jsonx_add(&o, "own_cost", own_cost__json(&run->own_cost, run->duration_ns));
	jsonx_add(&o, "lost", lost_json(s));
	jsonx_add(&o, "coroutines", jsonx_array(s->rows, s->n_rows, sizeof(s->rows[0]), row_item));
	jsonx_add(&o, "call_sites", ROWS(s, sites, site_item));
	jsonx_add(&o, "victims", ROWS(s, victims, victim_item));
	jsonx_add(&o, "payers", ROWS(s, payers, payer_item));
	jsonx_add(&o, "loops", ROWS(s, loops, loop_item));
	jsonx_add(&o, "gil_holders", ROWS(s, holders, holder_item));
	jsonx_add(&o, "headline", json__headline(s));
	jsonx_add(&o, "findings", json__findings(s));
	jsonx_add(&o, "groups", json__groups(s, opts->group));
	jsonx_add(&o, "lock_holders", ROWS(s, lock_holders, lock_holder_item));
	jsonx_add(&o, "pools", ROWS(s, pools, pool_item));
	jsonx_add(&o, "lifecycle", ROWS(s, lives, life_item));
	return jsonx_end(&o);
}
