/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends requests to a receiver of OTLP, protobuf over HTTP. A child process without capabilities
 * does it, because what a receiver answers is read there: this program, executed anew with the
 * argument OTLP_CHILD_ARGUMENT. One request is on its way at a time, the others wait in a bounded
 * queue; nothing here blocks. What is lost is counted.
 */
#ifndef LOOPSTALL_OTLP_SENDER_H
#define LOOPSTALL_OTLP_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "otlp/settings.h"
#include "report/protobuf.h"

#define OTLP_CHILD_ARGUMENT "--otlp-child"

/* _(SIGNAL, "word", "path of its requests") */
#define OTLP_SIGNALS(_)                                                                            \
	_(LOGS, "logs", "/v1/logs")                                                                \
	_(METRICS, "metrics", "/v1/metrics")

enum otlp_signal {
#define _(name, ...) OTLP_##name,
	OTLP_SIGNALS(_)
#undef _
		OTLP_SIGNAL_MAX
};

/* What became of records and data points: _(FATE, "word"). */
#define OTLP_FATES(_)                                                                              \
	_(SENT, "sent")                                                                            \
	_(REJECTED, "rejected") /* by the receiver, for good */                                    \
	_(EXPIRED, "expired") /* tried again and again for OTLP_MAX_AGE_S */                       \
	_(QUEUE_FULL, "queue_full")                                                                \
	_(SENDER_ENDED, "sender_ended") /* the child, or the program itself */

enum otlp_fate {
#define _(name, ...) OTLP_##name,
	OTLP_FATES(_)
#undef _
		OTLP_FATE_MAX
};

#define OTLP_MAX_AGE_S 300
#define OTLP_MAX_QUEUED 64
#define OTLP_MAX_BYTES (8U << 20) /* of the queue; half of it: of one request */

struct otlp_counts {
	uint64_t items[OTLP_SIGNAL_MAX][OTLP_FATE_MAX];
	uint64_t retries, starts;
};

struct otlp_sender;

/* "http://127.0.0.1:4318": http or https, a host, and maybe a path. 0 or -EINVAL with a sentence.
 */
int otlp_check_url(const char *url, struct err *err);
/* `child_program` NULL: this one. Takes a copy of the settings. 0 or -errno. */
int otlp_sender__start(struct otlp_sender **ret_sender, const char *url,
		       const struct otlp_settings *settings, const char *child_program,
		       struct err *err);
void otlp_sender__free(struct otlp_sender *s);
static inline void otlp_sender__freep(struct otlp_sender **s)
{
	otlp_sender__free(*s);
}

/* Readable when otlp_sender__work() has something to do. */
int otlp_sender__fd(const struct otlp_sender *s);
/* Takes the request, which is empty afterwards. */
void otlp_sender__send(struct otlp_sender *s, enum otlp_signal signal, struct protobuf *request,
		       size_t n_items);
void otlp_sender__work(struct otlp_sender *s);
/* At the end: gives what is queued that much time; the rest is lost, and counted. */
void otlp_sender__finish(struct otlp_sender *s, unsigned int max_ms);
const struct otlp_counts *otlp_sender__counts(const struct otlp_sender *s);
/* What went wrong last and is being tried again, or NULL. */
const char *otlp_sender__trouble(const struct otlp_sender *s);

bool otlp_child_is_asked(int argc, char *const *argv);
int otlp_child_main(const char *url);

#endif
