/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a picture of a screen does not show: what stays as it was, what is copied, what the numbers
 * come from.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "view/detail.h"
#include "view/icicle.h"
#include "view/render.h"
#include "view/service.h"

struct show {
	struct view *view;
	struct canvas *canvas;
	struct service *service;
	char *text; /* as drawn last */
};

static void show__done(struct show *s)
{
	view__free(s->view);
	canvas__free(s->canvas);
	free(s->service);
	free(s->text);
}

static void show__draw(struct show *s)
{
	size_t size;
	FILE *f;

	view__draw(s->view, &s->service->base.snapshot, &s->service->base.status, s->canvas);
	free(s->text);
	f = open_memstream(&s->text, &size);
	cr_assert_not_null(f);
	canvas__dump(s->canvas, f, true);
	fclose(f);
}

static void show__keys(struct show *s, const char *keys)
{
	for (; *keys; keys++) {
		view__input(s->view,
			    &(struct view_event){ .key = *keys == '\n' ? (uint32_t)VKEY_ENTER :
									 (uint32_t)*keys });
		show__draw(s);
	}
}

static void show__init(struct show *s, int rows, int columns)
{
	memset(s, 0, sizeof(*s));
	s->service = malloc(sizeof(*s->service));
	cr_assert_not_null(s->service);
	service_init(s->service, false);
	cr_assert_eq(canvas__new(&s->canvas, rows, columns, true), 0);
	cr_assert_eq(view__new(&s->view, &(struct view_opts){ 0 }), 0);
	show__draw(s);
}

static void expect_text(const struct show *s, const char *what, bool is_there)
{
	cr_expect((strstr(s->text, what) != NULL) == is_there, "'%s' in\n%s", what, s->text);
}

Test(screens_more, detail_is_frozen_until_it_is_let_go)
{
	_cleanup_(show__done) struct show s;

	show__init(&s, 40, 120);
	show__keys(&s, "\n");
	expect_text(&s, "28 stalls", true);
	cr_expect_not_null(strstr(view__copied(s.view), "fetch_row /srv/app/db.py:31\nhandler"));
	s.service->rows[0].stalls = 900;
	show__draw(&s);
	expect_text(&s, "28 stalls", true);
	show__keys(&s, "l");
	expect_text(&s, "900 stalls", true);
	show__keys(&s, "l");
	s.service->rows[0].stalls = 901;
	show__draw(&s);
	expect_text(&s, "900 stalls", true);
}

/* The strings of a task go with the next look at the tasks. */
Test(screens_more, detail_of_a_task_outlives_it)
{
	_cleanup_(show__done) struct show s;

	show__init(&s, 40, 120);
	show__keys(&s, "2\n");
	expect_text(&s, "task Task-66", true);
	expect_text(&s, "awaited by", true);
	cr_expect_not_null(strstr(view__copied(s.view), "Pool.acquire /srv/app/pool.py:90\n"));
	memset(s.service->names, 'x', sizeof(s.service->names));
	memset(s.service->tasks, 0, sizeof(s.service->tasks));
	s.service->base.snapshot.n_tasks = 0;
	show__draw(&s);
	expect_text(&s, "task Task-66", true);
	show__keys(&s, "l");
	expect_text(&s, "Task-66", false);
	expect_text(&s, "has ended", true);
}

Test(screens_more, pause_keeps_every_screen)
{
	static const char screens[] = "12345678";
	_cleanup_(show__done) struct show s;
	char *before[8], one[2] = "";
	size_t i;

	show__init(&s, 50, 200);
	show__keys(&s, "p");
	for (i = 0; i < 8; i++) {
		one[0] = screens[i];
		show__keys(&s, one);
		before[i] = strdup(s.text);
		cr_assert_not_null(before[i]);
	}
	/* The header goes on, so what it is made of stays. */
	memset(s.service->names, 'x', sizeof(s.service->names));
	memset(s.service->tasks, 0, sizeof(s.service->tasks));
	memset(s.service->victims, 0, sizeof(s.service->victims));
	memset(s.service->payers, 0, sizeof(s.service->payers));
	memset(s.service->rows, 0, sizeof(s.service->rows));
	memset(s.service->log, 0, sizeof(s.service->log));
	for (i = 0; i < SERVICE_LOOPS; i++)
		s.service->loops[i].busy = 0;
	for (i = 0; i < 8; i++) {
		one[0] = screens[i];
		show__keys(&s, one);
		cr_expect_str_eq(s.text, before[i], "screen %s is now\n%s", one, s.text);
		free(before[i]);
	}
}

Test(screens_more, detail_tells_both_sides)
{
	static struct service s;
	static struct detail d;
	const struct screen_subject culprit = { .coroutine = { "fetch_row", "/srv/app/db.py",
							       24 } };
	const struct screen_subject victim = { .coroutine = { "Gateway.handler", "/srv/app/web.py",
							      10 } };

	service_init(&s, false);
	detail__take(&d, &s.base.snapshot, &s.base.status, &culprit);
	cr_assert_eq(d.paid_by.n, 3);
	cr_expect_str_eq(d.paid_by.rows[0].name, "heartbeat");
	cr_expect_eq(d.paid_by.rows[0].starved_ns, 5900 * VIEW_MS);
	cr_expect_eq(d.paid_by.rows[0].times, 161);
	/* A task without a name of its own is told by its coroutine. */
	cr_expect_str_eq(d.paid_by.rows[1].name, "Gateway.handler");
	cr_expect_eq(d.behind.n, 0);
	detail__take(&d, &s.base.snapshot, &s.base.status, &victim);
	/* One culprit, however its victims were called. */
	cr_assert_eq(d.behind.n, 1);
	cr_expect_str_eq(d.behind.rows[0].name, "fetch_row");
	cr_expect_eq(d.behind.rows[0].starved_ns, 3004 * VIEW_MS);
	cr_expect_eq(d.behind.rows[0].times, 124);
	cr_expect_eq(d.paid_by.n, 0);
}

/* What does not fit is added up; what points nowhere is left out. */
Test(screens_more, detail_adds_up_who_has_no_row)
{
	static struct service s;
	static struct detail d;
	const struct screen_subject culprit = { .coroutine = { "fetch_row", "/srv/app/db.py",
							       24 } };
	struct payer_row many[DETAIL_MAX_PAYERS + 2];
	struct victim_row victims[DETAIL_MAX_PAYERS + 2];
	char names[DETAIL_MAX_PAYERS + 2][16];
	size_t i;

	service_init(&s, false);
	for (i = 0; i < DETAIL_MAX_PAYERS + 2; i++) {
		snprintf(names[i], sizeof(names[i]), "task %zu-", i);
		victims[i] = (struct victim_row){ .name = names[i] };
		many[i] = (struct payer_row){ culprit.coroutine, i, 1, VIEW_MS };
	}
	s.base.snapshot.victims = victims;
	s.base.snapshot.n_victims = DETAIL_MAX_PAYERS + 2;
	s.base.snapshot.payers = many;
	s.base.snapshot.n_payers = DETAIL_MAX_PAYERS + 2;
	detail__take(&d, &s.base.snapshot, &s.base.status, &culprit);
	cr_expect_eq(d.paid_by.n, DETAIL_MAX_PAYERS);
	cr_expect_eq(d.paid_by.others, 2);
	cr_expect_eq(d.paid_by.others_ns, 2 * VIEW_MS);
	many[0].victim = 1000;
	detail__take(&d, &s.base.snapshot, &s.base.status, &culprit);
	cr_expect_eq(d.paid_by.others, 1);
	many[1].victim = 9;
	many[9].starved_ns = 5 * VIEW_MS;
	detail__take(&d, &s.base.snapshot, &s.base.status, &culprit);
	cr_expect_eq(d.paid_by.others, 0);
	cr_expect_str_eq(d.paid_by.rows[0].name, "task 9-");
	cr_expect_eq(d.paid_by.rows[0].starved_ns, 6 * VIEW_MS);
	/* A family is one of them. */
	for (i = 1; i < DETAIL_MAX_PAYERS + 2; i++) {
		snprintf(names[i], sizeof(names[i]), i == 5 ? "task x" : "heartbeat-%zu", i);
		many[i] = (struct payer_row){ culprit.coroutine, i, 1, VIEW_MS };
	}
	detail__take(&d, &s.base.snapshot, &s.base.status, &culprit);
	cr_assert_eq(d.paid_by.n, 2);
	cr_expect_str_eq(d.paid_by.rows[0].name, "heartbeat-*");
	cr_expect_eq(d.paid_by.rows[0].tasks, 8);
	cr_expect_eq(d.paid_by.rows[0].starved_ns, 8 * VIEW_MS);
	cr_expect_str_eq(d.paid_by.rows[1].name, "task x");
	cr_expect_eq(d.paid_by.rows[1].tasks, 1);
}

/* Torn reads may make a circle of tasks that await one another. */
Test(screens_more, await_chain_ends)
{
	static struct service s;
	static struct detail d;
	struct screen_subject subject = { .pid = 4242 };

	service_init(&s, false);
	subject.task = s.tasks[36].task;
	detail__take(&d, &s.base.snapshot, &s.base.status, &subject);
	cr_assert(d.has_task);
	cr_expect_eq(d.task.n_awaiters, 4);
	cr_expect_str_eq(d.task.awaiters[3].name, "main");
	cr_expect_not(d.task.is_cut);
	s.tasks[0].awaited_by = 36;
	detail__take(&d, &s.base.snapshot, &s.base.status, &subject);
	cr_expect_eq(d.task.n_awaiters, DETAIL_MAX_AWAITERS);
	cr_expect(d.task.is_cut);
	s.tasks[36].awaited_by = SERVICE_TASKS;
	detail__take(&d, &s.base.snapshot, &s.base.status, &subject);
	cr_expect_eq(d.task.n_awaiters, 0);
}

Test(screens_more, trees_have_their_parents)
{
	static struct service s;
	const struct table_ops *tasks = screen_tasks.table, *loops = screen_loops.table;

	service_init(&s, false);
	cr_expect_eq(tasks->parent(&s.base.snapshot, 0), SIZE_MAX);
	cr_expect_eq(tasks->parent(&s.base.snapshot, 36), 35);
	s.tasks[36].awaited_by = SERVICE_TASKS;
	cr_expect_eq(tasks->parent(&s.base.snapshot, 36), SIZE_MAX);
	cr_expect_eq(loops->parent(&s.base.snapshot, 0), SIZE_MAX);
	cr_expect_eq(loops->parent(&s.base.snapshot, 1), 0);
	cr_expect_eq(loops->parent(&s.base.snapshot, 2), SIZE_MAX);
	cr_expect_eq(loops->parent(&s.base.snapshot, 3), SIZE_MAX);
}

Test(screens_more, trends)
{
	float values[MODEL_TREND] = { 0 };
	double shares[MODEL_TREND];
	size_t i;

	cr_expect_eq(trend_direction(values, MODEL_TREND), 0);
	cr_expect_eq(trend_shares(values, 0, trend_most(values, 0), shares, TREND_CELLS), 0);
	for (i = 0; i < MODEL_TREND; i++)
		values[i] = i < 20 ? 0.1F : 0.3F;
	cr_expect_eq(trend_direction(values, MODEL_TREND), 1);
	cr_expect_eq(trend_direction(values, 5), 0, "too young to tell");
	cr_assert_eq(trend_shares(values, MODEL_TREND, trend_most(values, MODEL_TREND), shares,
				  TREND_CELLS),
		     TREND_CELLS);
	cr_expect_float_eq(shares[0], 1 / 3.0, 1e-6);
	cr_expect_float_eq(shares[TREND_CELLS - 1], 1, 1e-6);
	for (i = 0; i < MODEL_TREND; i++)
		values[i] = i < 20 ? 0.3F : 0.1F;
	cr_expect_eq(trend_direction(values, MODEL_TREND), -1);
	/* Next to nothing is not told, however much it changes, and not drawn as a peak. */
	for (i = 0; i < MODEL_TREND; i++)
		values[i] = i < 20 ? 0.0001F : 0.001F;
	cr_expect_eq(trend_direction(values, MODEL_TREND), 0);
	trend_shares(values, MODEL_TREND, trend_most(values, MODEL_TREND), shares, TREND_CELLS);
	cr_expect(shares[TREND_CELLS - 1] < 0.1);
	cr_assert_eq(trend_shares(values, 7, trend_most(values, 7), shares, TREND_CELLS), 7);
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
		deep[i] = (struct stall){ .duration_ns = (i + 1) * VIEW_MS };
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
	cr_assert_eq(tree->nodes[ICICLE_ROOT].total_ns, 64 * 65 / 2 * VIEW_MS);
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
