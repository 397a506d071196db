/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent by OTLP: stalls as log records, about a second's together, and the metrics.
 */
#include "serve/serve_impl.h"

#include <sys/epoll.h>

#include "base/log.h"
#include "otlp/log_record.h"

#define LOG_PACE_NS NS_PER_S
#define LOG_MAX_BYTES (512U << 10)
/* For what is left at the end. */
#define FINISH_MS 2000

static const struct {
	enum otlp_signal signal;
	enum otlp_fate fate;
	const char *name;
} events[] = {
#define SIGNAL(s, word)                                                                            \
	{ OTLP_##s, OTLP_SENT, word "_sent" }, { OTLP_##s, OTLP_REJECTED, word "_rejected" },      \
		{ OTLP_##s, OTLP_EXPIRED, word "_expired" },                                       \
		{ OTLP_##s, OTLP_QUEUE_FULL, word "_queue_full" },                                 \
	{                                                                                          \
		OTLP_##s, OTLP_SENDER_ENDED, word "_sender_ended"                                  \
	}
	SIGNAL(LOGS, "logs"),
	SIGNAL(METRICS, "metrics"),
#undef SIGNAL
};

_Static_assert(sizeof(events) / sizeof(events[0]) == SERVE_OTLP_EVENTS, "each fate is told");

size_t serve__otlp_events(const struct serve *v, struct metrics_event ret[SERVE_OTLP_EVENTS])
{
	const struct otlp_counts *counts;

	if (!v->exports.sender)
		return 0;
	counts = otlp_sender__counts(v->exports.sender);
	for (size_t i = 0; i < SERVE_OTLP_EVENTS; i++)
		ret[i] = (struct metrics_event){ events[i].name,
						 counts->items[events[i].signal][events[i].fate] };
	return SERVE_OTLP_EVENTS;
}

static void send_logs(struct serve *v)
{
	struct exports *e = &v->exports;

	if (e->n_logs)
		otlp_sender__send(e->sender, OTLP_LOGS, &e->logs, e->n_logs);
	e->n_logs = 0;
}

void serve__export_stall(struct serve *v, const struct stall *stall)
{
	const struct otlp_log_facts facts = { v->opts.version, v->opts.clock_offset_ns,
					      time_now_ns(CLOCK_REALTIME) };
	const struct service *s = registry__service(v->registry, (pid_t)stall->pid);
	const struct otlp_resource resource = { s->identity.service, s->identity.container_id,
						s->identity.pod_uid };
	struct exports *e = &v->exports;

	/* One that goes on comes again. */
	if (!e->sender || stall->end == LS_END_OPEN)
		return;
	otlp_log_record(&e->logs, &resource, stall, &facts);
	e->n_logs++;
	if (e->logs.size > LOG_MAX_BYTES)
		send_logs(v);
}

static int on_logs_due(void *ctx, uint64_t now_ns)
{
	struct serve *v = ctx;

	v->exports.log_timer.due_ns = now_ns + LOG_PACE_NS;
	send_logs(v);
	/* A child that ended is started again. */
	otlp_sender__work(v->exports.sender);
	return 0;
}

static int send_metrics(struct serve *v)
{
	struct protobuf request = {};
	const struct snapshot *snapshot;
	struct serve_events own_events;
	struct metrics_facts facts;
	size_t n;
	int r = serve__refresh(v, &snapshot);

	if (r < 0)
		return r;
	serve__fill_facts(v, &facts, &own_events);
	n = metrics__encode(&request, v->registry, &facts);
	otlp_sender__send(v->exports.sender, OTLP_METRICS, &request, n);
	return 0;
}

static int on_metrics_due(void *ctx, uint64_t now_ns)
{
	struct serve *v = ctx;

	v->exports.metrics_timer.due_ns = now_ns + v->exports.interval_ns;
	return send_metrics(v);
}

static int on_work(void *ctx)
{
	struct serve *v = ctx;

	otlp_sender__work(v->exports.sender);
	return 0;
}

int serve__begin_exports(struct serve *v)
{
	struct loop *loop = session__loop(v->session);
	const uint64_t now_ns = session__now_ns(v->session);
	struct exports *e = &v->exports;

	if (!e->sender)
		return 0;
	e->log_timer =
		(struct timer){ .due_ns = now_ns + LOG_PACE_NS, .fn = on_logs_due, .ctx = v };
	e->metrics_timer =
		(struct timer){ .due_ns = now_ns + e->interval_ns, .fn = on_metrics_due, .ctx = v };
	loop__add_timer(loop, &e->log_timer);
	loop__add_timer(loop, &e->metrics_timer);
	e->work = (struct loop_fd){ .fd = otlp_sender__fd(e->sender), .fn = on_work, .ctx = v };
	return loop__add_fd(loop, &e->work, EPOLLIN);
}

static uint64_t lost(const struct otlp_counts *counts)
{
	uint64_t n = 0;

	for (int i = 0; i < OTLP_SIGNAL_MAX; i++)
		for (int fate = OTLP_SENT + 1; fate < OTLP_FATE_MAX; fate++)
			n += counts->items[i][fate];
	return n;
}

void serve__finish(struct serve *v)
{
	struct exports *e = &v->exports;
	const struct otlp_counts *counts;

	if (!e->sender)
		return;
	send_logs(v);
	if (send_metrics(v) < 0)
		log_warn("the last metrics could not be read");
	otlp_sender__finish(e->sender, FINISH_MS);
	counts = otlp_sender__counts(e->sender);
	if (lost(counts))
		log_warn("OTLP: %llu log records and %llu data points were sent, %llu of both lost",
			 (unsigned long long)counts->items[OTLP_LOGS][OTLP_SENT],
			 (unsigned long long)counts->items[OTLP_METRICS][OTLP_SENT],
			 (unsigned long long)lost(counts));
}
