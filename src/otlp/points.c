/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See points.h.
 */
#include "otlp/points.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"

enum { SCOPE_METRICS = 2 };
enum { METRIC_NAME = 1, METRIC_DESCRIPTION = 2, METRIC_UNIT = 3 };
enum { DATA_POINTS = 1, DATA_TEMPORALITY = 2, DATA_IS_MONOTONIC = 3 };
enum { POINT_BEGUN = 2, POINT_TIME = 3, POINT_DOUBLE = 4, POINT_INT = 6 };
enum { HISTOGRAM_COUNT = 4, HISTOGRAM_SUM = 5, HISTOGRAM_COUNTS = 6, HISTOGRAM_BOUNDS = 7 };
enum { TEMPORALITY_CUMULATIVE = 2 };

#define PREFIX "loopstall_"
#define NAME_BYTES 96

static const unsigned int data_fields[] = {
	[OTLP_GAUGE] = 5, [OTLP_SUM] = 7, [OTLP_HISTOGRAM] = 9
};

/* "loopstall.stall" for "loopstall_stall_seconds": OTLP has a field for the unit. */
static size_t name_of(const struct otlp_family *family, char name[NAME_BYTES])
{
	size_t n = (size_t)snprintf(name, NAME_BYTES, "%s", family->name);
	const size_t unit = family->unit ? strlen(family->unit) : 0;

	if (n >= NAME_BYTES)
		n = NAME_BYTES - 1;
	if (unit && n > unit + 1 && !strcmp(name + n - unit, family->unit) &&
	    name[n - unit - 1] == '_')
		n -= unit + 1;
	if (!strncmp(name, PREFIX, strlen(PREFIX)))
		name[strlen(PREFIX) - 1] = '.';
	return n;
}

static const char *unit_of(const struct otlp_family *family)
{
	if (!family->unit)
		return "1";
	return !strcmp(family->unit, "seconds") ? "s" : "By";
}

static void put_text(struct protobuf *p, unsigned int field, const char *text)
{
	protobuf__bytes(p, field, text, strlen(text));
}

/* The family that came before. */
static void flush(struct otlp_points *x)
{
	struct protobuf metric = {};
	char name[NAME_BYTES];

	if (!x->data.size)
		return;
	protobuf__bytes(&metric, METRIC_NAME, name, name_of(&x->family, name));
	put_text(&metric, METRIC_DESCRIPTION, x->family.help);
	put_text(&metric, METRIC_UNIT, unit_of(&x->family));
	if (x->family.kind != OTLP_GAUGE)
		protobuf__u64(&x->data, DATA_TEMPORALITY, TEMPORALITY_CUMULATIVE);
	if (x->family.kind == OTLP_SUM)
		protobuf__u64(&x->data, DATA_IS_MONOTONIC, 1);
	protobuf__message(&metric, data_fields[x->family.kind], &x->data);
	protobuf__message(&x->metrics, SCOPE_METRICS, &metric);
	protobuf__done(&metric);
	protobuf__clear(&x->data);
}

void otlp_points__begin(struct otlp_points *x, const struct otlp_family *family)
{
	flush(x);
	x->family = *family;
}

static void begin_point(const struct otlp_points *x, struct protobuf *point)
{
	if (x->family.kind != OTLP_GAUGE)
		protobuf__fixed64(point, POINT_BEGUN, x->begun_unix_ns);
	protobuf__fixed64(point, POINT_TIME, x->now_unix_ns);
}

static void end_point(struct otlp_points *x, struct protobuf *point,
		      const struct protobuf *attributes)
{
	protobuf__join(point, attributes);
	protobuf__message(&x->data, DATA_POINTS, point);
	protobuf__done(point);
	x->n++;
}

void otlp_points__count(struct otlp_points *x, const struct protobuf *attributes, uint64_t n)
{
	struct protobuf point = {};

	begin_point(x, &point);
	protobuf__fixed64(&point, POINT_INT, n);
	end_point(x, &point, attributes);
}

void otlp_points__seconds(struct otlp_points *x, const struct protobuf *attributes, uint64_t ns)
{
	struct protobuf point = {};

	begin_point(x, &point);
	protobuf__double(&point, POINT_DOUBLE, (double)ns / NS_PER_S);
	end_point(x, &point, attributes);
}

void otlp_points__bucket(struct otlp_points *x, uint64_t bound_ns, uint64_t n)
{
	if (x->n_bounds == OTLP_MAX_BOUNDS && bound_ns != UINT64_MAX)
		return;
	x->counts[x->n_bounds] = n - x->before;
	x->before = n;
	if (bound_ns != UINT64_MAX)
		x->bounds_ns[x->n_bounds++] = bound_ns;
}

void otlp_points__sum(struct otlp_points *x, const struct protobuf *attributes, uint64_t sum_ns,
		      uint64_t n)
{
	struct protobuf point = {};
	uint64_t bounds[OTLP_MAX_BOUNDS];

	for (size_t i = 0; i < x->n_bounds; i++) {
		const double bound = (double)x->bounds_ns[i] / NS_PER_S;

		memcpy(&bounds[i], &bound, sizeof(bound));
	}
	begin_point(x, &point);
	if (n)
		protobuf__fixed64(&point, HISTOGRAM_COUNT, n);
	protobuf__double(&point, HISTOGRAM_SUM, (double)sum_ns / NS_PER_S);
	protobuf__packed_fixed64(&point, HISTOGRAM_COUNTS, x->counts, x->n_bounds + 1);
	protobuf__packed_fixed64(&point, HISTOGRAM_BOUNDS, bounds, x->n_bounds);
	end_point(x, &point, attributes);
	x->n_bounds = 0;
	x->before = 0;
}

void otlp_points__end(struct otlp_points *x)
{
	flush(x);
	if (x->data.r < 0)
		x->metrics.r = x->data.r;
}

void otlp_points__clear(struct otlp_points *x)
{
	protobuf__clear(&x->metrics);
	protobuf__clear(&x->data);
}

void otlp_points__done(struct otlp_points *x)
{
	protobuf__done(&x->metrics);
	protobuf__done(&x->data);
}
