/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to fix first, as it begins the summary of a text report: one sentence, then the worst
 * findings with what they cost and what to do about them.
 */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/time.h"
#include "model/findings.h"
#include "report/format.h"
#include "report/text.h"

#define MAX_FINDINGS 5
#define INDENT "    "

/* Length of what fits into `columns`, up to a blank if there is one. `text` is escaped. */
static size_t line_length(const char *text, size_t columns)
{
	size_t best = 0, n;
	char word[TEXT_PIECE_BYTES];

	for (n = strcspn(text, " ");; n += 1 + strcspn(text + n + 1, " ")) {
		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		if (best && format__columns(word) > columns)
			return best;
		best = n;
		if (!text[n])
			return n;
	}
}

void text_put_wrapped(FILE *out, const char *first, size_t width, const char *fmt, ...)
{
	char raw[TEXT_PIECE_BYTES], text[TEXT_PIECE_BYTES];
	const char *at = text, *before = first;
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	text__escape(raw, text, sizeof(text));
	do {
		const size_t used = strlen(before);
		const size_t n = width ? line_length(at, width - used) : strlen(at);

		fprintf(out, "%s%.*s\n", before, (int)n, at);
		at += n + (at[n] == ' ');
		before = INDENT;
	} while (*at);
}

/* "14:03:27"; "" if it is not known */
static void clock_text(uint64_t ns, const struct report_opts *opts, char buf[16])
{
	const time_t seconds = (time_t)((ns + opts->clock_offset_ns) / NS_PER_S);
	struct tm tm;

	buf[0] = '\0';
	if (ns && opts->clock_offset_ns && localtime_r(&seconds, &tm))
		strftime(buf, 16, "%H:%M:%S", &tm);
}

static void add(char buf[TEXT_PIECE_BYTES], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(char buf[TEXT_PIECE_BYTES], const char *fmt, ...)
{
	const size_t used = strlen(buf);
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf + used, TEXT_PIECE_BYTES - used, fmt, args);
	va_end(args);
}

/* "40 stalls took 1.20 s, the longest 34.0 ms; 48 % of the waiting (8.30 s), 12 % of ..." */
static void figures(const struct finding *f, const struct report_opts *opts,
		    char buf[TEXT_PIECE_BYTES])
{
	const struct finding_row *row = f->row;
	char a[FORMAT_NUMBER_BYTES], b[FORMAT_NUMBER_BYTES], from[16], until[16];

	buf[0] = '\0';
	if (row->loop_rule) {
		add(buf, "for %s", format__duration(row->time_ns, a));
		return;
	}
	add(buf, "%s stall%s took %s, the longest %s", format__count(row->stalls + row->open, a),
	    format__plural(row->stalls + row->open), format__duration(row->time_ns, b),
	    format__duration(row->max_ns, (char[FORMAT_NUMBER_BYTES]){}));
	if (row->open)
		add(buf, ", %u still open", row->open);
	if (row->starved_ns)
		add(buf, "; %d %% of the waiting (%s)", (int)(f->starved_share * 100),
		    format__duration(row->starved_ns, a));
	if (f->loop_share >= 0)
		add(buf, ", %.1f %% of the loop's time", f->loop_share * 100);
	clock_text(row->first_ns, opts, from);
	clock_text(row->last_ns, opts, until);
	if (*from && *until)
		add(buf, "; %s to %s", from, until);
}

static void where(const struct finding_row *row, char buf[TEXT_PIECE_BYTES])
{
	const bool has_holder = *row->holder != '\0';

	buf[0] = '\0';
	if (row->at.function)
		add(buf, ": %s:%u in %s", format__path_tail(row->at.file ? row->at.file : "?", 2),
		    row->at.line, row->at.function);
	if (has_holder)
		add(buf, " (%s)", row->holder);
}

static void put_finding(FILE *out, size_t rank, const struct finding *f,
			const struct report_opts *opts)
{
	const size_t width = text_width(opts);
	char first[16], text[TEXT_PIECE_BYTES];

	snprintf(first, sizeof(first), "%2zu. ", rank);
	where(f->row, text);
	text_put_wrapped(out, first, width, "%s%s", f->what, text);
	figures(f, opts, text);
	text_put_wrapped(out, INDENT, width, "%s", text);
	text_put_wrapped(out, INDENT, width, "%s: %s", finding_sureness_word(f->sureness), f->why);
	text_put_wrapped(out, INDENT, width, "%s.", f->advice);
}

/* A service that is well gets a sentence too. */
static void put_calm(FILE *out, const struct snapshot *s, const struct report_run *run)
{
	char turn[FORMAT_NUMBER_BYTES], duration[FORMAT_NUMBER_BYTES];

	if (findings_is_calm(s))
		fprintf(out, "Nothing stalled: no turn of the loop took longer than %s in %s.\n\n",
			format__duration(s->turn_max_ns, turn),
			format__duration(run->duration_ns, duration));
}

void text__put_findings(FILE *out, const struct snapshot *s, const struct report_run *run,
			const struct report_opts *opts)
{
	char headline[FINDINGS_HEADLINE_BYTES];
	size_t rank = 0, more = 0;
	struct finding f;

	put_calm(out, s, run);
	findings_headline(s, 0, headline);
	if (*headline)
		text_put_wrapped(out, "", text_width(opts), "%s.", headline);
	for (size_t i = 0; i < s->n_findings; i++) {
		if (!finding__describe(&f, s, &s->findings[i], 0))
			continue;
		if (rank < MAX_FINDINGS)
			put_finding(out, ++rank, &f, opts);
		else
			more++;
	}
	if (more)
		fprintf(out, "... and %zu more\n", more);
	if (rank || *headline)
		fputc('\n', out);
}
