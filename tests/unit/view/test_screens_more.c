/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call sites, victims, loops, flame, detail and help, drawn from a scripted snapshot and compared with the files of
 * tests/screens. SCREENS_WRITE=1 in the environment writes those files anew.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "view/icicle.h"
#include "view/screens.h"

#define MS 1000000ULL
#define NOW (100000 * MS)
#define FOLDER "tests/screens/"

static const struct code_info fetch_row = { "fetch_row", "/srv/app/db.py", 24 };
static const struct code_info render = { "render", "/srv/app/views.py", 80 };

static struct stall stalls[3];
static const struct stall *const stall_list[] = { &stalls[0], &stalls[1], &stalls[2] };

static const struct site_row sites[] = {
	{ { "fetch_row", "/srv/app/db.py", 31 },
	  LS_CAUSE_SLEEP,
	  "clock_nanosleep",
	  { "fetch_row", "/srv/app/db.py", 24 },
	  28,
	  1400 * MS,
	  52 * MS,
	  8100 * MS,
	  NOW - 2000 * MS },
	{ { "dumps\033[2J", "/srv/app/vi\news.py", 88 },
	  LS_CAUSE_CPU,
	  NULL,
	  { "render", "/srv/app/views.py", 80 },
	  8,
	  304 * MS,
	  44 * MS,
	  1400 * MS,
	  NOW - 12000 * MS },
	{ { NULL, NULL, 0 },
	  LS_CAUSE_RUNQUEUE,
	  NULL,
	  { "render", "/srv/app/views.py", 80 },
	  1,
	  11 * MS,
	  11 * MS,
	  0,
	  NOW - 60000 * MS },
};

static const struct victim_row victims[] = {
	{ .name = "heartbeat",
	  .culprit = { "fetch_row", "/srv/app/db.py", 24 },
	  .times = 161,
	  .starved_ns = 5900 * MS,
	  .worst_ns = 52 * MS,
	  .last_ns = NOW - 2000 * MS },
	{ .name = "Task-9\033[31m",
	  .culprit = { "render", "/srv/app/views.py", 80 },
	  .times = 14,
	  .starved_ns = 700 * MS,
	  .worst_ns = 44 * MS,
	  .last_ns = NOW - 12000 * MS },
	{ .name = "\xe4\xbb\xbb\xe5\x8a\xa1",
	  .times = 1,
	  .starved_ns = 11 * MS,
	  .worst_ns = 11 * MS,
	  .last_ns = NOW - 60000 * MS },
};

static const struct loop_row loops[] = {
	{ .pid = 4242,
	  .tid = 4243,
	  .steps = 18204,
	  .step_ns = 4210 * MS,
	  .callbacks_ns = 120 * MS,
	  .idle_ns = 5620 * MS,
	  .turns = 1234,
	  .stalls = 36,
	  .steps_per_s = 4210.5,
	  .busy = 0.38 },
	{ .pid = 4242,
	  .tid = 4250,
	  .steps = 900,
	  .step_ns = 9800 * MS,
	  .callbacks_ns = 1 * MS,
	  .idle_ns = 10 * MS,
	  .turns = 90,
	  .stalls = 2,
	  .steps_per_s = 10,
	  .busy = 0.98 },
};

static struct live_row live[] = {
	{ .pid = 4242,
	  .tid = 4250,
	  .unit = LS_UNIT_STEP,
	  .cause = LS_CAUSE_SLEEP,
	  .start_ns = NOW - 1420 * MS,
	  .coroutine = { "fetch_row", "/srv/app/db.py", 24 },
	  .syscall = "clock_nanosleep" },
};

static struct coroutine_row rows[2];

static void stall_init(struct stall *s, const struct code_info *coroutine, const char *task,
		       uint64_t ms)
{
	memset(s, 0, sizeof(*s));
	s->pid = 4242;
	s->tid = 4243;
	s->unit = LS_UNIT_STEP;
	s->coroutine = *coroutine;
	s->duration_ns = ms * MS;
	s->start_ns = NOW - 2000 * MS - s->duration_ns;
	strcpy(s->task_name, task);
	s->victims = 3;
	s->starved_ns = 3 * ms * MS;
	s->victims_named = 2;
	strcpy(s->victim_names[0], "heartbeat");
	strcpy(s->victim_names[1], task);
}

static void stall_sleeps(struct stall *s)
{
	s->cause = LS_CAUSE_SLEEP;
	s->call_syscall = "clock_nanosleep";
	s->cpu_ns = MS;
	s->blocked_ns = s->duration_ns - MS;
	s->stack[0] = (struct model_frame){ "fetch_row", "/srv/app/db.py", 31 };
	s->stack[1] = (struct model_frame){ "handler", "/srv/app/web.py", 14 };
	s->n_frames = 2;
	s->call = s->stack[0];
}

static struct snapshot snapshot_make(void)
{
	stall_init(&stalls[0], &fetch_row, "Task-7", 50);
	stall_sleeps(&stalls[0]);
	stall_init(&stalls[1], &fetch_row, "Task-8", 52);
	stall_sleeps(&stalls[1]);
	stall_init(&stalls[2], &render, "Task-9", 40);
	stalls[2].cause = LS_CAUSE_CPU;
	stalls[2].cpu_ns = stalls[2].duration_ns;
	stalls[2].stack[0] =
		(struct model_frame){ "dumps", "/usr/lib/python3/json/__init__.py", 231 };
	stalls[2].stack[1] = (struct model_frame){ "render", "/srv/app/views.py", 88 };
	stalls[2].stack[2] = (struct model_frame){ "handler", "/srv/app/web.py", 16 };
	stalls[2].n_frames = 3;
	stalls[2].call = stalls[2].stack[0];
	rows[0] = (struct coroutine_row){
		.coroutine = fetch_row,
		.pid = 4242,
		.steps = 412,
		.total_ns = 1500 * MS,
		.max_ns = 52 * MS,
		.stalls = 2,
		.starved_ns = 306 * MS,
		.cpu_ns = 300 * MS,
		.blocked_ns = 1200 * MS,
		.p50_ns = 31000,
		.p95_ns = 48 * MS,
		.p99_ns = 51 * MS,
		.where = { "fetch_row", "/srv/app/db.py", 31 },
		.where_cause = LS_CAUSE_SLEEP,
	};
	memset(rows[0].hist, 0, sizeof(rows[0].hist));
	rows[0].hist[ls_hist_index(30000)] = 380;
	rows[0].hist[ls_hist_index(90000)] = 30;
	rows[0].hist[ls_hist_index(52 * MS)] = 2;
	rows[1] = (struct coroutine_row){ .coroutine = render, .steps = 3 };
	return (struct snapshot){
		.stalls = 3,
		.n_rows = 2,
		.rows = rows,
		.n_stalls = 3,
		.stall_list = stall_list,
		.n_sites = 3,
		.sites = sites,
		.n_victims = 3,
		.victims = victims,
		.n_loops = 2,
		.loops = loops,
		.n_live = 1,
		.live = live,
	};
}

/* The file `fetch_row` is in: one line shorter than is asked for. */
static int read_line(void *ctx, uint32_t pid, const char *file, uint32_t line, char *buf, size_t size)
{
	(void)ctx;
	cr_assert_eq(pid, 4242);
	if (strcmp(file, "/srv/app/db.py") || line > 32)
		return -ENOENT;
	snprintf(buf, size, line == 31 ? "    time.sleep(RETRY_DELAY)" : "\t\033line \\n %u", line);
	return 0;
}

static const struct view_status status = {
	.now_ns = NOW,
	.started_ns = 0,
	.threshold_ns = 10 * MS,
	.source_line = read_line,
};

static char *read_file(const char *path)
{
	_Thread_local static char text[64 << 10];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

/* Compares with the file NAME-COLUMNSxROWS.txt; with `attrs` the attributes too. */
static void check(const struct canvas *c, const char *name, bool attrs)
{
	char path[128], *dump = NULL;
	size_t size;
	FILE *out;

	snprintf(path, sizeof(path), FOLDER "%s-%dx%d.txt", name, canvas__columns(c),
		 canvas__rows(c));
	out = getenv("SCREENS_WRITE") ? fopen(path, "w") : open_memstream(&dump, &size);
	cr_assert_not_null(out);
	cr_assert_eq(canvas__dump(c, out, attrs), 0);
	fclose(out);
	if (dump)
		cr_expect_str_eq(dump, read_file(path), "%s\n%s", path, dump);
	free(dump);
}

static void draw_table(const struct screen_ops *ops, int n_rows, int n_columns, bool is_utf8)
{
	const struct snapshot snapshot = snapshot_make();
	const struct table_scene scene = { &snapshot, NOW, is_utf8 };
	struct screen_subject subject = { 0 };
	const void *current = NULL;
	struct canvas *c;
	struct table *t;

	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
	cr_assert_eq(canvas__new(&c, n_rows, n_columns, is_utf8), 0);
	cr_assert_eq(table__new(&t, ops->table), 0);
	cr_assert_eq(table__draw(t, &scene, c, 0, n_rows, &current), 0);
	cr_assert_not_null(current);
	if (ops->subject) {
		ops->subject(current, &subject);
		cr_assert(subject.at.file || subject.coroutine.name);
	}
	check(c, ops->name, !is_utf8);
	table__free(t);
	canvas__free(c);
}

Test(screens_more, tables_at_every_width)
{
	const struct screen_ops *const tables[] = { &screen_sites, &screen_victims, &screen_loops };
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		draw_table(tables[i], 6, 60, false);
		draw_table(tables[i], 6, 80, true);
		draw_table(tables[i], 6, 120, true);
		draw_table(tables[i], 6, 200, true);
	}
}

struct shown {
	const struct screen_ops *ops;
	struct snapshot snapshot;
	struct screen_area area;
	struct canvas *canvas;
	void *state;
};

static void shown_init(struct shown *s, const struct screen_ops *ops, int n_rows, int n_columns,
		       const struct screen_subject *subject)
{
	*s = (struct shown){ .ops = ops, .snapshot = snapshot_make() };
	cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
	cr_assert_eq(canvas__new(&s->canvas, n_rows, n_columns, true), 0);
	cr_assert_eq(ops->new (&s->state), 0);
	if (ops->enter)
		ops->enter(s->state, subject);
	s->area = (struct screen_area){ &s->snapshot, &status, s->canvas, 0, n_rows };
}

static void shown_draw(struct shown *s, const char *name, bool attrs)
{
	canvas__clear(s->canvas);
	s->ops->draw(s->state, &s->area);
	check(s->canvas, name, attrs);
}

static bool shown_key(struct shown *s, uint32_t key)
{
	const struct view_event event = { .key = key };
	enum view_request request = VIEW_REDRAW;

	return s->ops->input(s->state, NULL, &event, &request);
}

static void shown_done(struct shown *s)
{
	s->ops->free(s->state);
	canvas__free(s->canvas);
}

static const struct screen_subject about_fetch_row = { .coroutine = { "fetch_row", "/srv/app/db.py",
								      24 } };
static const struct screen_subject about_line = { .at = { "fetch_row", "/srv/app/db.py", 31 } };

Test(screens_more, detail_of_a_coroutine)
{
	static const int sizes[][2] = { { 24, 80 }, { 40, 120 } };
	struct shown s;
	size_t i;

	for (i = 0; i < 2; i++) {
		shown_init(&s, &screen_detail, sizes[i][0], sizes[i][1], &about_fetch_row);
		shown_draw(&s, "detail", false);
		cr_assert_not_null(strstr(s.ops->text(s.state),
					  "fetch_row /srv/app/db.py:31\n"
					  "handler /srv/app/web.py:14\n"));
		shown_done(&s);
	}
}

Test(screens_more, detail_of_a_line_scrolls_on_a_small_screen)
{
	struct shown s;

	shown_init(&s, &screen_detail, 12, 60, &about_line);
	shown_draw(&s, "detail-line", true);
	cr_assert(shown_key(&s, 'G'));
	shown_draw(&s, "detail-line-end", true);
	cr_assert(shown_key(&s, 'k'));
	cr_assert(shown_key(&s, VKEY_HOME));
	shown_draw(&s, "detail-line", true);
	cr_assert_not(shown_key(&s, 'q'));
	shown_done(&s);
}

Test(screens_more, detail_of_one_stall_has_its_stack)
{
	struct screen_subject one = about_fetch_row;
	struct shown s;

	one.pid = 4242;
	one.stall_ns = NOW - 2050 * MS;
	shown_init(&s, &screen_detail, 24, 80, &one);
	shown_draw(&s, "detail-stall", false);
	shown_done(&s);
}

Test(screens_more, detail_of_a_turn)
{
	const struct screen_subject turn = { .pid = 4242, .stall_ns = NOW - 2040 * MS };
	struct shown s;

	shown_init(&s, &screen_detail, 16, 60, &turn);
	stalls[2].unit = LS_UNIT_TURN;
	stalls[2].steps = 900;
	stalls[2].task_name[0] = '\0';
	stalls[2].n_frames = 0;
	stalls[2].coroutine = (struct code_info){ NULL, NULL, 0 };
	stalls[2].call = (struct model_frame){ NULL, NULL, 0 };
	shown_draw(&s, "detail-turn", false);
	shown_done(&s);
}

Test(screens_more, detail_is_frozen_until_it_is_let_go)
{
	struct shown s;

	shown_init(&s, &screen_detail, 24, 80, &about_fetch_row);
	shown_draw(&s, "detail", false);
	rows[0].stalls = 900;
	stalls[1].duration_ns = 4000 * MS;
	shown_draw(&s, "detail", false);
	cr_assert(shown_key(&s, 'l'));
	shown_draw(&s, "detail-live", false);
	shown_done(&s);
}

Test(screens_more, detail_of_nothing_and_of_what_never_stalled)
{
	const struct screen_subject unknown = { .coroutine = { "idle", "/srv/app/idle.py", 1 } };
	struct shown s;

	shown_init(&s, &screen_detail, 8, 60, NULL);
	shown_draw(&s, "detail-nothing", false);
	s.ops->enter(s.state, &unknown);
	shown_draw(&s, "detail-unknown", false);
	shown_done(&s);
}

Test(screens_more, flame)
{
	struct shown s;

	shown_init(&s, &screen_flame, 12, 80, NULL);
	shown_draw(&s, "flame", true);
	cr_assert(shown_key(&s, 'j'));
	cr_assert(shown_key(&s, 'j'));
	cr_assert(shown_key(&s, 'l'));
	shown_draw(&s, "flame-cursor", true);
	cr_assert(shown_key(&s, VKEY_ENTER));
	shown_draw(&s, "flame-zoom", false);
	cr_assert(shown_key(&s, VKEY_BACKSPACE));
	cr_assert(shown_key(&s, 'm'));
	shown_draw(&s, "flame-blocked", false);
	cr_assert_not(shown_key(&s, 'q'));
	shown_done(&s);
}

Test(screens_more, flame_without_a_stall)
{
	struct shown s;

	shown_init(&s, &screen_flame, 6, 60, NULL);
	s.snapshot.n_stalls = 0;
	shown_draw(&s, "flame-empty", false);
	cr_assert(shown_key(&s, 'j'));
	shown_draw(&s, "flame-empty", false);
	shown_done(&s);
}

Test(screens_more, icicle_adds_up_and_stays_bounded)
{
	static struct stall deep[64];
	static const struct stall *list[64];
	static char names[64][LS_MAX_FRAMES][8];
	struct snapshot snapshot = { .n_stalls = 64, .stall_list = list };
	struct icicle *tree = malloc(sizeof(*tree));
	size_t i, k, node;
	uint64_t sum;
	int child;

	cr_assert_not_null(tree);
	for (i = 0; i < 64; i++) {
		stall_init(&deep[i], &render, "Task-1", i + 1);
		deep[i].cpu_ns = deep[i].duration_ns;
		deep[i].n_frames = LS_MAX_FRAMES;
		for (k = 0; k < LS_MAX_FRAMES; k++) {
			snprintf(names[i][k], sizeof(names[i][k]), "%zu.%zu", i, k);
			deep[i].stack[k] = (struct model_frame){ names[i][k], "/srv/deep.py", 1 };
		}
		list[i] = &deep[i];
	}
	icicle__build(tree, &snapshot);
	cr_assert_eq(tree->n, ICICLE_MAX_NODES);
	cr_assert(tree->is_cut);
	cr_assert_eq(tree->nodes[ICICLE_ROOT].total_ns, 64 * 65 / 2 * MS);
	for (node = 0; node < tree->n; node++) {
		sum = 0;
		for (child = tree->nodes[node].child; child != ICICLE_NONE;
		     child = tree->nodes[child].sibling)
			sum += tree->nodes[child].total_ns;
		cr_assert_leq(sum, tree->nodes[node].total_ns);
		cr_assert_eq(icicle__find(tree, tree->nodes[node].path), (int)node);
	}
	free(tree);
}

Test(screens_more, help_explains_first)
{
	struct shown s;

	shown_init(&s, &screen_help, 60, 80, NULL);
	shown_draw(&s, "help", false);
	shown_done(&s);
	shown_init(&s, &screen_help, 12, 60, NULL);
	shown_draw(&s, "help", true);
	cr_assert(shown_key(&s, VKEY_END));
	shown_draw(&s, "help-end", true);
	shown_done(&s);
}
