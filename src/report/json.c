/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schema "loopstall/1", one object per line; docs/json.md tells every field. Only ASCII goes out,
 * so that no name of a target can do anything to a terminal it is shown on.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "report/output.h"
#include "report/report.h"
#include "report/wording.h"

#define SCHEMA "loopstall/1"

static void json_done(json_t **j)
{
	json_decref(*j);
}

/*
 * A member that could not be made is a NULL value, which jansson refuses and reports: `r` collects
 * that, so that objects are written down without a check behind every member.
 */
struct object {
	json_t *json;
	int r;
};

static struct object object_new(void)
{
	struct object o = { json_object(), 0 };

	o.r = o.json ? 0 : -ENOMEM;
	return o;
}

static void object_add(struct object *o, const char *key, json_t *value)
{
	if (json_object_set_new(o->json, key, value))
		o->r = -ENOMEM;
}

/* The finished object, or NULL. */
static json_t *object_end(struct object *o)
{
	if (o->r) {
		json_decref(o->json);
		return NULL;
	}
	return o->json;
}

static json_t *u64_json(uint64_t value)
{
	return json_integer(value <= INT64_MAX ? (json_int_t)value : INT64_MAX);
}

static json_t *text_json(const char *text)
{
	_cleanup_free_ char *valid = NULL;
	json_t *json;
	size_t size;

	if (!text)
		return json_null();
	json = json_string(text);
	if (json)
		return json;
	/* An invalid byte becomes three. */
	size = 3 * strlen(text) + 1;
	valid = malloc(size);
	if (!valid)
		return NULL;
	utf8__sanitize(text, valid, size);
	return json_string(valid);
}

static json_t *address_json(uint64_t address)
{
	char text[2 + 16 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_string(text);
}

static void object_add_u64(struct object *o, const char *key, uint64_t value)
{
	object_add(o, key, u64_json(value));
}

static void object_add_text(struct object *o, const char *key, const char *text)
{
	object_add(o, key, text_json(text));
}

static struct object line_new(const char *type, const struct report_opts *opts)
{
	struct object o = object_new();

	object_add_text(&o, "schema", SCHEMA);
	object_add_text(&o, "type", type);
	object_add_text(&o, "mode", opts->mode);
	return o;
}

/* Writes the object as a line and frees it. */
static int line_end(struct object *o, FILE *out)
{
	_cleanup_(json_done) json_t *json = object_end(o);
	_cleanup_free_ char *text = NULL;
	size_t n;

	text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	if (!text)
		return -ENOMEM;
	n = strlen(text);
	text[n] = '\n';
	return output_write(out, text, n + 1);
}

static json_t *frame_json(const struct model_frame *frame)
{
	struct object o = object_new();

	object_add_text(&o, "function", frame->function);
	object_add_text(&o, "file", frame->file);
	object_add_u64(&o, "line", frame->line);
	return object_end(&o);
}

static json_t *task_json(const struct stall *stall)
{
	struct object o;

	if (stall->unit != LS_UNIT_STEP)
		return json_null();
	o = object_new();
	object_add(&o, "id", address_json(stall->task));
	object_add_text(&o, "name", stall->task_name);
	return object_end(&o);
}

static json_t *coroutine_json(const struct code_info *code)
{
	struct object o;

	if (!code->name)
		return json_null();
	o = object_new();
	object_add_text(&o, "name", code->name);
	object_add_text(&o, "file", code->file);
	object_add_u64(&o, "line", code->first_line);
	return object_end(&o);
}

static json_t *call_json(const struct stall *stall)
{
	struct object o;

	if (!stall->call.function && !stall->call_syscall && !stall->call_native)
		return json_null();
	o = object_new();
	object_add_text(&o, "function", stall->call.function);
	object_add_text(&o, "file", stall->call.file);
	object_add_u64(&o, "line", stall->call.line);
	object_add_text(&o, "syscall", stall->call_syscall);
	object_add_text(&o, "native", stall->call_native);
	return object_end(&o);
}

/* Puts an item into an array; a NULL one fails. Returns 0 or -ENOMEM. */
static int array_add(json_t *array, json_t *item)
{
	return json_array_append_new(array, item) ? -ENOMEM : 0;
}

static json_t *stack_json(const struct stall *stall)
{
	_cleanup_(json_done) json_t *array = json_array();
	size_t i;

	for (i = 0; i < stall->n_frames; i++)
		if (array_add(array, frame_json(&stall->stack[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *names_json(const struct stall *stall)
{
	_cleanup_(json_done) json_t *array = json_array();
	size_t i;

	for (i = 0; i < stall->victims_named; i++)
		if (array_add(array, text_json(stall->victim_names[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *victims_json(const struct stall *stall)
{
	struct object o = object_new();

	object_add_u64(&o, "count", stall->victims);
	object_add_u64(&o, "starved_ns", stall->starved_ns);
	object_add_u64(&o, "sockets", stall->sockets);
	object_add(&o, "tasks", names_json(stall));
	object_add(&o, "is_known", json_boolean(!stall->is_victims_unknown));
	object_add(&o, "is_cut", json_boolean(stall->is_victims_cut));
	return object_end(&o);
}

static json_t *causes_json(const struct stall *stall)
{
	struct object o = object_new();
	enum ls_cause i;

	for (i = 0; i < LS_CAUSE_MAX; i++)
		if (stall->cause_ns[i])
			object_add_u64(&o, vocabulary_cause(i), stall->cause_ns[i]);
	return object_end(&o);
}

static int json_stall(FILE *out, const struct stall *stall, const struct report_opts *opts)
{
	struct object o = line_new("stall", opts);

	object_add_text(&o, "unit", vocabulary_unit(stall->unit));
	object_add_u64(&o, "pid", stall->pid);
	object_add_u64(&o, "tid", stall->tid);
	object_add_u64(&o, "start_ns", stall->start_ns);
	object_add_u64(&o, "duration_ns", stall->duration_ns);
	object_add_text(&o, "cause", vocabulary_cause(stall->cause));
	object_add_u64(&o, "cpu_ns", stall->cpu_ns);
	object_add_u64(&o, "blocked_ns", stall->blocked_ns);
	object_add_u64(&o, "gil_ns", stall->gil_ns);
	object_add_u64(&o, "runqueue_ns", stall->runqueue_ns);
	object_add(&o, "causes_ns", causes_json(stall));
	object_add(&o, "gil_holder_tid",
		   stall->gil_holder_tid ? u64_json(stall->gil_holder_tid) : json_null());
	object_add(&o, "task", task_json(stall));
	object_add(&o, "coroutine", coroutine_json(&stall->coroutine));
	object_add(&o, "call", call_json(stall));
	object_add(&o, "stack", stack_json(stall));
	object_add(&o, "is_stack_cut", json_boolean(stall->is_stack_cut));
	if (stall->unit == LS_UNIT_TURN)
		object_add_u64(&o, "steps", stall->steps);
	object_add(&o, "victims", victims_json(stall));
	return line_end(&o, out);
}

static json_t *target_json(const struct report_target *target)
{
	struct object o = object_new();

	object_add_u64(&o, "pid", target->pid);
	object_add_text(&o, "comm", target->comm);
	object_add_text(&o, "python", target->python);
	object_add_text(&o, "loop", target->loop);
	object_add_text(&o, "rung", target->rung);
	return object_end(&o);
}

static json_t *targets_json(const struct report_start *start)
{
	_cleanup_(json_done) json_t *array = json_array();
	size_t i;

	for (i = 0; i < start->n_targets; i++)
		if (array_add(array, target_json(&start->targets[i])))
			return NULL;
	return TAKE_PTR(array);
}

static int json_start(FILE *out, const struct report_start *start, const struct report_opts *opts)
{
	struct object o = line_new("start", opts);

	object_add_text(&o, "version", start->version);
	object_add_u64(&o, "threshold_ns", start->threshold_ns);
	object_add_u64(&o, "sample_period_ns", start->sample_period_ns);
	object_add_text(&o, "transport", start->transport);
	object_add(&o, "targets", targets_json(start));
	return line_end(&o, out);
}

static json_t *row_json(const struct coroutine_row *row)
{
	struct object o = object_new();

	object_add_text(&o, "name", row->coroutine.name);
	object_add_text(&o, "file", row->coroutine.file);
	object_add_u64(&o, "line", row->coroutine.first_line);
	object_add(&o, "pid", row->pid ? u64_json(row->pid) : json_null());
	object_add_u64(&o, "steps", row->steps);
	object_add_u64(&o, "total_ns", row->total_ns);
	object_add_u64(&o, "p50_ns", row->p50_ns);
	object_add_u64(&o, "p99_ns", row->p99_ns);
	object_add_u64(&o, "max_ns", row->max_ns);
	object_add_u64(&o, "stalls", row->stalls);
	object_add_u64(&o, "cpu_ns", row->cpu_ns);
	object_add_u64(&o, "blocked_ns", row->blocked_ns);
	object_add_u64(&o, "gil_ns", row->gil_ns);
	object_add_u64(&o, "runqueue_ns", row->runqueue_ns);
	object_add_u64(&o, "starved_ns", row->starved_ns);
	return object_end(&o);
}

static json_t *rows_json(const struct snapshot *snapshot)
{
	_cleanup_(json_done) json_t *array = json_array();
	size_t i;

	for (i = 0; i < snapshot->n_rows; i++)
		if (array_add(array, row_json(&snapshot->rows[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *lost_json(const struct snapshot *snapshot)
{
	struct object o = object_new();
	size_t i;

	for (i = 0; i < snapshot->n_losses; i++)
		object_add_u64(&o, snapshot->losses[i].name, snapshot->losses[i].count);
	return object_end(&o);
}

static json_t *own_json(const struct report_run *run)
{
	struct object o = object_new();

	object_add_u64(&o, "cpu_ns", run->own_cpu_ns);
	object_add_u64(&o, "rss_bytes", run->own_rss_bytes);
	object_add_u64(&o, "bpf_ns", run->bpf_run_ns);
	return object_end(&o);
}

static int json_summary(FILE *out, const struct snapshot *snapshot, const struct report_run *run,
			const struct report_opts *opts)
{
	struct object o = line_new("summary", opts);

	object_add_u64(&o, "duration_ns", run->duration_ns);
	object_add_u64(&o, "steps", snapshot->steps);
	object_add_u64(&o, "unattributed_steps", snapshot->unattributed_steps);
	object_add_u64(&o, "stalls", snapshot->stalls);
	object_add_u64(&o, "turns", snapshot->turns);
	object_add_u64(&o, "step_ns", snapshot->step_ns);
	object_add_u64(&o, "callbacks_ns", snapshot->callbacks_ns);
	object_add_u64(&o, "idle_ns", snapshot->idle_ns);
	object_add_u64(&o, "starved_ns", snapshot->starved_ns);
	object_add_text(&o, "no_steps_reason", snapshot->steps ? NULL : run->no_steps_reason);
	object_add(&o, "own", own_json(run));
	object_add(&o, "lost", lost_json(snapshot));
	object_add(&o, "coroutines", rows_json(snapshot));
	return line_end(&o, out);
}

const struct report_ops report_json = {
	.name = "json",
	.start = json_start,
	.stall = json_stall,
	.summary = json_summary,
};
