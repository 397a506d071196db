/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict for people: the outcome first, then what to do about it, then how far it can be
 * trusted.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "check/report.h"
#include "model/findings.h"
#include "model/lint_loop_rules.h"
#include "model/lint_rules.h"
#include "report/format.h"
#include "report/output.h"

#define TEXT_BYTES 1024
#define MAX_FINDINGS 30
#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static const char *const outcome_colors[] = {
	[CHECK_PASS] = BOLD GREEN,
	[CHECK_FAIL] = BOLD RED,
	[CHECK_INCONCLUSIVE] = BOLD YELLOW,
};

static void put(FILE *out, const char *raw)
{
	char text[2 * TEXT_BYTES];

	text__escape(raw, text, sizeof(text));
	fputs(text, out);
}

static void put_outcome(FILE *out, const struct verdict *v, bool color)
{
	static const char *const words[] = {
		[CHECK_PASS] = "PASS",
		[CHECK_FAIL] = "FAIL",
		[CHECK_INCONCLUSIVE] = "INCONCLUSIVE",
	};
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], c[FORMAT_NUMBER_BYTES];
	size_t n_firm = 0;

	for (size_t i = 0; i < v->n_findings; i++)
		n_firm += !v->findings[i].is_doubtful;
	fprintf(out, "%s%s%s  ", color ? outcome_colors[v->outcome] : "", words[v->outcome],
		color ? PLAIN : "");
	if (n_firm)
		fprintf(out, "%zu problem%s, ", n_firm, n_firm == 1 ? "" : "s");
	fprintf(out, "%s steps in %s, %s stall%s of the program's own\n",
		format__count(v->steps, a), format__duration(v->duration_ns, b),
		format__count(v->stalls, c), v->stalls == 1 ? "" : "s");
	for (size_t i = 0; i < v->n_reasons; i++) {
		fputs("  because ", out);
		put(out, v->reasons[i]);
		fputc('\n', out);
	}
}

static void put_finding(FILE *out, const struct check_finding *f, bool color)
{
	char text[TEXT_BYTES];

	fprintf(out, "\n%s%s%s %s", color ? (f->is_doubtful ? YELLOW : RED) : "",
		f->is_doubtful ? "doubtful" : "error", color ? PLAIN : "", check_rule_id(f->rule));
	if (f->pattern) {
		fputs(" of ", out);
		put(out, f->pattern);
	}
	fputs(": ", out);
	check_finding__sentence(f, text, sizeof(text));
	put(out, text);
	fputc('\n', out);
	if (f->file) {
		fputs("    at ", out);
		put(out, f->file);
		if (f->line)
			fprintf(out, ":%" PRIu32, f->line);
		fputs(" in ", out);
		put(out, f->function);
		fputc('\n', out);
	}
	check_finding__split(f, text, sizeof(text));
	if (*text) {
		fputs("    worst: ", out);
		put(out, text);
		fputc('\n', out);
	}
}

static void put_noise(FILE *out, const struct verdict *v)
{
	const struct check_noise *n = &v->noise;
	char number[FORMAT_NUMBER_BYTES];

	fprintf(out, "\nhost: %.1f %% of the loop's busy time in the run queue (not counted)",
		n->runqueue_share * 100);
	if (n->steal_share > 0)
		fprintf(out, ", %.1f %% of CPU time taken by the hypervisor", n->steal_share * 100);
	if (n->is_unknown)
		fputs(", how much CPU time the hypervisor took is not known", out);
	fputc('\n', out);
	if (n->excused)
		fprintf(out, "over a limit by the clock alone, which is the host's doing: %s\n",
			format__count(n->excused, number));
}

/* ": app/db.py:31 in fetch_row" */
static void put_place(FILE *out, const struct model_frame *at)
{
	char text[FINDING_WHAT_BYTES];

	if (!at->file)
		return;
	snprintf(text, sizeof(text), ": %s:%" PRIu32 " in %s", format__path_tail(at->file, 2),
		 at->line, at->function);
	put(out, text);
}

/* What makes a service slow though its loop is fine: said, not judged. */
static void put_pools(FILE *out, const struct snapshot *s)
{
	char text[FINDING_WHAT_BYTES], number[FORMAT_NUMBER_BYTES];

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *pool = &s->pools[i];

		if (!lint_pool__is_exhausted(pool))
			continue;
		lint_pool__say(pool, text, sizeof(text));
		fputs("pool: ", out);
		put(out, text);
		fprintf(out, ", for %s", format__duration(pool->full_ns, number));
		if (pool->n_places)
			put_place(out, &pool->places[0].at);
		fputc('\n', out);
	}
}

static void put_lives(FILE *out, const struct snapshot *s)
{
	char text[FINDING_WHAT_BYTES], number[FORMAT_NUMBER_BYTES];

	for (size_t i = 0; i < s->n_lives; i++) {
		const struct life_row *life = &s->lives[i];

		if (!life->found_ns)
			continue;
		lint_life__say(life, text, sizeof(text));
		fputs("tasks: ", out);
		put(out, text);
		fprintf(out, ", for %s", format__duration(life->found_ns, number));
		put_place(out, &life->at);
		fputc('\n', out);
	}
}

static void put_waits(FILE *out, const struct snapshot *s)
{
	put_pools(out, s);
	put_lives(out, s);
}

static void put_baseline(FILE *out, const struct verdict *v)
{
	if (!v->has_baseline)
		return;
	fprintf(out, "baseline: %" PRIu64 " run%s, %zu comparison%s", v->baseline_runs,
		v->baseline_runs == 1 ? "" : "s", v->comparisons->n,
		v->comparisons->n == 1 ? "" : "s");
	if (v->comparisons->n_untested)
		fprintf(out, ", %zu seen too seldom to compare", v->comparisons->n_untested);
	if (!v->comparisons->has_sites)
		fputs("; call sites not compared, for it was made with a higher threshold", out);
	fputc('\n', out);
}

static void put_allowed(FILE *out, const struct verdict *v)
{
	char number[FORMAT_NUMBER_BYTES];

	if (v->allowed)
		fprintf(out, "allowed: %s stall%s\n", format__count(v->allowed, number),
			v->allowed == 1 ? "" : "s");
	for (size_t i = 0; i < v->allow->n; i++) {
		const struct check_allowed *entry = &v->allow->list[i];

		if (entry->times)
			continue;
		fputs("allowed, but never seen: ", out);
		put(out, entry->pattern);
		if (entry->line)
			fprintf(out, " (line %" PRIu32 ")", entry->line);
		fputc('\n', out);
	}
}

int check_report_text(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(output__done) struct output o;
	char number[FORMAT_NUMBER_BYTES];
	size_t i;
	int r;

	r = output__init(&o);
	if (r < 0)
		return r;
	put_outcome(o.mem, v, opts->color);
	for (i = 0; i < v->n_findings && i < MAX_FINDINGS; i++)
		put_finding(o.mem, &v->findings[i], opts->color);
	if (i < v->n_findings + v->findings_left_out)
		fprintf(o.mem, "\n... and %s more\n",
			format__count(v->n_findings - i + v->findings_left_out, number));
	put_noise(o.mem, v);
	if (v->snapshot)
		put_waits(o.mem, v->snapshot);
	own_cost__put(o.mem, &v->own_cost, v->duration_ns);
	fputc('\n', o.mem);
	put_baseline(o.mem, v);
	put_allowed(o.mem, v);
	for (i = 0; i < v->n_losses; i++)
		fprintf(o.mem, "lost: %" PRIu64 " %s (%s)\n", v->losses[i].count,
			v->losses[i].sentence, v->losses[i].name);
	return output__send(&o, out);
}
