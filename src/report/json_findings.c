/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The findings and the groups of the line "summary".
 */
#include "base/cleanup.h"
#include "model/findings.h"
#include "model/groups.h"
#include "model/vocabulary.h"
#include "report/json.h"

static json_t *share_or_null(double share)
{
	return share < 0 ? json_null() : json_real(share);
}

static json_t *code_item(const void *item)
{
	return json__coroutine(item);
}

static json_t *worst_json(const struct finding_row *row)
{
	struct jsonx o;

	if (!row->worst_start_ns)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "pid", row->worst_pid);
	jsonx_add_u64(&o, "tid", row->worst_tid);
	jsonx_add_u64(&o, "start_ns", row->worst_start_ns);
	return jsonx_end(&o);
}

/* What it is about; the time is null where the stalls have none of it. */
static void add_place(struct jsonx *o, const struct finding_row *row)
{
	const bool is_call = !row->loop_rule && row->unit != LS_UNIT_TURN;

	jsonx_add_text(o, "unit", row->unit == LS_UNIT_NONE ? NULL : vocabulary_unit(row->unit));
	jsonx_add_text(o, "cause", row->loop_rule ? NULL : vocabulary_cause(row->cause));
	jsonx_add_text(o, "call",
		       is_call ? vocabulary_call(row->words, row->cause, row->sign, row->syscall,
						 VOCABULARY_LONG) :
				 NULL);
	jsonx_add(o, "where", row->at.function ? json__frame(&row->at) : json_null());
	jsonx_add_text(o, "held_by", *row->holder ? row->holder : NULL);
	jsonx_add(o, "coroutines",
		  jsonx_array(row->coroutines, row->n_coroutines, sizeof(row->coroutines[0]),
			      code_item));
	jsonx_add(o, "entries",
		  jsonx_array(row->entries, row->n_entries, sizeof(row->entries[0]), code_item));
	jsonx_add_bool(o, "has_more", row->has_more);
	jsonx_add(o, "pid", jsonx_u64_or_null(row->pid));
}

static void add_figures(struct jsonx *o, const struct finding *f)
{
	const struct finding_row *row = f->row;

	jsonx_add_u64(o, "stalls", row->stalls);
	jsonx_add_u64(o, "open", row->open);
	jsonx_add_u64(o, "time_ns", row->time_ns);
	jsonx_add_u64(o, "max_ns", row->max_ns);
	jsonx_add_u64(o, "starved_ns", row->starved_ns);
	jsonx_add(o, "starved_share", share_or_null(f->starved_share));
	jsonx_add(o, "loop_share", share_or_null(f->loop_share));
	jsonx_add_text(o, "sureness", finding_sureness_word(f->sureness));
	jsonx_add_text(o, "why", f->why);
	jsonx_add_text(o, "verdict", f->verdict);
	jsonx_add_text(o, "advice", f->advice);
	jsonx_add(o, "first_ns", jsonx_u64_or_null(row->first_ns));
	jsonx_add(o, "last_ns", jsonx_u64_or_null(row->last_ns));
	jsonx_add(o, "worst", worst_json(row));
}

static json_t *finding_json(const struct finding *f)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "what", f->what);
	jsonx_add_text(&o, "lint", f->lint);
	jsonx_add_text(&o, "subject", f->subject);
	add_place(&o, f->row);
	add_figures(&o, f);
	return jsonx_end(&o);
}

json_t *json__findings(const struct snapshot *s)
{
	_cleanup_(jsonx_done) json_t *array = json_array();
	struct finding f;

	for (size_t i = 0; i < s->n_findings; i++)
		if (finding__describe(&f, s, &s->findings[i], 0) &&
		    jsonx_append(array, finding_json(&f)))
			return NULL;
	return TAKE_PTR(array);
}

json_t *json__headline(const struct snapshot *s)
{
	char text[FINDINGS_HEADLINE_BYTES];

	findings_headline(s, 0, text);
	return jsonx_text(*text ? text : NULL);
}

static void add_known(struct jsonx *o, const char *key, bool is_known, uint64_t value)
{
	jsonx_add(o, key, is_known ? jsonx_u64(value) : json_null());
}

static json_t *group_item(const void *item)
{
	const struct group_row *row = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "name", row->name);
	jsonx_add_text(&o, "file", row->file);
	jsonx_add_u64(&o, "line", row->line);
	jsonx_add_text(&o, "unit", row->unit == LS_UNIT_NONE ? NULL : vocabulary_unit(row->unit));
	jsonx_add_bool(&o, "is_entry", row->is_entry);
	jsonx_add(&o, "pid", jsonx_u64_or_null(row->pid));
	add_known(&o, "steps", row->has_steps, row->steps);
	add_known(&o, "total_ns", row->has_steps, row->total_ns);
	add_known(&o, "p50_ns", row->has_percentiles, row->p50_ns);
	add_known(&o, "p95_ns", row->has_percentiles, row->p95_ns);
	add_known(&o, "p99_ns", row->has_percentiles, row->p99_ns);
	jsonx_add_u64(&o, "max_ns", row->max_ns);
	jsonx_add_u64(&o, "stalls", row->stalls);
	add_known(&o, "stalled_ns", row->stalled_ns || !row->stalls, row->stalled_ns);
	jsonx_add_u64(&o, "starved_ns", row->starved_ns);
	add_known(&o, "suffered", row->has_percentiles, row->suffered);
	add_known(&o, "suffered_ns", row->has_percentiles, row->suffered_ns);
	jsonx_add_u64(&o, "cpu_ns", row->cpu_ns);
	jsonx_add_u64(&o, "blocked_ns", row->blocked_ns);
	jsonx_add_u64(&o, "gil_ns", row->gil_ns);
	jsonx_add_u64(&o, "runqueue_ns", row->runqueue_ns);
	jsonx_add(&o, "where", row->where.function ? json__frame(&row->where) : json_null());
	jsonx_add_text(&o, "cause",
		       row->where.function ? vocabulary_cause(row->where_cause) : NULL);
	return jsonx_end(&o);
}

json_t *json__groups(const struct snapshot *s, enum group_key key)
{
	const struct group_list *list = &s->groups[key];
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "key", group_key_word(key));
	jsonx_add(&o, "rows", jsonx_array(list->rows, list->n, sizeof(list->rows[0]), group_item));
	return jsonx_end(&o);
}
