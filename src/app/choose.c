/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See choose.h.
 */
#include "app/choose.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app/dashboard.h"
#include "app/loop_list.h"
#include "app/privs.h"
#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/time.h"
#include "view/screen.h"

struct choosing {
	struct chooser *chooser;
	struct loop_list *list;
	struct screen *screen;
	struct canvas *canvas;
	bool is_over, is_chosen;
};

static void choosing__done(struct choosing *c)
{
	screen__free(c->screen);
	canvas__free(c->canvas);
	chooser__free(c->chooser);
	loop_list__free(c->list);
}

static int draw(struct choosing *c)
{
	const struct choices choices = loop_list__choices(c->list);
	int rows, columns, r = 0;

	screen__size(c->screen, &rows, &columns);
	if (rows != canvas__rows(c->canvas) || columns != canvas__columns(c->canvas))
		r = canvas__resize(c->canvas, rows, columns);
	if (r >= 0)
		r = chooser__draw(c->chooser, &choices, c->canvas);
	if (r >= 0)
		screen__draw(c->screen, c->canvas);
	return r;
}

static int read_keys(struct choosing *c)
{
	struct view_event event;
	int r;

	while (!c->is_over && (r = screen__read(c->screen, &event)) > 0) {
		switch (chooser__input(c->chooser, &event)) {
		case CHOOSER_CHOSEN:
			c->is_over = c->is_chosen = true;
			break;
		case CHOOSER_QUIT:
			c->is_over = true;
			break;
		case CHOOSER_SUSPEND:
			screen__suspend(c->screen);
			break;
		default:
			break;
		}
	}
	return c->is_over ? 0 : r;
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Until a key or a signal ends it. */
static int loop(struct choosing *c)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t due_ns = 0, now_ns;
	int r = 0;

	while (r >= 0 && !c->is_over) {
		now_ns = time_now_ns(CLOCK_MONOTONIC);
		if (now_ns >= due_ns) {
			loop_list__look(c->list, now_ns);
			due_ns = now_ns + LOOP_LIST_PACE_NS;
		}
		r = draw(c);
		if (r >= 0 && poll(&input, 1, (int)((due_ns - now_ns) / NS_PER_MS) + 1) < 0 &&
		    errno != EINTR)
			r = -errno;
		if (r >= 0)
			r = read_keys(c);
		c->is_over |= interrupt_is_pending();
	}
	return r;
}

static int set_up(struct choosing *c, const struct config *config, struct err *err)
{
	int r = loop_list__new(&c->list, err);

	if (r < 0)
		return r;
	r = chooser__new(&c->chooser);
	if (r < 0)
		return err__set(err, r, "cannot set up the list: %s", strerror(-r));
	r = screen__new(&c->screen, dashboard_theme(config), err);
	if (r < 0)
		return r;
	r = canvas__new(&c->canvas, 1, 1, screen__is_utf8(c->screen));
	return r < 0 ? err__set(err, r, "cannot set up the list: %s", strerror(-r)) : 0;
}

int choose_targets(struct config *config, struct err *err)
{
	_cleanup_(choosing__done) struct choosing c = { .screen = NULL };
	struct choices choices;
	int r;

	privs_raise();
	block_signals();
	r = set_up(&c, config, err);
	if (r >= 0)
		r = loop(&c);
	if (r < 0)
		return *err->what ? r : err__set(err, r, "the list ended: %s", strerror(-r));
	choices = loop_list__choices(c.list);
	if (c.is_chosen)
		config->n_pids = chooser__chosen(c.chooser, &choices, config->pids, CLI_MAX_PIDS);
	return config->n_pids > 0;
}
