/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema "loopstall/1", one object per line: the lines "start" and "stall", and the format's
 * operations. docs/json.md documents every field.
 */
#include "report/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "model/native_stack.h"
#include "model/turn.h"
#include "model/vocabulary.h"
#include "report/report_impl.h"
#include "report/wording.h"

#define SCHEMA "loopstall/1"

struct jsonx json__line(const char *type, const char *mode)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "schema", SCHEMA);
	jsonx_add_text(&o, "type", type);
	jsonx_add_text(&o, "mode", mode);
	return o;
}

/* NULL if it is the name of what could not be read. */
static const char *known(const char *name)
{
	return name && strcmp(name, "?") != 0 ? name : NULL;
}

json_t *json__frame(const struct model_frame *frame)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "function", known(frame->function));
	jsonx_add_text(&o, "file", known(frame->file));
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
	jsonx_add_text(&o, "name", stall->is_task_name_unknown ? NULL : stall->task_name);
	return jsonx_end(&o);
}

static json_t *call_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->call.function && !stall->call_syscall && !stall->call_native)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "function", known(stall->call.function));
	jsonx_add_text(&o, "file", known(stall->call.file));
	jsonx_add_u64(&o, "line", stall->call.line);
	jsonx_add_text(&o, "syscall", stall->call_syscall);
	jsonx_add_text(&o, "native", stall->call_native);
	return jsonx_end(&o);
}

static json_t *own_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->own.function)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "function", stall->own.function);
	jsonx_add_text(&o, "file", stall->own.file);
	jsonx_add_u64(&o, "line", stall->own.line);
	jsonx_add(&o, "share", json_real(stall->own_share));
	return jsonx_end(&o);
}

static json_t *source_lines_json(const char *text)
{
	_cleanup_(jsonx_done) json_t *lines = json_array();

	for (const char *end; text; text = end ? end + 1 : NULL) {
		_cleanup_free_ char *line = NULL;

		end = strchrnul(text, '\n');
		line = strndup(text, (size_t)(end - text));
		if (!line || jsonx_append(lines, jsonx_text(line)))
			return NULL;
		end = *end ? end : NULL;
	}
	return TAKE_PTR(lines);
}

/* The lines around that of `own`. */
static json_t *source_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->source)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "line", stall->own.line);
	jsonx_add_u64(&o, "first_line", source_first_line(stall->own.line));
	jsonx_add(&o, "lines", source_lines_json(stall->source));
	return jsonx_end(&o);
}

static json_t *frame_or_null(const struct model_frame *frame)
{
	return frame->function ? json__frame(frame) : json_null();
}

/* A function that the interpreter called by itself, with the frame in which it did so. */
static json_t *own_call_json(const struct stall *stall)
{
	json_t *o = frame_or_null(&stall->own_call);

	if (o)
		json_object_set_new(o, "run_in", frame_or_null(&stall->interrupted));
	return o;
}

/* The same, if an object had died. */
static json_t *finalizer_json(const struct stall *stall)
{
	json_t *o;

	if (stall->context.call != CONTEXT_FINALIZER && stall->context.call != CONTEXT_DEATH)
		return json_null();
	o = own_call_json(stall);
	if (o)
		json_object_set_new(o, "is_weakref_callback",
				    json_boolean(stall->context.call == CONTEXT_DEATH));
	return o;
}

static json_t *step_end_json(const struct step_end *end)
{
	struct jsonx o;

	if (end->state == LS_AWAIT_UNKNOWN)
		return json_null();
	o = jsonx_object();
	jsonx_add_text(&o, "state", vocabulary_await(end->state));
	jsonx_add_text(&o, "function", known(end->at.function));
	jsonx_add_text(&o, "file", known(end->at.file));
	jsonx_add(&o, "line", jsonx_u64_or_null(end->at.line));
	return jsonx_end(&o);
}

static json_t *frame_item(const void *item)
{
	return json__frame(item);
}

static json_t *native_item(const void *item)
{
	char module[NATIVE_MODULE_BYTES];
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "function", native_function(item));
	jsonx_add_text(&o, "module", native_module(item, module) ? module : NULL);
	return jsonx_end(&o);
}

/* Null: not known. Without any there was none. */
static json_t *native_stack_json(const struct stall *stall)
{
	static const struct model_native unknown;
	json_t *array;

	if (!stall->has_native_stack)
		return json_null();
	array = jsonx_array(stall->native_stack, stall->n_native, sizeof(stall->native_stack[0]),
			    native_item);
	/* The rest is not known. */
	if (array && stall->is_native_cut && jsonx_append(array, native_item(&unknown))) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *name_item(const void *item)
{
	return jsonx_text(item);
}

static void add_if_known(struct jsonx *o, const char *key, bool is_known, uint64_t value)
{
	jsonx_add(o, key, is_known ? jsonx_u64(value) : json_null());
}

void json__add_victims(struct jsonx *o, const char *count, const struct stall *stall)
{
	add_if_known(o, count, !stall->is_victims_unknown, stall->victims);
	add_if_known(o, "starved_ns", !stall->is_victims_unknown, stall->starved_ns);
	add_if_known(o, "sockets", !stall->is_sockets_unknown, stall->sockets);
}

static json_t *victims_json(const struct stall *stall)
{
	struct jsonx o = jsonx_object();

	json__add_victims(&o, "count", stall);
	jsonx_add(&o, "tasks",
		  jsonx_array(stall->victim_names, stall->victims_named,
			      sizeof(stall->victim_names[0]), name_item));
	jsonx_add_bool(&o, "is_known", !stall->is_victims_unknown);
	jsonx_add_bool(&o, "is_cut", stall->is_victims_cut);
	return jsonx_end(&o);
}

/* "return", "running", "signal:SIGKILL" */
static json_t *end_json(const struct stall *stall)
{
	const char *name = sigabbrev_np((int)stall->end_signal);
	char text[32];

	if (stall->end != LS_END_SIGNAL)
		return jsonx_text(vocabulary_end(stall->end));
	if (name)
		snprintf(text, sizeof(text), "signal:SIG%s", name);
	else
		snprintf(text, sizeof(text), "signal:%u", stall->end_signal);
	return jsonx_text(text);
}

static json_t *stopped_by_json(const struct stall *stall)
{
	static const char *const kinds[LS_STOP_MAX] = {
		[LS_STOP_SIGNAL] = "signal",
		[LS_STOP_TRACER] = "tracer",
		[LS_STOP_FREEZER] = "freezer",
	};
	char signal[WORDING_STOP_BYTES];
	struct jsonx o;

	if (!stall->stop)
		return json_null();
	wording_stop(stall, signal);
	o = jsonx_object();
	jsonx_add_text(&o, "kind", kinds[stall->stop]);
	jsonx_add_text(&o, "signal",
		       stall->stop == LS_STOP_SIGNAL && stall->stop_id ? signal : NULL);
	jsonx_add(&o, "pid", jsonx_u64_or_null(stall->stop == LS_STOP_TRACER ? stall->stop_id : 0));
	return jsonx_end(&o);
}

static json_t *quota_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->quota_ns)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "quota_ns", stall->quota_ns);
	jsonx_add_u64(&o, "period_ns", stall->period_ns);
	return jsonx_end(&o);
}

static json_t *cpu_holder_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->cpu_holder.duration_ns)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "pid", stall->cpu_holder.pid);
	jsonx_add_text(&o, "name", stall->cpu_holder.name);
	jsonx_add_bool(&o, "is_own_process", stall->cpu_holder.is_own_process);
	jsonx_add_u64(&o, "duration_ns", stall->cpu_holder.duration_ns);
	return jsonx_end(&o);
}

/* null: not looked at, or it did not compute */
static json_t *releases_gil_json(const struct stall *stall)
{
	if (!stall->gil_looks || !stall->cpu_ns)
		return json_null();
	return json_boolean(stall->gil_free > stall->gil_looks / 2);
}

static struct jsonx holder_fields(const struct model_holder *holder)
{
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "tid", jsonx_u64_or_null(holder->is_process ? 0 : holder->tid));
	jsonx_add_text(&o, "name", *holder->name ? holder->name : NULL);
	jsonx_add(&o, "stack",
		  jsonx_array(holder->stack, holder->n_frames, sizeof(holder->stack[0]),
			      frame_item));
	return o;
}

static json_t *gil_holder_json(const struct model_holder *holder)
{
	struct jsonx o;

	if (!holder->tid)
		return json_null();
	o = holder_fields(holder);
	jsonx_add_bool(&o, "is_collecting", holder->is_collecting);
	return jsonx_end(&o);
}

static json_t *lock_holder_json(const struct stall *stall)
{
	struct jsonx o;

	if (!stall->lock_holder.tid)
		return json_null();
	o = holder_fields(&stall->lock_holder);
	jsonx_add_u64(&o, "pid",
		      stall->lock_holder.is_process ? stall->lock_holder.tid : stall->pid);
	jsonx_add_text(&o, "known_by", vocabulary_lock_known(stall->lock_known));
	jsonx_add_bool(&o, "is_seen_once", stall->lock_holder.is_seen_once);
	return jsonx_end(&o);
}

/* Why lock_holder is null, if it should not be. */
static const char *lock_holder_unknown(const struct stall *stall)
{
	if (stall->lock_holder.tid || !stall->cause_ns[LS_CAUSE_LOCK])
		return NULL;
	return vocabulary_lock_unknown(stall->lock_known);
}

/* The same in all lines about one stall: its start on its thread. */
static json_t *id_json(const struct stall *stall)
{
	char text[STALL_ID_BYTES];

	stall__id(stall, text, sizeof(text));
	return jsonx_text(text);
}

/* RFC 3339, UTC, to the microsecond. */
static json_t *wall_time_json(const struct stall *stall, const struct report_opts *opts)
{
	const uint64_t unix_ns = stall->start_ns + opts->clock_offset_ns;
	const time_t seconds = (time_t)(unix_ns / NS_PER_S);
	char day[32], text[64];
	struct tm tm;

	if (!opts->clock_offset_ns || !gmtime_r(&seconds, &tm))
		return json_null();
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%06uZ", day,
		 (unsigned int)(unix_ns % NS_PER_S / NS_PER_US));
	return jsonx_text(text);
}

/* What the first version of the contract has, in its order. */
static void add_first_fields(struct jsonx *o, const struct stall *stall)
{
	const struct code_info *most_of_it = turn__coroutine(stall);

	jsonx_add_text(o, "unit", vocabulary_unit(stall->unit));
	jsonx_add_u64(o, "pid", stall->pid);
	jsonx_add_u64(o, "tid", stall->tid);
	jsonx_add_u64(o, "start_ns", stall->start_ns);
	jsonx_add_u64(o, "duration_ns", stall->duration_ns);
	jsonx_add_text(o, "cause", vocabulary_cause(stall->cause));
	jsonx_add_u64(o, "cpu_ns", stall->cpu_ns);
	jsonx_add_u64(o, "blocked_ns", stall->blocked_ns);
	jsonx_add_u64(o, "gil_ns", stall->gil_ns);
	jsonx_add_u64(o, "runqueue_ns", stall->runqueue_ns);
	jsonx_add_u64(o, "stolen_ns", stall->stolen_ns);
	jsonx_add(o, "causes_ns", json__causes(stall->cause_ns));
	jsonx_add(o, "gil_holder_tid", jsonx_u64_or_null(stall->gil_holder.tid));
	jsonx_add(o, "task", task_json(stall));
	jsonx_add(o, "coroutine", json__coroutine(most_of_it ? most_of_it : &stall->coroutine));
	jsonx_add(o, "call", call_json(stall));
	jsonx_add(o, "stack",
		  jsonx_array(stall->stack, stall->n_frames, sizeof(stall->stack[0]), frame_item));
	jsonx_add_bool(o, "is_stack_cut", stall->is_stack_cut);
	if (stall->unit == LS_UNIT_TURN)
		json__add_turn(o, stall);
	jsonx_add(o, "victims", victims_json(stall));
}

static void add_trace(struct jsonx *o, const struct stall *stall)
{
	struct trace_text trace;

	stall__trace_text(stall, &trace);
	jsonx_add_text(o, "trace_id", *trace.trace_id ? trace.trace_id : NULL);
	jsonx_add_text(o, "span_id", *trace.span_id ? trace.span_id : NULL);
}

json_t *json__stall(const struct stall *stall, const struct report_opts *opts)
{
	struct jsonx o = json__line("stall", stall->is_light ? "light" : "exact");
	const bool is_open = stall->end == LS_END_OPEN || stall->end == LS_END_RUNNING;

	add_first_fields(&o, stall);
	jsonx_add(&o, "id", id_json(stall));
	jsonx_add_bool(&o, "is_open", is_open);
	jsonx_add(&o, "end", end_json(stall));
	jsonx_add(&o, "wall_time", wall_time_json(stall, opts));
	jsonx_add(&o, "gc_generation",
		  stall->gc_generation ? json_integer(stall->gc_generation - 1) : json_null());
	jsonx_add(&o, "stopped_by", stopped_by_json(stall));
	jsonx_add_bool(&o, "began_before_attach", stall->began_before);
	jsonx_add(&o, "cpu_quota", quota_json(stall));
	jsonx_add(&o, "cpu_holder", cpu_holder_json(stall));
	jsonx_add_u64(&o, "pinned_ns", stall->pinned_ns);
	jsonx_add(&o, "releases_gil", releases_gil_json(stall));
	jsonx_add(&o, "kernel_ns",
		  stall->has_kernel_ns ? jsonx_u64(stall->kernel_ns) : json_null());
	jsonx_add_u64(&o, "page_faults", stall->page_faults);
	jsonx_add(&o, "finalizer", finalizer_json(stall));
	jsonx_add(&o, "signal_handler",
		  stall->context.call == CONTEXT_SIGNAL ? own_call_json(stall) : json_null());
	jsonx_add(&o, "repeated_await", frame_or_null(&stall->repeated_await));
	jsonx_add_text(&o, "own_cause", stall->own_ns ? vocabulary_cause(stall->own_cause) : NULL);
	jsonx_add(&o, "own", own_json(stall));
	jsonx_add(&o, "entry", frame_or_null(&stall->entry));
	jsonx_add(&o, "gil_holder", gil_holder_json(&stall->gil_holder));
	jsonx_add(&o, "native_stack", native_stack_json(stall));
	jsonx_add(&o, "lock_holder", lock_holder_json(stall));
	jsonx_add_text(&o, "lock_holder_unknown", lock_holder_unknown(stall));
	jsonx_add(&o, "from", step_end_json(&stall->from));
	jsonx_add(&o, "to", step_end_json(&stall->to));
	jsonx_add(&o, "request", jsonx_request(stall->request.method, stall->request.route));
	jsonx_add_text(&o, "test", *stall->test ? stall->test : NULL);
	jsonx_add(&o, "source", source_json(stall));
	add_trace(&o, stall);
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
	jsonx_add_text(&o, "host", start->host);
	jsonx_add_text(&o, "kernel", start->kernel);
	return jsonx_end(&o);
}

/* Writes the value as a line and frees it. */
static int put(struct report *report, json_t *json)
{
	_cleanup_(jsonx_done) json_t *line = json;

	return line ? jsonx_write_line(report->out, line) : -ENOMEM;
}

static int json_start(struct report *report, const struct report_start *start)
{
	return put(report, json__start(start, &report->opts));
}

static int json_stall(struct report *report, const struct stall *stall)
{
	return put(report, json__stall(stall, &report->opts));
}

static int json_shed(struct report *report, const struct report_shed *shed)
{
	struct jsonx o = json__line("shed", report->opts.mode);

	jsonx_add_u64(&o, "from_ns", shed->from_ns);
	jsonx_add_u64(&o, "until_ns", shed->until_ns);
	jsonx_add_u64(&o, "stalls", shed->stalls);
	return put(report, jsonx_end(&o));
}

static int json_finish(struct report *report, const struct snapshot *snapshot,
		       const struct report_run *run)
{
	return put(report, json__summary(snapshot, run, &report->opts));
}

const struct report_ops report_json = {
	.start = json_start,
	.stall = json_stall,
	.has_open_stalls = true,
	.shed = json_shed,
	.finish = json_finish,
};
