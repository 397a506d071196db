/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema "loopstall/1", one object per line: the lines start and stall, and the format itself. docs/json.md tells every
 * field.
 */
#include "report/json.h"

#include <errno.h>

#include "base/cleanup.h"
#include "model/vocabulary.h"
#include "report/report_impl.h"

#define SCHEMA "loopstall/1"

struct jsonx json__line(const char *type, const char *mode)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "schema", SCHEMA);
	jsonx_add_text(&o, "type", type);
	jsonx_add_text(&o, "mode", mode);
	return o;
}

json_t *json__frame(const struct model_frame *frame)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "function", frame->function);
	jsonx_add_text(&o, "file", frame->file);
	jsonx_add_u64(&o, "line", frame->line);
	return jsonx_end(&o);
}

json_t *json__coroutine(const struct code_info *code)
{
	struct jsonx o;

	if (!code->name)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "name", code->name);
	jsonx_add_text(&o, "file", code->file);
	jsonx_add_u64(&o, "line", code->first_line);
	return jsonx_end(&o);
}

json_t *json__causes(const uint64_t cause_ns[LS_CAUSE_MAX])
{
	struct jsonx o = jsonx_object();
	enum ls_cause i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		if (cause_ns[i])
			jsonx_add_u64(&o, vocabulary_cause(i), cause_ns[i]);
	return jsonx_end(&o);
}

static json_t *task_json(const struct stall *stall)
{
	struct jsonx o;

	if (stall->unit != LS_UNIT_STEP)
		return json_null();
	o = jsonx_object();
	jsonx_add(&o, "id", jsonx_address(stall->task));
	jsonx_add_text(&o, "name", stall->task_name);
	return jsonx_end(&o);
}

static json_t *call_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->call.function && !stall->call_syscall && !stall->call_native)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "function", stall->call.function);
	jsonx_add_text(&o, "file", stall->call.file);
	jsonx_add_u64(&o, "line", stall->call.line);
	jsonx_add_text(&o, "syscall", stall->call_syscall);
	jsonx_add_text(&o, "native", stall->call_native);
	return jsonx_end(&o);
}

static json_t *frame_item(const void *item)
{
	return json__frame(item);
}

static json_t *name_item(const void *item)
{
	return jsonx_text(item);
}

static json_t *victims_json(const struct stall *stall)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "count", stall->victims);
	jsonx_add_u64(&o, "starved_ns", stall->starved_ns);
	jsonx_add_u64(&o, "sockets", stall->sockets);
	jsonx_add(&o, "tasks",
		  jsonx_array(stall->victim_names, stall->victims_named,
			      sizeof(stall->victim_names[0]), name_item));
	jsonx_add_bool(&o, "is_known", !stall->is_victims_unknown);
	jsonx_add_bool(&o, "is_cut", stall->is_victims_cut);
	return jsonx_end(&o);
}

json_t *json__stall(const struct stall *stall)
{
	struct jsonx o = json__line("stall", stall->is_light ? "light" : "exact");

	jsonx_add_text(&o, "unit", vocabulary_unit(stall->unit));
	jsonx_add_u64(&o, "pid", stall->pid);
	jsonx_add_u64(&o, "tid", stall->tid);
	jsonx_add_u64(&o, "start_ns", stall->start_ns);
	jsonx_add_u64(&o, "duration_ns", stall->duration_ns);
	jsonx_add_text(&o, "cause", vocabulary_cause(stall->cause));
	jsonx_add_u64(&o, "cpu_ns", stall->cpu_ns);
	jsonx_add_u64(&o, "blocked_ns", stall->blocked_ns);
	jsonx_add_u64(&o, "gil_ns", stall->gil_ns);
	jsonx_add_u64(&o, "runqueue_ns", stall->runqueue_ns);
	jsonx_add_u64(&o, "stolen_ns", stall->stolen_ns);
	jsonx_add(&o, "causes_ns", json__causes(stall->cause_ns));
	jsonx_add(&o, "gil_holder_tid", jsonx_u64_or_null(stall->gil_holder_tid));
	jsonx_add(&o, "task", task_json(stall));
	jsonx_add(&o, "coroutine", json__coroutine(&stall->coroutine));
	jsonx_add(&o, "call", call_json(stall));
	jsonx_add(&o, "stack",
		  jsonx_array(stall->stack, stall->n_frames, sizeof(stall->stack[0]), frame_item));
	jsonx_add_bool(&o, "is_stack_cut", stall->is_stack_cut);
	if (stall->unit == LS_UNIT_TURN)
		jsonx_add_u64(&o, "steps", stall->steps);
	jsonx_add(&o, "victims", victims_json(stall));
	return jsonx_end(&o);
}

static json_t *target_item(const void *item)
{
	const struct report_target *target = item;
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "pid", target->pid);
	jsonx_add_text(&o, "comm", target->comm);
	jsonx_add_text(&o, "python", target->python);
	jsonx_add_text(&o, "loop", target->loop);
	jsonx_add_text(&o, "rung", target->rung);
	jsonx_add(&o, "parent_pid", jsonx_u64_or_null(target->parent));
	jsonx_add_bool(&o, "container", target->container_pid != 0);
	jsonx_add(&o, "container_pid", jsonx_u64_or_null(target->container_pid));
	jsonx_add_text(&o, "cgroup", target->cgroup);
	return jsonx_end(&o);
}

json_t *json__start(const struct report_start *start, const struct report_opts *opts)
{
	struct jsonx o = json__line("start", opts->mode);

	jsonx_add_text(&o, "version", start->version);
	jsonx_add_u64(&o, "threshold_ns", start->threshold_ns);
	jsonx_add_u64(&o, "sample_period_ns", start->sample_period_ns);
	jsonx_add_text(&o, "transport", start->transport);
	jsonx_add(&o, "targets",
		  jsonx_array(start->targets, start->n_targets, sizeof(start->targets[0]),
			      target_item));
	return jsonx_end(&o);
}

/* Writes the value as a line and frees it. */
static int put(struct report *r, json_t *json)
{
	_cleanup_(jsonx_done) json_t *line = json;

	return line ? jsonx_write_line(r->out, line) : -ENOMEM;
}

static int json_start(struct report *r, const struct report_start *start)
{
	return put(r, json__start(start, &r->opts));
}

static int json_stall(struct report *r, const struct stall *stall)
{
	return put(r, json__stall(stall));
}

static int json_shed(struct report *r, const struct report_shed *shed)
{
	struct jsonx o = json__line("shed", r->opts.mode);

	jsonx_add_u64(&o, "from_ns", shed->from_ns);
	jsonx_add_u64(&o, "until_ns", shed->until_ns);
	jsonx_add_u64(&o, "stalls", shed->stalls);
	return put(r, jsonx_end(&o));
}

static int json_finish(struct report *r, const struct snapshot *snapshot, const struct report_run *run)
{
	return put(r, json__summary(snapshot, run, &r->opts));
}

const struct report_ops report_json = {
	.start = json_start,
	.stall = json_stall,
	.shed = json_shed,
	.finish = json_finish,
};
