/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump as one JSON object, described in docs/json.md.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "dump/dump.h"
#include "report/jsonx.h"
#include "runtime/runtime.h"

#define MAX_GROUPS 1000

static const char *state_word(enum target_task_state state)
{
	static const char *const words[] = {
		[TARGET_TASK_WAITING] = "waiting",
		[TARGET_TASK_READY] = "ready",
		[TARGET_TASK_RUNNING] = "running",
	};

	return words[state];
}

static void add_frame(struct jsonx *o, const struct dump_frame *frame)
{
	jsonx_add_text(o, "function", frame->function);
	jsonx_add_text(o, "file", frame->file);
	jsonx_add(o, "line", jsonx_u64_or_null(frame->line));
}

static json_t *frame_json(const void *item)
{
	struct jsonx o = jsonx_object();

	add_frame(&o, item);
	return jsonx_end(&o);
}

static json_t *frames_json(const struct dump_frame *frames, size_t n)
{
	return jsonx_array(frames, n, sizeof(*frames), frame_json);
}

static json_t *coroutine_json(const struct code_info *code)
{
	struct jsonx o;

	if (!code->name)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "name", code->name);
	jsonx_add_text(&o, "file", code->file);
	jsonx_add(&o, "line", jsonx_u64_or_null(code->first_line));
	return jsonx_end(&o);
}

static json_t *text_or_null(const char *text)
{
	return *text ? jsonx_text(text) : json_null();
}

static json_t *tid_or_null(const struct dump_thread *th)
{
	return jsonx_u64_or_null(th && th->tid > 0 ? (uint64_t)th->tid : 0);
}

static json_t *thread_json(const void *item)
{
	const struct dump_thread *th = item;
	const char state[2] = { th->kernel.state, '\0' };
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "tid", tid_or_null(th));
	jsonx_add(&o, "name", text_or_null(th->name));
	jsonx_add_text(&o, "doing", dump_doing_word(th->doing));
	jsonx_add(&o, "state", text_or_null(state));
	jsonx_add_text(&o, "syscall", th->syscall);
	jsonx_add_text(&o, "native", th->native);
	jsonx_add_bool(&o, "holds_gil", th->holds_lock);
	jsonx_add_bool(&o, "is_loop", th->is_loop);
	jsonx_add_bool(&o, "is_executor", th->executor_of);
	jsonx_add_bool(&o, "changed", th->is_changed);
	jsonx_add(&o, "stack", frames_json(th->frames, th->stack.n_frames));
	jsonx_add_u64(&o, "frames_left_out", th->stack.n_left_out);
	jsonx_add(&o, "left_out_behind",
		  th->stack.n_left_out ? jsonx_u64(th->stack.n_inner) : json_null());
	return jsonx_end(&o);
}

static json_t *names_json(const struct dump_group *g)
{
	_cleanup_(jsonx_done) json_t *names = json_array();

	for (size_t i = 0; i < DUMP_GROUP_NAMES && *g->names[i]; i++)
		if (jsonx_append(names, jsonx_text(g->names[i])))
			return NULL;
	return TAKE_PTR(names);
}

static json_t *group_json(const struct dump *d, const struct dump_group *g)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "count", g->count);
	jsonx_add(&o, "loop_tid",
		  tid_or_null(g->loop == DUMP_NO_LOOP ? NULL : d->loops[g->loop].thread));
	jsonx_add(&o, "awaited_by",
		  g->parent == DUMP_NO_GROUP ? json_null() : jsonx_u64(g->parent));
	jsonx_add_text(&o, "state", state_word(g->state));
	jsonx_add(&o, "coroutine", coroutine_json(&g->coroutine));
	jsonx_add(&o, "waits_for", text_or_null(g->waits_for));
	jsonx_add(&o, "stack", frames_json(g->frames, g->n_frames));
	jsonx_add_bool(&o, "stack_cut", g->is_cut);
	jsonx_add(&o, "names", names_json(g));
	return jsonx_end(&o);
}

static json_t *groups_json(const struct dump *d, size_t n)
{
	_cleanup_(jsonx_done) json_t *groups = json_array();

	for (size_t i = 0; i < n; i++)
		if (jsonx_append(groups, group_json(d, &d->groups[i])))
			return NULL;
	return TAKE_PTR(groups);
}

static json_t *task_json(const struct dump_loop *l)
{
	struct jsonx o;

	if (!l->task)
		return json_null();
	o = jsonx_object();
	jsonx_add(&o, "id", jsonx_address(l->task));
	jsonx_add(&o, "name", text_or_null(l->task_name));
	return jsonx_end(&o);
}

static json_t *counts_json(const struct dump_loop *l)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "total", l->n_tasks);
	for (enum target_task_state s = TARGET_TASK_WAITING; s <= TARGET_TASK_RUNNING; s++)
		jsonx_add_u64(&o, state_word(s), l->n_by_state[s]);
	return jsonx_end(&o);
}

static json_t *executor_json(const struct target_executor *executor)
{
	struct jsonx o;

	if (!executor->threads && !executor->max_workers)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "threads", executor->threads);
	jsonx_add_u64(&o, "max_workers", executor->max_workers);
	jsonx_add_u64(&o, "queued", executor->queued);
	return jsonx_end(&o);
}

static json_t *loop_json(const void *item)
{
	const struct dump_loop *l = item;
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "tid", tid_or_null(l->thread));
	jsonx_add_text(&o, "kind", target_loop_kind_word(l->info.kind));
	jsonx_add_text(&o, "type", l->info.type_name);
	jsonx_add_text(&o, "in", dump_unit_word(l->unit));
	jsonx_add(&o, "task", task_json(l));
	jsonx_add(&o, "coroutine", coroutine_json(&l->coroutine));
	jsonx_add_u64(&o, "unit_frames", l->n_unit_frames);
	jsonx_add(&o, "tasks",
		  target_loop_kind_is_bare(l->info.kind) ? json_null() : counts_json(l));
	jsonx_add(&o, "ready", l->ready < 0 ? json_null() : jsonx_u64((uint64_t)l->ready));
	jsonx_add(&o, "executor", executor_json(&l->executor));
	return jsonx_end(&o);
}

static json_t *place_json(const struct dump_frame *frame, uint32_t threads)
{
	struct jsonx o = jsonx_object();

	add_frame(&o, frame);
	jsonx_add_u64(&o, "threads", threads);
	return jsonx_end(&o);
}

static json_t *places_json(const struct dump_pool *p)
{
	_cleanup_(jsonx_done) json_t *places = json_array();

	for (size_t i = 0; i < p->pool->n_places; i++)
		if (jsonx_append(places, place_json(&p->places[i], p->pool->places[i].threads)))
			return NULL;
	return TAKE_PTR(places);
}

static json_t *pool_json(const void *item)
{
	const struct dump_pool *p = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "kind", pool_kind__word(p->pool->kind));
	jsonx_add(&o, "name", text_or_null(p->pool->name));
	jsonx_add_bool(&o, "is_default", p->pool->is_default);
	jsonx_add(&o, "size", jsonx_u64_or_null(p->pool->size));
	jsonx_add_u64(&o, "busy", p->pool->busy);
	jsonx_add_u64(&o, "waiting", p->pool->waiting);
	jsonx_add(&o, "places", places_json(p));
	return jsonx_end(&o);
}

static json_t *pools_json(const struct dump *d)
{
	if (d->pools_error)
		return json_null();
	return jsonx_array(d->pools, d->pools_read.n, sizeof(*d->pools), pool_json);
}

static json_t *origin_json(const struct life_origin *origin)
{
	struct jsonx o;

	if (!origin->line)
		return json_null();
	o = jsonx_object();
	jsonx_add(&o, "function", text_or_null(origin->function));
	jsonx_add(&o, "file", text_or_null(origin->file));
	jsonx_add_u64(&o, "line", origin->line);
	return jsonx_end(&o);
}

static json_t *life_json(const void *item)
{
	const struct dump_life *life = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "kind", life_kind__word(life->group->kind));
	jsonx_add_u64(&o, "count", life->group->count);
	jsonx_add(&o, "coroutine", coroutine_json(&life->coroutine));
	jsonx_add(&o, "other", coroutine_json(&life->other));
	jsonx_add(&o, "type",
		  life->group->kind == LIFE_DROPPED ? json_null() :
						      text_or_null(life->group->type));
	jsonx_add(&o, "created", origin_json(&life->group->origin));
	jsonx_add(&o, "stack", frames_json(life->frames, life->group->n_frames));
	return jsonx_end(&o);
}

static json_t *lives_json(const struct dump *d)
{
	if (d->pools_error)
		return json_null();
	return jsonx_array(d->lives, d->n_lives, sizeof(*d->lives), life_json);
}

static json_t *lock_json(const struct dump *d)
{
	struct jsonx o;

	if (!d->has_lock)
		return json_null();
	o = jsonx_object();
	jsonx_add(&o, "holder_tid", tid_or_null(d->holder));
	jsonx_add_bool(&o, "is_held", d->holder);
	jsonx_add_bool(&o, "changed", d->holder_changed);
	return jsonx_end(&o);
}

static json_t *wall_json(uint64_t wall_ns)
{
	const time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char text[64], whole[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	snprintf(text, sizeof(text), "%s.%06lluZ", whole, wall_ns % NS_PER_S / NS_PER_US);
	return json_string(text);
}

static void add_target(struct jsonx *o, const struct target *t)
{
	jsonx_add_u64(o, "pid", (uint64_t)t->pid);
	jsonx_add_text(o, "command", t->cmdline ?: t->comm);
	jsonx_add_text(o, "runtime", target__words(t)->name);
	jsonx_add_text(o, "version", t->version);
	jsonx_add(o, "container_pid",
		  t->is_container ? jsonx_u64((uint64_t)t->ns_pid) : json_null());
	jsonx_add_text(o, "cgroup", t->cgroup);
}

int dump__write_json(const struct dump *d, FILE *out)
{
	const size_t n_groups = d->n_groups < MAX_GROUPS ? d->n_groups : MAX_GROUPS;
	_cleanup_(jsonx_done) json_t *json = NULL;
	struct jsonx o = jsonx_object();
	uint64_t n_hidden = d->n_tasks_unread + d->n_ungrouped;

	for (size_t i = n_groups; i < d->n_groups; i++)
		n_hidden += d->groups[i].count;
	jsonx_add_text(&o, "schema", "loopstall/1");
	jsonx_add_text(&o, "type", "dump");
	add_target(&o, d->target);
	jsonx_add(&o, "wall_time", wall_json(d->wall_ns));
	jsonx_add_u64(&o, "took_ns", d->took_ns);
	jsonx_add(&o, "gil", lock_json(d));
	jsonx_add(&o, "loops", jsonx_array(d->loops, d->n_loops, sizeof(*d->loops), loop_json));
	jsonx_add(&o, "tasks", d->tasks_error ? json_null() : jsonx_u64(d->n_tasks));
	jsonx_add_u64(&o, "tasks_not_shown", n_hidden);
	jsonx_add(&o, "groups", groups_json(d, n_groups));
	jsonx_add(&o, "threads",
		  jsonx_array(d->threads, d->n_threads, sizeof(*d->threads), thread_json));
	jsonx_add_bool(&o, "threads_cut", d->has_more_threads);
	jsonx_add(&o, "pools", pools_json(d));
	jsonx_add_bool(&o, "pools_cut", d->pools_read.is_cut);
	jsonx_add(&o, "lifecycle", lives_json(d));
	jsonx_add_bool(&o, "lifecycle_cut", d->lives_cut);
	json = jsonx_end(&o);
	return json ? jsonx_write_line(out, json) : -ENOMEM;
}
