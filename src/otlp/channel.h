/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the sender and its child: the settings there first, then each time a head and a request
 * there, an outcome back.
 */
#ifndef LOOPSTALL_OTLP_CHANNEL_H
#define LOOPSTALL_OTLP_CHANNEL_H

#include <stdint.h>

/* Of settings the signal is OTLP_SIGNAL_MAX. There is no outcome of them. */
struct channel_head {
	uint32_t signal, bytes;
	uint64_t n_items;
};

enum channel_outcome_kind {
	OUTCOME_READY, /* for requests; FAILED: it will never be */
	OUTCOME_FAILED,
	OUTCOME_RETRY,
	OUTCOME_DONE,
	OUTCOME_REFUSED,
	OUTCOME_EXPIRED
};

struct channel_outcome {
	uint32_t kind, reserved;
	uint64_t n_rejected; /* of one that is done */
	char text[112]; /* why it is not; printable */
};

#endif
