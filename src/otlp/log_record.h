/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stall as a log record of OpenTelemetry.
 */
#ifndef LOOPSTALL_OTLP_LOG_RECORD_H
#define LOOPSTALL_OTLP_LOG_RECORD_H

#include "model/model.h"
#include "otlp/message.h"

struct otlp_log_facts {
	const char *version;
	uint64_t clock_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	uint64_t now_unix_ns;
};

/* Adds a request with this one record. */
void otlp_log_record(struct protobuf *p, const struct otlp_resource *resource,
		     const struct stall *stall, const struct otlp_log_facts *facts);

#endif
