/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the processes handle HTTP requests, and which run tests: looked for when they are attached
 * to, and again when they have imported more. The kernel side reads the requests themselves.
 */
#include "session/parts.h"

#include <string.h>

#include "base/log.h"
#include "session/pacer.h"

/* A look takes at most 2 % of a core. */
#define COST_FACTOR 50
/*
 * A look that finds nothing new is two reads. A server may import its application, and pytest a
 * test, just before the first stall.
 */
#define YOUNG_NS (20 * NS_PER_S)
#define YOUNG_PACE_NS (25 * NS_PER_MS)
#define PACE_NS (250 * NS_PER_MS)

void session__find_requests(struct session *s, struct watch *w)
{
	struct ls_requests found;
	int r;

	if (s->opts.no_requests)
		return;
	r = target__requests(w->target, &w->requests_stamp, &found);
	session__note_cut(s, w, r);
	if (r <= 0 || (!found.n_codes && !found.environ_data))
		return;
	r = s->env->kernel->set_requests(s->probe, w->pid, &found);
	if (r < 0)
		log_debug("%d: its requests are not known: %s", w->pid, strerror(-r));
}

static int look(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	const uint64_t before_ns = session__own_cpu_ns(s);
	struct pacer pacer = { .pace_ns = PACE_NS, .cost_factor = COST_FACTOR };
	struct watch *w;

	WATCHES_EACH(&s->watches, WATCH_EXAMINED, w)
	{
		session__find_requests(s, w);
		if (now_ns - w->born_ns < YOUNG_NS)
			pacer.pace_ns = YOUNG_PACE_NS;
	}
	s->discovery.requests.due_ns =
		pacer__next_ns(&pacer, now_ns, session__own_cpu_ns(s) - before_ns);
	return 0;
}

void session__init_requests(struct session *s)
{
	s->discovery.requests = (struct timer){ .due_ns = s->opts.no_requests ? TIMER_NEVER : 0,
						.fn = look,
						.ctx = s };
	loop__add_timer(&s->loop, &s->discovery.requests);
}
