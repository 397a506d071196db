/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of OpenTelemetry's messages that logs and metrics share. Field numbers are those of the
 * public protocol: opentelemetry/proto/{common,resource,logs,metrics,collector}/v1.
 */
#ifndef LOOPSTALL_OTLP_MESSAGE_H
#define LOOPSTALL_OTLP_MESSAGE_H

#include <stdint.h>

#include "report/protobuf.h"

/* Of a service; "" is left out. */
struct otlp_resource {
	const char *service, *container_id, *pod_uid;
};

/*
 * Adds a KeyValue as that field. Texts are made valid UTF-8; NULL and "" are left out.
 */
void otlp_text(struct protobuf *p, unsigned int field, const char *key, const char *text);
void otlp_number(struct protobuf *p, unsigned int field, const char *key, uint64_t number);
void otlp_double(struct protobuf *p, unsigned int field, const char *key, double value);

/*
 * Adds ResourceLogs or ResourceMetrics, which are alike: `items` are fields 2 of their one scope.
 * The result is a whole request, and so are several of them one after the other.
 */
void otlp_wrap(struct protobuf *p, const struct otlp_resource *resource, const char *version,
	       const struct protobuf *items);

/* What a receiver says it rejected, in ExportLogsServiceResponse or that of metrics; 0: nothing. */
uint64_t otlp_rejected(const uint8_t *reply, uint64_t size);

#endif
