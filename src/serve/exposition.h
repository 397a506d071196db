/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes metrics as text, or as points for OpenTelemetry. As text: Prometheus' format 0.0.4, or
 * OpenMetrics 1.0.0, which has units, types for information and exemplars besides. Names and help
 * texts are constants; values of labels may come from a target and are escaped.
 */
#ifndef LOOPSTALL_SERVE_EXPOSITION_H
#define LOOPSTALL_SERVE_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "otlp/points.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/* What an HTTP client accepts, by its Accept header. */
enum exposition_format exposition_choose(const char *accept);
const char *exposition_content_type(enum exposition_format format);

enum exposition_type {
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO
};

struct exposition_family {
	const char *name; /* without "_total" and "_info" */
	enum exposition_type type;
	const char *unit; /* its last word, or NULL */
	const char *help;
};

struct exposition_label {
	const char *name, *value;
	bool is_of_resource; /* of the service, not of the sample */
};

#define EXPOSITION_MAX_LABELS 8

struct exposition_labels {
	size_t n;
	struct exposition_label list[EXPOSITION_MAX_LABELS];
};

/* Empty values are left out. */
void exposition_labels__add(struct exposition_labels *labels, const char *name, const char *value);

/* Writes to `out`, or, if that is set, collects `points`. */
struct exposition {
	FILE *out;
	struct otlp_points *points;
	enum exposition_format format;
	const struct exposition_family *family;
	size_t n; /* samples */
};

/* All samples of a family follow it. */
void exposition__begin(struct exposition *x, const struct exposition_family *family);
void exposition__count(struct exposition *x, const struct exposition_labels *labels, uint64_t n);
/* In seconds, exact. */
void exposition__seconds(struct exposition *x, const struct exposition_labels *labels, uint64_t ns);

struct exposition_exemplar {
	struct exposition_labels labels;
	uint64_t value_ns, unix_ns;
};

/* A bucket of a histogram with all before it; `bound_ns` UINT64_MAX: the last. */
void exposition__bucket(struct exposition *x, const struct exposition_labels *labels,
			uint64_t bound_ns, uint64_t n, const struct exposition_exemplar *exemplar);
void exposition__sum(struct exposition *x, const struct exposition_labels *labels, uint64_t sum_ns,
		     uint64_t n);

void exposition__end(struct exposition *x);

#endif
