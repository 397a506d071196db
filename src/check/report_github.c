/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What GitHub shows: annotations by workflow commands, and the summary of a job in its Markdown.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "check/report.h"
#include "model/findings.h"
#include "report/format.h"
#include "report/output.h"

#define TEXT_BYTES 1024
#define MAX_FINDINGS 5 /* of advice */

/*
 * A workflow command ends with its line, a property with a comma or colon. Whatever could move a
 * cursor is escaped for terminals first, for the log is shown on one.
 */
static void put_command_text(FILE *out, const char *raw, bool is_property)
{
	char text[2 * TEXT_BYTES];
	const char *p;

	text__escape(raw, text, sizeof(text));
	for (p = text; *p; p++) {
		if (*p == '%' || *p == '\r' || *p == '\n' ||
		    (is_property && (*p == ':' || *p == ',')))
			fprintf(out, "%%%02X", (unsigned char)*p);
		else
			fputc(*p, out);
	}
}

static void put_annotation(FILE *out, const struct check_finding *f)
{
	char text[TEXT_BYTES];

	fprintf(out, "::%s ", f->is_doubtful ? "warning" : "error");
	if (f->file) {
		fputs("file=", out);
		put_command_text(out, f->file, true);
		if (f->line)
			fprintf(out, ",line=%" PRIu32, f->line);
		fputc(',', out);
	}
	fprintf(out, "title=loopstall %s::", check_rule_id(f->rule));
	check_finding__sentence(f, text, sizeof(text));
	put_command_text(out, text, false);
	check_finding__split(f, text, sizeof(text));
	if (*text) {
		fputs("%0Aworst: ", out);
		put_command_text(out, text, false);
	}
	fputc('\n', out);
}

int check_report_github(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(output__done) struct output o;
	int r;

	(void)opts;
	r = output__init(&o);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v->n_findings; i++)
		put_annotation(o.mem, &v->findings[i]);
	for (size_t i = 0; i < v->n_reasons; i++) {
		fputs("::warning title=loopstall inconclusive::", o.mem);
		put_command_text(o.mem, v->reasons[i], false);
		fputc('\n', o.mem);
	}
	return output__send(&o, out);
}

/* A name in Markdown is text: nothing in it may begin a link, a tag, a cell or emphasis. */
static void put_markdown(FILE *out, const char *raw)
{
	char text[2 * TEXT_BYTES];
	const char *p;

	text__escape(raw, text, sizeof(text));
	for (p = text; *p; p++) {
		if (*p == '<' || *p == '>' || *p == '&' || *p == '@' || *p == '|' || *p == '`')
			fprintf(out, "&#%d;", *p);
		else if (strchr("\\*_[]~#!", *p))
			fprintf(out, "\\%c", *p);
		else
			fputc(*p, out);
	}
}

static void put_row(FILE *out, const struct check_finding *f)
{
	char text[TEXT_BYTES], where[2 * TEXT_BYTES];

	fprintf(out, "| %s %s | ", f->is_doubtful ? "doubtful" : "**error**",
		check_rule_id(f->rule));
	if (f->file) {
		snprintf(where, sizeof(where), "%s:%" PRIu32, f->file, f->line);
		put_markdown(out, where);
		fputs(" in ", out);
		put_markdown(out, f->function);
	}
	fputs(" | ", out);
	check_finding__sentence(f, text, sizeof(text));
	put_markdown(out, text);
	fputs(" | ", out);
	check_finding__split(f, text, sizeof(text));
	put_markdown(out, text);
	fputs(" |\n", out);
}

/* What to fix first, whatever the limits are: the sentence, and what helps at each line. */
static void put_findings(FILE *out, const struct snapshot *s)
{
	char headline[FINDINGS_HEADLINE_BYTES];
	struct finding f;
	size_t n = 0;

	findings_headline(s, 0, headline);
	/* What is about the loop or a pool as a whole has no line to fix. */
	if (!*headline && !s->n_findings)
		return;
	fputs(*headline ? "\n**Fix first:** " : "\n**To look at:**", out);
	put_markdown(out, headline);
	fputs(*headline ? ".\n\n" : "\n\n", out);
	for (size_t i = 0; i < s->n_findings && n < MAX_FINDINGS; i++) {
		if (!finding__describe(&f, s, &s->findings[i], 0))
			continue;
		fprintf(out, "%zu. ", ++n);
		put_markdown(out, f.what);
		fputs(": ", out);
		put_markdown(out, f.advice);
		fputs(".\n", out);
	}
}

int check_report_markdown(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(output__done) struct output o;
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], c[FORMAT_NUMBER_BYTES];
	int r;

	(void)opts;
	r = output__init(&o);
	if (r < 0)
		return r;
	fprintf(o.mem, "## loopstall: %s\n\n", check_outcome_word(v->outcome));
	fprintf(o.mem, "%s steps in %s, %s stall%s of the program's own.\n",
		format__count(v->steps, a), format__duration(v->duration_ns, b),
		format__count(v->stalls, c), v->stalls == 1 ? "" : "s");
	fprintf(o.mem,
		"%.1f %% of the loop's busy time was in the host's run queue and is not counted.\n",
		v->noise.runqueue_share * 100);
	for (size_t i = 0; i < v->n_reasons; i++) {
		fputs("\n- ", o.mem);
		put_markdown(o.mem, v->reasons[i]);
		fputc('\n', o.mem);
	}
	if (v->n_findings)
		fputs("\n| rule | where | what | worst |\n|---|---|---|---|\n", o.mem);
	for (size_t i = 0; i < v->n_findings; i++)
		put_row(o.mem, &v->findings[i]);
	if (v->snapshot)
		put_findings(o.mem, v->snapshot);
	return output__send(&o, out);
}
