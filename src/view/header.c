/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each line is a row of pieces; a piece that does not fit is left out, the important ones come
 * first.
 */
#include "view/header.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/time.h"
#include "model/lint.h"
#include "view/alarm.h"
#include "view/words.h"

#define LOW_ROWS 20 /* below, the last two lines are one */
#define NARROW_COLUMNS 80 /* below, words are left out */
#define WIDE_COLUMNS 120
#define MINUTE 60
#define TEXT_BYTES 512
#define LABEL_COLUMNS 10
#define DEFAULT_THRESHOLD_NS (10 * NS_PER_MS)
#define CLOCK_BYTES 32
#define REPLAY_BYTES 96
#define SEVERE 10 /* times the threshold */

/* Where the next piece of a line goes. */
struct pen {
	struct canvas *canvas;
	int row, column;
};

/* Text that may be too long for its place shows that it is cut. */
static void put_cut(struct canvas *c, int row, int column, int width, enum canvas_attr attr,
		    const char *text)
{
	int end = column + width - 1;

	canvas__text(c, row, column, width, attr, text);
	if (text_columns(text) > width && width > 0)
		canvas__text(c, row, end, 1, attr, canvas__is_utf8(c) ? "\u2026" : "~");
}

static bool pen__put(struct pen *pen, enum canvas_attr attr, const char *text)
{
	int columns = text_columns(text);

	if (!text[0] || pen->column + columns > canvas__columns(pen->canvas))
		return false;
	canvas__text(pen->canvas, pen->row, pen->column, columns, attr, text);
	pen->column += columns + 3;
	return true;
}

static void pen__label(struct pen *pen, const char *label)
{
	canvas__text(pen->canvas, pen->row, pen->column, LABEL_COLUMNS, ATTR_DIM, label);
	pen->column += LABEL_COLUMNS;
}

static bool is_low(const struct canvas *c)
{
	return canvas__rows(c) < LOW_ROWS;
}

static bool is_roomy(const struct canvas *c)
{
	return !is_low(c) || canvas__columns(c) >= WIDE_COLUMNS;
}

static bool is_narrow(const struct canvas *c)
{
	return canvas__columns(c) < NARROW_COLUMNS;
}

/* Cells a minute is drawn in. */
static int minute_cells(const struct canvas *c)
{
	int columns = canvas__columns(c);

	return columns >= 140 ? MINUTE : is_narrow(c) ? MINUTE / 4 : MINUTE / 2;
}

static void clock_text(uint64_t ns, char text[CLOCK_BYTES])
{
	const uint64_t s = ns / NS_PER_S;

	snprintf(text, CLOCK_BYTES, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
		 s % 60);
}

/* "> x2  00:00:12 of 00:01:30" */
static void replay_text(const struct view_replay *replay, bool is_utf8, char text[REPLAY_BYTES])
{
	char position[CLOCK_BYTES], length[CLOCK_BYTES];

	clock_text(replay->position_ns, position);
	clock_text(replay->length_ns, length);
	snprintf(text, REPLAY_BYTES, "%s x%.3g  %s of %s",
		 replay->is_stopped ? "STOPPED" :
			 is_utf8    ? "\u25b6" :
				      ">",
		 replay->speed, position, length);
}

static void draw_targets(const struct view_status *status, struct canvas *c)
{
	int columns = canvas__columns(c), used, width;
	char clock[REPLAY_BYTES];

	if (status->replay)
		replay_text(status->replay, canvas__is_utf8(c), clock);
	else
		clock_text(status->now_ns - status->started_ns, clock);
	width = text_columns(clock);
	used = canvas__text(c, 0, 1, columns, ATTR_BOLD, "loopstall");
	put_cut(c, 0, used + 3, columns - used - 5 - width, ATTR_TITLE, status->targets);
	canvas__right(c, 0, columns - 1 - width, width, status->replay ? ATTR_WARN : ATTR_DIM,
		      clock);
}

/* Seconds that are over, of the last minute. */
static size_t past_seconds(const struct snapshot *snapshot, const struct second_row **ret_first)
{
	size_t n = snapshot->n_seconds > 0 ? snapshot->n_seconds - 1 : 0;
	size_t shown = n < MINUTE ? n : MINUTE;

	*ret_first = snapshot->seconds + (n - shown);
	return shown;
}

static void draw_spark(struct pen *pen, const struct snapshot *snapshot)
{
	int cells = minute_cells(pen->canvas), per_cell = MINUTE / cells, at;
	const struct second_row *first;
	size_t n = past_seconds(snapshot, &first), i;
	double values[MINUTE] = { 0 };

	for (i = 0; i < n; i++) {
		at = cells - 1 - (int)(n - 1 - i) / per_cell;
		if (first[i].busy > values[at])
			values[at] = first[i].busy;
	}
	canvas__sparkline(pen->canvas, pen->row, pen->column, cells, ATTR_CPU, values,
			  (size_t)cells, 1);
	pen->column += cells + 2;
}

/* Index of the second with the longest stall, n_seconds if there is none. */
static size_t worst_second(const struct snapshot *snapshot)
{
	size_t first = snapshot->n_seconds > MINUTE ? snapshot->n_seconds - MINUTE : 0;
	size_t i, worst = snapshot->n_seconds;

	for (i = first; i < snapshot->n_seconds; i++)
		if (snapshot->seconds[i].worst_ns > 0 &&
		    (worst == snapshot->n_seconds ||
		     snapshot->seconds[i].worst_ns >= snapshot->seconds[worst].worst_ns))
			worst = i;
	return worst;
}

static bool is_severe(const struct view_status *status, uint64_t ns)
{
	uint64_t threshold = status->threshold_ns ? status->threshold_ns : DEFAULT_THRESHOLD_NS;

	return ns >= SEVERE * threshold;
}

static enum canvas_attr severity(const struct view_status *status, uint64_t ns)
{
	if (is_severe(status, ns))
		return ATTR_BAD;
	return status->threshold_ns > 0 && ns >= status->threshold_ns ? ATTR_WARN : ATTR_NORMAL;
}

static void put_p99(struct pen *pen, const struct snapshot *snapshot,
		    const struct view_status *status)
{
	char number[WORDS_BYTES], text[TEXT_BYTES];

	if (!snapshot->turn_p99_ns)
		return;
	snprintf(text, sizeof(text), "%sp99 %s", is_narrow(pen->canvas) ? "" : "turn ",
		 words__duration(snapshot->turn_p99_ns, number));
	pen__put(pen, severity(status, snapshot->turn_p99_ns), text);
}

/* Not all tasks that are alive could be read: what is shown of them is not all there is. */
static bool is_tasks_cut(const struct snapshot *s)
{
	return s->n_tasks > 0 && s->n_tasks < s->tasks_alive;
}

/*
 * How many are alive, or were read of them, and how many want to run: the longest way to say it
 * that fits.
 */
static void put_tasks(struct pen *pen, const struct snapshot *s)
{
	enum canvas_attr attr = s->tasks_ready > 0 || is_tasks_cut(s) ? ATTR_WARN : ATTR_NORMAL;
	char alive[WORDS_BYTES], read[WORDS_BYTES], ready[WORDS_BYTES], text[TEXT_BYTES];
	int used;

	words__count(s->tasks_ready, ready);
	if (!s->tasks_alive) {
		snprintf(text, sizeof(text), "%s ready", ready);
		if (s->tasks_ready > 0)
			pen__put(pen, attr, text);
		return;
	}
	words__count(s->tasks_alive, alive);
	if (is_tasks_cut(s))
		used = snprintf(text, sizeof(text), "%s of %s tasks",
				words__count(s->n_tasks, read), alive);
	else
		used = snprintf(text, sizeof(text), "%s task%s", alive,
				s->tasks_alive == 1 ? "" : "s");
	if (s->tasks_ready > 0) {
		snprintf(text + used, sizeof(text) - (size_t)used, ", %s ready", ready);
		if (pen__put(pen, attr, text))
			return;
	}
	text[used] = '\0';
	pen__put(pen, attr, text);
}

static void put_worst(struct pen *pen, const struct snapshot *snapshot,
		      const struct view_status *status)
{
	size_t at = worst_second(snapshot);
	char number[WORDS_BYTES], text[TEXT_BYTES];
	enum canvas_attr attr;

	if (at == snapshot->n_seconds)
		return;
	snprintf(text, sizeof(text), "worst %s %s, %zus ago",
		 words__duration(snapshot->seconds[at].worst_ns, number),
		 vocabulary_cause(snapshot->seconds[at].worst_cause), snapshot->n_seconds - 1 - at);
	attr = is_severe(status, snapshot->seconds[at].worst_ns) ? ATTR_BAD : ATTR_WARN;
	if (!pen__put(pen, attr, text)) {
		snprintf(text, sizeof(text), "worst %s", number);
		pen__put(pen, attr, text);
	}
}

/* In light mode steps are not counted, handles are. */
static void put_rate(struct pen *pen, const struct snapshot *snapshot,
		     const struct view_status *status, const struct second_row *second)
{
	char number[WORDS_BYTES], text[TEXT_BYTES];
	const double estimate = light__steps_per_s(&status->light, snapshot, second->handles);

	if (!status->light.is_now)
		snprintf(text, sizeof(text), "%s steps/s", words__rate(second->steps, number));
	else if (!isnan(estimate))
		snprintf(text, sizeof(text), "~%s steps/s", words__rate(estimate, number));
	else
		snprintf(text, sizeof(text), "%s handles/s", words__rate(second->handles, number));
	pen__put(pen, ATTR_NORMAL, text);
}

static void draw_busy(const struct snapshot *snapshot, const struct view_status *status,
		      struct canvas *c)
{
	struct pen pen = { c, 1, 1 };
	const struct second_row *first;
	size_t n = past_seconds(snapshot, &first);
	char text[TEXT_BYTES];
	double busy = n > 0 ? first[n - 1].busy : 0;

	pen__label(&pen, "loop busy");
	draw_spark(&pen, snapshot);
	snprintf(text, sizeof(text), "%3.0f%%", busy * 100);
	pen__put(&pen, busy >= 0.9 ? ATTR_BAD : busy >= 0.7 ? ATTR_WARN : ATTR_BOLD, text);
	put_p99(&pen, snapshot, status);
	put_worst(&pen, snapshot, status);
	if (n > 0)
		put_rate(&pen, snapshot, status, &first[n - 1]);
	snprintf(text, sizeof(text), "%zu %s", snapshot->n_loops,
		 snapshot->n_loops == 1 ? "loop" : "loops");
	pen__put(&pen, ATTR_NORMAL, text);
}

static void draw_strip_cell(struct pen *pen, int at, const struct view_status *status,
			    uint64_t worst_ns)
{
	bool is_utf8 = canvas__is_utf8(pen->canvas);
	enum canvas_attr attr = ATTR_DIM;
	const char *mark = is_utf8 ? "\u00b7" : ".";

	if (is_severe(status, worst_ns)) {
		attr = ATTR_BAD;
		mark = is_utf8 ? "\u25a0" : "#";
	} else if (worst_ns > 0) {
		attr = ATTR_WARN;
		mark = is_utf8 ? "\u25aa" : "o";
	}
	canvas__text(pen->canvas, pen->row, pen->column + at, 1, attr, mark);
}

/* The last minute. */
struct strip {
	uint64_t worst_ns[MINUTE]; /* by second, the newest first */
	uint64_t stalls, stall_ns, shed;
};

static void strip__cover(struct strip *strip, size_t second, uint64_t ns)
{
	if (second < MINUTE && strip->worst_ns[second] < ns)
		strip->worst_ns[second] = ns;
}

/* An open stall is in all seconds since it began. */
static void strip__add_open(struct strip *strip, const struct snapshot *snapshot,
			    const struct view_status *status)
{
	for (size_t i = 0; i < snapshot->n_live; i++) {
		const struct stall *stall = &snapshot->live[i];
		const uint64_t ns = alarm__lasted_ns(stall, snapshot->live_ns, status->now_ns);
		const uint64_t seconds = status->now_ns / NS_PER_S - stall->start_ns / NS_PER_S;

		strip->stalls++;
		strip->stall_ns += ns;
		for (size_t k = 0; k <= seconds && k < MINUTE; k++)
			strip__cover(strip, k, ns);
	}
}

static void strip__fill(struct strip *strip, const struct snapshot *snapshot,
			const struct view_status *status)
{
	const size_t n = snapshot->n_seconds;

	for (size_t k = 0; k < n && k < MINUTE; k++) {
		const struct second_row *s = &snapshot->seconds[n - 1 - k];

		strip__cover(strip, k, s->covered_ns);
		strip->stalls += s->stalls;
		strip->stall_ns += s->stall_ns;
		strip->shed += s->shed;
	}
	strip__add_open(strip, snapshot, status);
}

static void draw_marks(struct pen *pen, const struct strip *strip, const struct view_status *status)
{
	const int cells = minute_cells(pen->canvas), per_cell = MINUTE / cells;
	/* A mark is always of the same seconds: those of the last one are not over yet. */
	const int newest = (int)(status->now_ns / NS_PER_S % (unsigned int)per_cell) + 1;

	for (int i = 0; i < cells; i++) {
		const int end = (cells - 1 - i) * per_cell + newest;
		uint64_t worst_ns = 0;

		for (int k = end > per_cell ? end - per_cell : 0; k < end && k < MINUTE; k++)
			worst_ns = strip->worst_ns[k] > worst_ns ? strip->worst_ns[k] : worst_ns;
		draw_strip_cell(pen, i, status, worst_ns);
	}
	pen->column += cells + 2;
}

static void draw_strip(struct pen *pen, const struct snapshot *snapshot,
		       const struct view_status *status)
{
	char number[WORDS_BYTES], count[WORDS_BYTES], text[TEXT_BYTES];
	struct strip strip = { 0 };

	strip__fill(&strip, snapshot, status);
	pen__label(pen, "stalls");
	draw_marks(pen, &strip, status);
	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 canvas__columns(pen->canvas) >= WIDE_COLUMNS ? "last minute: " : "",
		 words__count(strip.stalls, count),
		 strip.stalls == 0		? "" :
			 is_narrow(pen->canvas) ? ", " :
						  " took ",
		 strip.shed > 0 ? "over " : "",
		 strip.stalls > 0 ? words__duration(strip.stall_ns, number) : "");
	pen__put(pen, ATTR_NORMAL, text);
}

static void put_losses(struct pen *pen, const struct snapshot *snapshot)
{
	const struct loss *most = NULL;
	char number[WORDS_BYTES], text[TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < snapshot->n_losses; i++) {
		const struct loss *l = &snapshot->losses[i];

		n += !l->is_slight;
		if (!l->is_slight && (!most || l->count > most->count))
			most = l;
	}
	if (!most) {
		pen__put(pen, ATTR_GOOD, is_narrow(pen->canvas) ? "0 lost" : "nothing lost");
		return;
	}
	snprintf(text, sizeof(text), "lost: %s %s", words__count(most->count, number), most->name);
	if (n > 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " and %zu more", n - 1);
	if (!pen__put(pen, ATTR_WARN, text)) {
		snprintf(text, sizeof(text), "%zu %s", n, n == 1 ? "loss" : "losses");
		pen__put(pen, ATTR_WARN, text);
	}
}

static void put_cost(struct pen *pen, const struct view_status *status)
{
	const struct view_cost *cost = &status->cost;
	char number[WORDS_BYTES], text[TEXT_BYTES];

	words__percent(cost->programs + cost->traps + cost->self, number);
	if (status->replay && !cost->is_known)
		snprintf(text, sizeof(text), "recorded");
	else if (status->replay)
		snprintf(text, sizeof(text), "recorded at %s%% cpu", number);
	else
		snprintf(text, sizeof(text), "self %s%% cpu", number);
	pen__put(pen, ATTR_NORMAL, text);
}

static void put_cost_parts(struct pen *pen, const struct view_cost *cost)
{
	char a[WORDS_BYTES], b[WORDS_BYTES], c[WORDS_BYTES], text[TEXT_BYTES];

	snprintf(text, sizeof(text), "self: programs %s, traps %s, loopstall %s",
		 words__percent(cost->programs, a), words__percent(cost->traps, b),
		 words__percent(cost->self, c));
	pen__put(pen, ATTR_DIM, text);
}

static void draw_self(struct pen *pen, const struct snapshot *snapshot,
		      const struct view_status *status)
{
	char number[WORDS_BYTES], count[WORDS_BYTES], text[TEXT_BYTES];
	uint64_t named = snapshot->steps - snapshot->unattributed_steps;

	if (!is_roomy(pen->canvas)) {
		/* With room for one only, name the missing tasks. */
		if (is_tasks_cut(snapshot) && snapshot->n_losses == 0)
			put_tasks(pen, snapshot);
		put_losses(pen, snapshot);
		if (!is_tasks_cut(snapshot) || snapshot->n_losses > 0)
			put_tasks(pen, snapshot);
	}
	put_cost(pen, status);
	if (is_roomy(pen->canvas))
		put_losses(pen, snapshot);
	if (snapshot->steps > 0 && light__can_scale(&status->light)) {
		/* Rounded down, so that 100 % means every step. */
		snprintf(text, sizeof(text), "%.1f%% of %s%s steps named",
			 (double)(named * 1000 / snapshot->steps) / 10,
			 light__is_partial(&status->light) ? "~" : "",
			 words__count(light__scale(&status->light, snapshot->steps), count));
		pen__put(pen, ATTR_NORMAL, text);
	} else if (snapshot->handles > 0) {
		snprintf(text, sizeof(text), "steps sampled, %s handles",
			 words__count(snapshot->handles, count));
		pen__put(pen, ATTR_NORMAL, text);
	}
	snprintf(text, sizeof(text), "threshold %s", words__duration(status->threshold_ns, number));
	pen__put(pen, ATTR_NORMAL, text);
	if (status->replay)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " MiB", status->own_rss_bytes >> 20);
	pen__put(pen, ATTR_DIM, text);
	snprintf(text, sizeof(text), "every %s", words__duration(status->refresh_ns, number));
	pen__put(pen, ATTR_DIM, text);
	put_cost_parts(pen, &status->cost);
}

/* What to do about it, most time first. Returns the rows used. */
static int draw_findings(const struct snapshot *snapshot, const struct view_status *status,
			 struct canvas *c, int row)
{
	struct lint_finding findings[LINT_MAX_FINDINGS];
	size_t n = lint__check(snapshot, status->lints_off, findings, LINT_MAX_FINDINGS), i;
	struct pen pen = { c, row, 1 };
	char text[TEXT_BYTES];

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "! %s", findings[i].summary);
		if (!pen__put(&pen, ATTR_WARN, text))
			break;
	}
	if (i < n) {
		snprintf(text, sizeof(text), "+%zu more", n - i);
		pen__put(&pen, ATTR_DIM, text);
	}
	return n > 0;
}

int header__draw(const struct snapshot *snapshot, const struct view_status *status,
		 struct canvas *c)
{
	struct pen pen = { c, 2, 1 };

	draw_targets(status, c);
	if (!alarm__draw(snapshot, status, c, 1))
		draw_busy(snapshot, status, c);
	draw_strip(&pen, snapshot, status);
	if (is_roomy(c))
		put_tasks(&pen, snapshot);
	if (!is_low(c))
		pen = (struct pen){ c, 3, 1 };
	draw_self(&pen, snapshot, status);
	return is_low(c) ? 3 : 4 + draw_findings(snapshot, status, c, 4);
}
