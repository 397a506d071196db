/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each of the metrics (metric_families.h) is written from the registry.
 */
#ifndef LOOPSTALL_SERVE_METRICS_H
#define LOOPSTALL_SERVE_METRICS_H

#include "report/own_cost.h"
#include "serve/exposition.h"
#include "serve/registry.h"

#define METRICS_MAX_PROCESSES 256 /* described one by one */

struct metrics_process {
	pid_t pid;
	const struct service *service;
	const char *python, *loop; /* version and kind; "" if not known */
	bool is_light;
};

/* A number about this program, with the name of what it counts. */
struct metrics_event {
	const char *name;
	uint64_t count;
};

/* Numbers that the registry does not hold. */
struct metrics_facts {
	const char *version, *kernel, *arch, *transport;
	uint64_t threshold_ns;
	struct own_cost own_cost;
	uint64_t self_cpu_ns, started_unix_ns, rss_bytes; /* of this process */
	size_t n_processes;
	const struct metrics_process *processes;
	size_t n_http_events;
	const struct metrics_event *http_events;
	size_t n_otlp_events;
	const struct metrics_event *otlp_events;
};

/* Returns the number of series. */
size_t metrics__write(FILE *out, enum exposition_format format, const struct registry *registry,
		      const struct metrics_facts *facts);

/*
 * The same as a request for OTLP: a resource for each service, and one for this program. Without
 * what is known of each process, and the numbers that every program has. Returns the data points.
 */
size_t metrics__encode(struct protobuf *request, const struct registry *registry,
		       const struct metrics_facts *facts);

#endif
