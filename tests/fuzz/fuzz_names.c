/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of a target through everything that writes them: report formats, verdicts, dumps, the
 * dashboard. The first byte of the input chooses the writer, the rest are names with a NUL behind
 * each. Whatever they are, no control character leaves, JSON stays JSON, and no name becomes an
 * element of a document.
 */
#include <jansson.h>

#include "base/array.h"
#include "base/utf8.h"
#include "check/report.h"
#include "check/runs.h"
#include "dump/made_up.h"
#include "report/golden.h"
#include "tests/fuzz/fuzz.h"
#include "view/snapshot.h"

#define MAX_NAMES 16

/* What is promised of an output beside that it is clean. */
enum promise { CLEAN, COLORED, CSV, JSON_LINES, JSON_WHOLE, MARKUP, BINARY };

struct names {
	size_t n, used;
	const char *at[MAX_NAMES];
};

static const char *next(struct names *names)
{
	return names->at[names->used++ % names->n];
}

static void put(struct names *names, char *buf, size_t size)
{
	snprintf(buf, size, "%s", next(names));
}

/* Those of the input; at least one. */
static void split(struct names *names, char *text, size_t size)
{
	const char *end = text + size;

	names->n = names->used = 0;
	do {
		names->at[names->n++] = text;
		text += strlen(text) + 1;
	} while (names->n < MAX_NAMES && text < end);
}

/* The same number of names, equal where those are, but harmless. */
static void tame(struct names *ret_tame, const struct names *names)
{
	static const char *const harmless[MAX_NAMES] = { "a", "b", "c", "d", "e", "f", "g", "h",
							 "i", "j", "k", "l", "m", "n", "o", "p" };

	*ret_tame = (struct names){ .n = names->n };
	for (size_t i = 0; i < names->n; i++) {
		size_t same = 0;

		while (strcmp(names->at[same], names->at[i]))
			same++;
		ret_tame->at[i] = *names->at[i] ? harmless[same] : "";
	}
}

static struct code_info next_code(struct names *names)
{
	return (struct code_info){ next(names), next(names), 7 };
}

static struct model_frame next_frame(struct names *names)
{
	return (struct model_frame){ next(names), next(names), 31 };
}

static void rename_holders(struct stall *s, struct names *names)
{
	put(names, s->gil_holder.name, sizeof(s->gil_holder.name));
	for (size_t i = 0; i < s->gil_holder.n_frames; i++)
		s->gil_holder.stack[i] = next_frame(names);
	put(names, s->lock_holder.name, sizeof(s->lock_holder.name));
	for (size_t i = 0; i < s->lock_holder.n_frames; i++)
		s->lock_holder.stack[i] = next_frame(names);
	put(names, s->cpu_holder.name, sizeof(s->cpu_holder.name));
}

static void rename_stall(struct stall *s, struct names *names)
{
	put(names, s->task_name, sizeof(s->task_name));
	for (size_t i = 0; i < s->victims_named; i++)
		put(names, s->victim_names[i], sizeof(s->victim_names[i]));
	for (size_t i = 0; i < s->n_frames; i++)
		s->stack[i] = next_frame(names);
	rename_holders(s, names);
	if (s->unit != LS_UNIT_STEP)
		return;
	s->coroutine = next_code(names);
	s->call = s->stack[0];
	s->own = next_frame(names);
	s->entry = next_frame(names);
	s->repeated_await = next_frame(names);
	s->call_native = next(names);
	for (size_t i = 0; i < s->n_native; i++)
		s->native_stack[i].name = next(names);
}

static void rename_golden(struct golden *g, struct names *names)
{
	for (size_t i = 0; i < g->n_stalls; i++)
		rename_stall(&g->stalls[i], names);
	for (size_t i = 0; i < g->snapshot.n_rows; i++)
		g->rows[i].coroutine = next_code(names);
	for (size_t i = 0; i < g->snapshot.n_sites; i++) {
		g->sites[i].at = next_frame(names);
		g->sites[i].coroutine = next_code(names);
	}
	for (size_t i = 0; i < g->snapshot.n_victims; i++) {
		g->victims[i].name = next(names);
		g->victims[i].coroutine = next_code(names);
		g->victims[i].culprit = next_code(names);
	}
	for (size_t i = 0; i < g->snapshot.n_payers; i++)
		g->payers[i].culprit = next_code(names);
	for (size_t i = 0; i < g->snapshot.n_loops; i++)
		g->loops[i].process = next(names);
	for (size_t i = 0; i < g->snapshot.n_holders; i++) {
		g->holders[i].at = next_frame(names);
		put(names, g->holders[i].name, sizeof(g->holders[i].name));
	}
	for (size_t i = 0; i < g->start.n_targets; i++) {
		g->targets[i].comm = next(names);
		g->targets[i].cgroup = next(names);
	}
}

/* The writers. */

static void write_report(FILE *out, size_t which, struct names *names)
{
	static struct golden g;
	const struct report_opts opts = { .mode = "exact", .color = names->n & 1, .width = 100 };
	struct report *report;

	golden_init(&g);
	rename_golden(&g, names);
	golden_sum(&g);
	fuzz_check(!report__new(&report, &report_formats[which], out, &opts));
	fuzz_check(!report__start(report, &g.start));
	for (size_t i = 0; i < g.n_stalls; i++)
		fuzz_check(!report__stall(report, &g.stalls[i]));
	fuzz_check(!report__finish(report, &g.snapshot, &g.run));
	report__free(report);
	golden_done(&g);
}

static void write_verdict(FILE *out, size_t which, struct names *names)
{
	static check_report_fn *const outputs[] = { check_report_text,	   check_report_github,
						    check_report_markdown, check_report_json,
						    check_report_sarif,	   check_report_junit };
	const struct check_report_opts opts = { .version = "1" };
	struct bench *b = bench_new();

	bench_limit(&b->limits.max_step, "", 10 * MS);
	fuzz_check(!check_limits__deny(&b->limits, "network", NULL));
	bench_begin(b);
	for (size_t i = 0; i < 4; i++) {
		struct stall s = step_make();

		s.victims_named = 2;
		rename_stall(&s, names);
		step_time(&s, i % 2 ? LS_CAUSE_NETWORK : LS_CAUSE_CPU, 55 * MS);
		fuzz_check(!checker__stall(b->checker, &s));
	}
	fuzz_check(!outputs[which](out, bench_end(b, NULL), &opts));
	bench_free(b);
}

static void write_dump(FILE *out, size_t which, struct names *names)
{
	static struct dump d;
	struct dump_group group = { .count = 3, .loop = 0, .parent = DUMP_NO_GROUP };
	struct target t;
	char *command = strdup(next(names));

	make_up(&d, &t);
	t.cmdline = command;
	put(names, t.comm, sizeof(t.comm));
	put(names, d.threads[0].name, sizeof(d.threads[0].name));
	add_frame(&d.threads[0], next(names), next(names), 3, 0);
	d.threads[0].native = next(names);
	put(names, d.loops[0].task_name, sizeof(d.loops[0].task_name));
	put(names, d.loops[0].info.type_name, sizeof(d.loops[0].info.type_name));
	d.loops[0].coroutine = next_code(names);
	group.coroutine = next_code(names);
	put(names, group.waits_for, sizeof(group.waits_for));
	group.n_frames = 1;
	group.frames[0] = (struct dump_frame){ next(names), next(names), 9 };
	for (size_t i = 0; i < DUMP_GROUP_NAMES; i++)
		put(names, group.names[i], sizeof(group.names[i]));
	d.groups = &group;
	d.n_groups = 1;
	if (which)
		fuzz_check(!dump__write_json(&d, out));
	else
		dump__write_text(&d, out);
	d.groups = NULL;
	dump__done(&d);
	free(command);
}

static void rename_view(struct view_fixture *f, struct names *names)
{
	for (size_t i = 0; i < f->snapshot.n_rows; i++) {
		f->rows[i].coroutine = next_code(names);
		f->rows[i].where = next_frame(names);
	}
	for (size_t i = 0; i < VIEW_STALLS; i++)
		rename_stall(&f->stalls[i], names);
	rename_stall(&f->live[0], names);
	f->sites[0].at = next_frame(names);
	f->sites[0].coroutine = next_code(names);
	f->loops[0].process = next(names);
}

static void write_view(FILE *out, size_t which, struct names *names)
{
	static struct view_fixture f;
	struct canvas *canvas;
	struct view *view;

	fixture_init(&f, which & 1);
	rename_view(&f, names);
	fixture_sum(&f.snapshot);
	fuzz_check(!canvas__new(&canvas, 24, 80, true));
	fuzz_check(!view__new(&view, &(struct view_opts){}));
	for (size_t i = 0; i < 10; i++) {
		static const uint32_t keys[] = { VKEY_TAB, VKEY_ENTER, VKEY_DOWN, VKEY_ESCAPE };

		view__input(view, &(struct view_event){ .key = keys[i * (1 + which) % 4] });
		view__draw(view, &f.snapshot, &f.status, canvas);
		canvas__dump(canvas, out, false);
	}
	view__free(view);
	canvas__free(canvas);
}

/* The promises. */

static bool is_forbidden(uint32_t c)
{
	return (c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

/* The colours of a text report are ours. */
static size_t skip_color(const char *text, size_t size)
{
	size_t n = 2;

	if (size < 3 || text[0] != '\033' || text[1] != '[')
		return 0;
	while (n < size && (text[n] == ';' || (text[n] >= '0' && text[n] <= '9')))
		n++;
	return n < size && text[n] == 'm' ? n + 1 : 0;
}

/* What the writer itself may write though no name may have it. */
static size_t skip_own(enum promise promise, const char *text, size_t size)
{
	if (promise == CSV)
		return size >= 2 && !memcmp(text, "\r\n", 2) ? 2 : 0;
	if (promise == MARKUP && text[0] == '\t')
		return 1; /* of the page's script */
	/* JSON, of which a page has some, does not escape it; terminals and browsers ignore it. */
	if (promise == MARKUP || promise == JSON_LINES || promise == JSON_WHOLE)
		return text[0] == 0x7f;
	return promise == COLORED ? skip_color(text, size) : 0;
}

static void check_clean(const char *text, size_t size, enum promise promise)
{
	for (size_t i = 0, n; i < size; i += n) {
		uint32_t c;

		n = skip_own(promise, text + i, size - i);
		if (n)
			continue;
		n = utf8__decode(text + i, size - i, &c);
		fuzz_check(n);
		fuzz_check(!is_forbidden(c));
	}
}

static void check_json(const char *text, size_t size)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);

	fuzz_check(json);
	json_decref(json);
}

static void check_lines(const char *text, size_t size)
{
	const char *line = text, *end;

	while ((end = memchr(line, '\n', size - (size_t)(line - text)))) {
		check_json(line, (size_t)(end - line));
		line = end + 1;
	}
	fuzz_check(line == text + size);
}

static size_t count(const char *text, size_t size, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == c;
	return n;
}

static const struct writer {
	void (*write)(FILE *out, size_t which, struct names *names);
	size_t which;
	enum promise promise;
} writers[] = {
	{ write_report, 0, COLORED },	  { write_report, 1, JSON_LINES },
	{ write_report, 2, CSV },	  { write_report, 3, CSV },
	{ write_report, 4, CLEAN },	  { write_report, 5, JSON_WHOLE },
	{ write_report, 6, JSON_WHOLE },  { write_report, 7, BINARY },
	{ write_report, 8, MARKUP },	  { write_report, 9, CLEAN },
	{ write_verdict, 0, CLEAN },	  { write_verdict, 1, CLEAN },
	{ write_verdict, 2, CLEAN },	  { write_verdict, 3, JSON_LINES },
	{ write_verdict, 4, JSON_WHOLE }, { write_verdict, 5, MARKUP },
	{ write_dump, 0, CLEAN },	  { write_dump, 1, JSON_LINES },
	{ write_view, 0, CLEAN },	  { write_view, 1, CLEAN },
	{ write_view, 2, CLEAN },
};

static char *written(const struct writer *w, struct names *names, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	fuzz_check(out);
	w->write(out, w->which, names);
	fuzz_check(!fclose(out));
	return text;
}

/* As many elements as with names that are only names. */
static void check_markup(const struct writer *w, const struct names *names, const char *text,
			 size_t size)
{
	struct names harmless;
	size_t n;
	char *other;

	tame(&harmless, names);
	other = written(w, &harmless, &n);
	fuzz_check(count(text, size, '<') == count(other, n, '<'));
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct writer *w;
	struct names names;
	char *input, *text;
	size_t n;

	if (size < 2 || size > 8192)
		return 0;
	w = &writers[data[0] % N_OF(writers)];
	input = fuzz_text(data + 1, size - 1);
	split(&names, input, size - 1);
	text = written(w, &names, &n);
	if (w->promise != BINARY)
		check_clean(text, n, w->promise);
	if (w->promise == JSON_LINES)
		check_lines(text, n);
	else if (w->promise == JSON_WHOLE)
		check_json(text, n);
	else if (w->promise == MARKUP)
		check_markup(w, &names, text, n);
	free(text);
	free(input);
	return 0;
}
