/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict as one line of schema "loopstall/1".
 */
#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "check/report.h"
#include "model/vocabulary.h"
#include "report/jsonx.h"

#define SCHEMA "loopstall/1"
#define SENTENCE_BYTES 1024

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *stall_json(const struct stall *s)
{
	struct jsonx causes = jsonx_object(), o = jsonx_object();
	enum ls_cause cause;

	for (cause = 0; cause < LS_CAUSE_MAX; cause++)
		if (s->cause_ns[cause])
			jsonx_add_u64(&causes, vocabulary_cause(cause), s->cause_ns[cause]);
	jsonx_add_text(&o, "unit", vocabulary_unit(s->unit));
	jsonx_add_u64(&o, "pid", s->pid);
	jsonx_add_u64(&o, "start_ns", s->start_ns);
	jsonx_add_u64(&o, "duration_ns", s->duration_ns);
	jsonx_add_u64(&o, "own_ns", stall_own_ns(s));
	jsonx_add_u64(&o, "runqueue_ns", s->runqueue_ns);
	jsonx_add_text(&o, "cause", vocabulary_cause(s->cause));
	jsonx_add(&o, "causes_ns", jsonx_end(&causes));
	jsonx_add_text(&o, "task",
		       s->unit == LS_UNIT_STEP && !s->is_task_name_unknown ? s->task_name : NULL);
	jsonx_add(&o, "request", jsonx_request(s->request.method, s->request.route));
	jsonx_add_text(&o, "test", *s->test ? s->test : NULL);
	return jsonx_end(&o);
}

static json_t *comparison_json(const struct comparison *c)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "what",
		       c->what == COMPARE_MEAN	      ? "mean" :
			       c->what == COMPARE_P95 ? "p95" :
							"stalls");
	jsonx_add(&o, "before_ns", number(c->before_ns));
	jsonx_add(&o, "after_ns", number(c->after_ns));
	jsonx_add(&o, "ratio", number(c->ratio));
	jsonx_add(&o, "ratio_low", number(c->low));
	jsonx_add(&o, "ratio_high", number(c->high));
	jsonx_add(&o, "p", number(c->p_holm));
	return jsonx_end(&o);
}

static json_t *finding_json(const void *item)
{
	static const char *const measures[] = { "ns", "count", "date" };
	const struct check_finding *f = item;
	char sentence[SENTENCE_BYTES];
	struct jsonx o = jsonx_object();

	check_finding__sentence(f, sentence, sizeof(sentence));
	jsonx_add_text(&o, "rule", check_rule_id(f->rule));
	jsonx_add_bool(&o, "is_doubtful", f->is_doubtful);
	jsonx_add_text(&o, "subject", f->subject);
	jsonx_add_text(&o, "function", f->function);
	jsonx_add_text(&o, "file", f->file);
	jsonx_add_u64(&o, "line", f->line);
	jsonx_add_text(&o, "message", sentence);
	jsonx_add_text(&o, "measure", measures[f->measure]);
	jsonx_add_u64(&o, "measured", f->measured);
	jsonx_add_u64(&o, "limit", f->limit);
	jsonx_add_u64(&o, "count", f->count);
	jsonx_add_text(&o, "pattern", f->pattern);
	jsonx_add_text(&o, "cause", f->rule == CHECK_RULE_DENY ? vocabulary_cause(f->cause) : NULL);
	jsonx_add(&o, "worst", f->worst ? stall_json(f->worst) : json_null());
	jsonx_add(&o, "comparison", f->comparison ? comparison_json(f->comparison) : json_null());
	return jsonx_end(&o);
}

static json_t *allowed_json(const void *item)
{
	const struct check_allowed *a = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "pattern", a->pattern);
	jsonx_add_text(&o, "reason", a->reason);
	jsonx_add_text(&o, "until", a->until[0] ? a->until : NULL);
	jsonx_add(&o, "line", jsonx_u64_or_null(a->line));
	jsonx_add_bool(&o, "is_expired", a->is_expired);
	jsonx_add_u64(&o, "times", a->times);
	return jsonx_end(&o);
}

static json_t *host_json(const struct check_noise *n)
{
	struct jsonx o = jsonx_object();

	jsonx_add_u64(&o, "busy_ns", n->busy_ns);
	jsonx_add_u64(&o, "runqueue_ns", n->runqueue_ns);
	jsonx_add(&o, "runqueue_share", number(n->runqueue_share));
	jsonx_add(&o, "steal_share", number(n->steal_share));
	jsonx_add(&o, "pressure_share", number(n->pressure_share));
	jsonx_add_bool(&o, "is_pressed", n->is_pressed);
	jsonx_add_bool(&o, "is_starved", n->is_starved);
	jsonx_add_bool(&o, "is_stolen", n->is_stolen);
	jsonx_add_u64(&o, "excused", n->excused);
	return jsonx_end(&o);
}

static json_t *reasons_json(const struct verdict *v)
{
	_cleanup_(jsonx_done) json_t *array = json_array();

	for (size_t i = 0; i < v->n_reasons; i++)
		if (jsonx_append(array, jsonx_text(v->reasons[i])))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *baseline_json(const struct verdict *v)
{
	struct jsonx o;

	if (!v->has_baseline)
		return json_null();
	o = jsonx_object();
	jsonx_add_u64(&o, "runs", v->baseline_runs);
	jsonx_add_u64(&o, "comparisons", v->comparisons->n);
	jsonx_add_u64(&o, "untested", v->comparisons->n_untested);
	jsonx_add_bool(&o, "has_sites", v->comparisons->has_sites);
	return jsonx_end(&o);
}

static json_t *lost_json(const struct verdict *v)
{
	struct jsonx o = jsonx_object();

	for (size_t i = 0; i < v->n_losses; i++)
		jsonx_add_u64(&o, v->losses[i].name, v->losses[i].count);
	return jsonx_end(&o);
}

int check_report_json(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(jsonx_done) json_t *json = NULL;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "schema", SCHEMA);
	jsonx_add_text(&o, "type", "verdict");
	jsonx_add_text(&o, "version", opts->version);
	jsonx_add_text(&o, "outcome", check_outcome_word(v->outcome));
	jsonx_add(&o, "exit_code", json_integer(check_outcome_code(v->outcome)));
	jsonx_add(&o, "reasons", reasons_json(v));
	jsonx_add_u64(&o, "duration_ns", v->duration_ns);
	jsonx_add_u64(&o, "steps", v->steps);
	jsonx_add_u64(&o, "stalls", v->stalls);
	jsonx_add_u64(&o, "starved_ns", v->starved_ns);
	jsonx_add(&o, "findings",
		  jsonx_array(v->findings, v->n_findings, sizeof(*v->findings), finding_json));
	jsonx_add_u64(&o, "findings_left_out", v->findings_left_out);
	jsonx_add_u64(&o, "allowed", v->allowed);
	jsonx_add(&o, "allow",
		  jsonx_array(v->allow->list, v->allow->n, sizeof(*v->allow->list), allowed_json));
	jsonx_add(&o, "host", host_json(&v->noise));
	jsonx_add(&o, "own_cost", own_cost__json(&v->own_cost, v->duration_ns));
	jsonx_add(&o, "baseline", baseline_json(v));
	jsonx_add(&o, "lost", lost_json(v));
	json = jsonx_end(&o);
	return json ? jsonx_write_line(out, json) : -ENOMEM;
}
