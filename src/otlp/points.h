/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics of OpenTelemetry, put together from the samples of one family after the other. All are
 * cumulative.
 */
#ifndef LOOPSTALL_OTLP_POINTS_H
#define LOOPSTALL_OTLP_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/protobuf.h"

enum otlp_kind { OTLP_GAUGE, OTLP_SUM, OTLP_HISTOGRAM };

struct otlp_family {
	const char *name; /* as Prometheus has it: "loopstall_stall_seconds" */
	const char *unit; /* "seconds", "bytes" or NULL */
	const char *help;
	enum otlp_kind kind;
};

#define OTLP_MAX_BOUNDS 24

struct otlp_points {
	uint64_t begun_unix_ns, now_unix_ns;
	struct protobuf metrics; /* fields 2 of a scope */
	size_t n; /* data points */
	struct otlp_family family;
	struct protobuf data; /* its points so far */
	size_t n_bounds; /* of a histogram that is being put together */
	uint64_t bounds_ns[OTLP_MAX_BOUNDS], counts[OTLP_MAX_BOUNDS + 1], before;
};

void otlp_points__begin(struct otlp_points *x, const struct otlp_family *family);
/* `attributes` are KeyValues as fields OTLP_POINT_ATTRIBUTES. */
#define OTLP_POINT_ATTRIBUTES 7
void otlp_points__count(struct otlp_points *x, const struct protobuf *attributes, uint64_t n);
void otlp_points__seconds(struct otlp_points *x, const struct protobuf *attributes, uint64_t ns);
/* Of a histogram: all up to a bound (UINT64_MAX: all), then the sum. Its attributes are fields
 * OTLP_HISTOGRAM_ATTRIBUTES. */
#define OTLP_HISTOGRAM_ATTRIBUTES 9
void otlp_points__bucket(struct otlp_points *x, uint64_t bound_ns, uint64_t n);
void otlp_points__sum(struct otlp_points *x, const struct protobuf *attributes, uint64_t sum_ns,
		      uint64_t n);
/* Behind the last family; `metrics` is then complete. */
void otlp_points__end(struct otlp_points *x);
/* For the next resource. */
void otlp_points__clear(struct otlp_points *x);
void otlp_points__done(struct otlp_points *x);

#endif
