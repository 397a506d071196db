/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hands what the session sends on to src/report.
 */
#include "session/sink_report.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"

static int on_reader_gone(void *ctx)
{
	(void)ctx;
	return -EPIPE;
}

/* A file cannot be polled, and need not be. */
void sink__watch_reader(struct session *s, struct loop_fd *reader, int fd)
{
	*reader = (struct loop_fd){ .fd = fd, .fn = on_reader_gone };
	loop__add_fd(session__loop(s), reader, 0);
}

static int on_tick(void *ctx, uint64_t now_ns)
{
	struct sink_report *k = ctx;

	k->tick.due_ns = now_ns + NS_PER_S;
	return report__tick(k->report, now_ns);
}

static int begin(void *ctx)
{
	struct sink_report *k = ctx;

	sink__watch_reader(k->session, &k->out, fileno(k->opts.out));
	k->tick = (struct timer){ .due_ns = k->opts.is_json ? TIMER_NEVER : 0,
				  .fn = on_tick,
				  .ctx = k };
	loop__add_timer(session__loop(k->session), &k->tick);
	return 0;
}

/* The results go to `out`, the start line of the text form does not. */
static int start(void *ctx)
{
	struct sink_report *k = ctx;
	_cleanup_(report__freep) struct report *head = NULL;
	int r;

	if (k->opts.is_json)
		return session__write_start(k->session, k->report);
	if (!k->opts.start_out)
		return 0;
	r = report__new(&head, report__by_name("text"), k->opts.start_out, &k->opts.report);
	return r < 0 ? r : session__write_start(k->session, head);
}

static int stall(void *ctx, const struct stall *stall)
{
	struct sink_report *k = ctx;

	return report__stall(k->report, stall);
}

static int shed(void *ctx, const struct report_shed *shed)
{
	struct sink_report *k = ctx;

	return report__shed(k->report, shed);
}

static int end(void *ctx, const struct snapshot *snapshot, const struct session_end *end)
{
	struct sink_report *k = ctx;

	(void)end;
	return session__write_summary(k->session, k->report, snapshot);
}

static const struct sink_ops ops = {
	.begin = begin,
	.start = start,
	.stall = stall,
	.shed = shed,
	.end = end,
};

int sink_report__init(struct sink_report *k, struct session *s, const struct sink_report_opts *opts,
		      struct err *err)
{
	const char *name = opts->is_json ? "json" : "text";
	int r;

	*k = (struct sink_report){ .sink = { .ops = &ops, .ctx = k }, .opts = *opts, .session = s };
	r = report__new(&k->report, report__by_name(name), opts->out, &k->opts.report);
	if (r < 0)
		return err__set(err, r, "cannot set up the report: %s", strerror(-r));
	session__add_sink(s, &k->sink);
	return 0;
}

void sink_report__done(struct sink_report *k)
{
	report__free(k->report);
	k->report = NULL;
}
