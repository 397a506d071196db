/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict as JUnit's XML. An inconclusive run is a skipped test: neither red nor green.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "base/utf8.h"
#include "check/report.h"
#include "report/output.h"

#define TEXT_BYTES 1024
#define SUITE "loopstall"

/* What XML 1.0 cannot hold at all, not even as a reference, becomes U+FFFD. */
static bool is_xml_char(uint32_t c)
{
	return c >= 0x20 ? c != 0xfffe && c != 0xffff : c == '\t' || c == '\n' || c == '\r';
}

static void put(FILE *out, const char *text)
{
	size_t left = strlen(text);
	uint32_t c;

	while (left > 0) {
		size_t n = utf8__decode(text, left, &c);

		if (!n || !is_xml_char(c))
			fprintf(out, "&#%u;", UTF8_REPLACEMENT);
		else if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' || c < 0x20 ||
			 c >= 0x7f)
			fprintf(out, "&#%" PRIu32 ";", c);
		else
			fputc((int)c, out);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	put(out, value);
	fputc('"', out);
}

static void put_case(FILE *out, enum check_rule rule, const char *name)
{
	fputs("  <testcase", out);
	fprintf(out, " classname=\"" SUITE ".%s\"", check_rule_id(rule));
	put_attribute(out, "name", name);
	fputs(" time=\"0\"", out);
}

static void put_finding(FILE *out, const struct check_finding *f)
{
	const char *word = f->is_doubtful ? "skipped" : "failure";
	char text[TEXT_BYTES], name[2 * TEXT_BYTES];

	if (f->file)
		snprintf(name, sizeof(name), "%s at %s:%" PRIu32, f->subject, f->file, f->line);
	else
		snprintf(name, sizeof(name), "%s", f->subject);
	put_case(out, f->rule, name);
	fprintf(out, ">\n    <%s", word);
	check_finding__sentence(f, text, sizeof(text));
	put_attribute(out, "message", text);
	if (!f->is_doubtful)
		put_attribute(out, "type", check_rule_id(f->rule));
	fputc('>', out);
	check_finding__split(f, text, sizeof(text));
	put(out, text);
	fprintf(out, "</%s>\n  </testcase>\n", word);
}

static void put_rule(FILE *out, enum check_rule rule, const struct verdict *v)
{
	put_case(out, rule, check_rule_sentence(rule));
	if (v->outcome != CHECK_INCONCLUSIVE) {
		fputs("/>\n", out);
		return;
	}
	fputs(">\n    <skipped", out);
	put_attribute(out, "message", v->reasons[0]);
	fputs("/>\n  </testcase>\n", out);
}

int check_report_junit(FILE *out, const struct verdict *v, const struct check_report_opts *opts)
{
	_cleanup_(output__done) struct output o;
	size_t n_tests = 0, n_failures = 0, n_skipped = 0;
	uint32_t holding = v->rules;
	enum check_rule rule;
	int r;

	(void)opts;
	r = output__init(&o);
	if (r < 0)
		return r;
	for (size_t i = 0; i < v->n_findings; i++) {
		holding &= ~(1U << v->findings[i].rule);
		n_failures += !v->findings[i].is_doubtful;
	}
	n_tests = v->n_findings + (size_t)__builtin_popcount(holding);
	n_skipped = v->n_findings - n_failures;
	if (v->outcome == CHECK_INCONCLUSIVE)
		n_skipped += (size_t)__builtin_popcount(holding);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", o.mem);
	fprintf(o.mem,
		"<testsuites>\n<testsuite name=\"" SUITE
		"\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
		"skipped=\"%zu\" time=\"%" PRIu64 ".%03" PRIu64 "\">\n",
		n_tests, n_failures, n_skipped, (uint64_t)(v->duration_ns / NS_PER_S),
		(uint64_t)(v->duration_ns / NS_PER_MS % 1000));
	for (size_t i = 0; i < v->n_findings; i++)
		put_finding(o.mem, &v->findings[i]);
	for (rule = 0; rule < CHECK_RULE_MAX; rule++)
		if (holding & (1U << rule))
			put_rule(o.mem, rule, v);
	fputs("</testsuite>\n</testsuites>\n", o.mem);
	return output__send(&o, out);
}
