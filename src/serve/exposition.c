/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See exposition.h. The formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/.
 */
#include "serve/exposition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "otlp/message.h"

#define OPENMETRICS "application/openmetrics-text"
/* Characters in the names and values of an exemplar's labels together. */
#define EXEMPLAR_CHARS 128

static const char *const type_words[] = {
	[EXPOSITION_COUNTER] = "counter",
	[EXPOSITION_GAUGE] = "gauge",
	[EXPOSITION_HISTOGRAM] = "histogram",
	[EXPOSITION_INFO] = "info",
};

/* The weight of a media range, between 0 and 1: "text/plain;version=0.0.4;q=0.5". */
static double weight_of(const char *range, size_t size)
{
	for (const char *p = range; (p = memchr(p, ';', size - (size_t)(p - range)));) {
		p++;
		p += strspn(p, " \t");
		if (p + 2 <= range + size && (*p == 'q' || *p == 'Q') && p[1] == '=')
			return strtod(p + 2, NULL);
		if (p >= range + size)
			break;
	}
	return 1;
}

enum exposition_format exposition_choose(const char *accept)
{
	double openmetrics = 0, text = 0;

	for (const char *p = accept; *p;) {
		const size_t size = strcspn(p, ",");
		const char *range = p + strspn(p, " \t");
		const size_t n = range < p + size ? size - (size_t)(range - p) : 0;
		const double q = n ? weight_of(range, n) : 0;

		if (!strncmp(range, OPENMETRICS, strlen(OPENMETRICS)))
			openmetrics = q > openmetrics ? q : openmetrics;
		else if (!strncmp(range, "text/", 5))
			text = q > text ? q : text;
		p += size + (p[size] == ',');
	}
	return openmetrics > 0 && openmetrics >= text ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
}

const char *exposition_content_type(enum exposition_format format)
{
	return format == EXPOSITION_OPENMETRICS ? OPENMETRICS "; version=1.0.0; charset=utf-8" :
						  "text/plain; version=0.0.4; charset=utf-8";
}

void exposition_labels__add(struct exposition_labels *labels, const char *name, const char *value)
{
	if (*value && labels->n < EXPOSITION_MAX_LABELS)
		labels->list[labels->n++] = (struct exposition_label){ name, value, false };
}

static const char *suffix_of(const struct exposition_family *family)
{
	switch (family->type) {
	case EXPOSITION_COUNTER:
		return "_total";
	case EXPOSITION_INFO:
		return "_info";
	default:
		return "";
	}
}

static void begin_points(struct otlp_points *points, const struct exposition_family *family)
{
	static const enum otlp_kind kinds[] = { [EXPOSITION_COUNTER] = OTLP_SUM,
						[EXPOSITION_GAUGE] = OTLP_GAUGE,
						[EXPOSITION_HISTOGRAM] = OTLP_HISTOGRAM,
						[EXPOSITION_INFO] = OTLP_GAUGE };
	const struct otlp_family f = { family->name, family->unit, family->help,
				       kinds[family->type] };

	otlp_points__begin(points, &f);
}

/* Those of the resource are not repeated with each point. */
static struct protobuf attributes_of(const struct exposition_labels *labels, unsigned int field)
{
	struct protobuf attributes = {};

	for (size_t i = 0; i < labels->n; i++)
		if (!labels->list[i].is_of_resource)
			otlp_text(&attributes, field, labels->list[i].name, labels->list[i].value);
	return attributes;
}

static void add_point(struct exposition *x, const struct exposition_labels *labels, bool is_time,
		      uint64_t value)
{
	struct protobuf attributes = attributes_of(labels, OTLP_POINT_ATTRIBUTES);

	if (is_time)
		otlp_points__seconds(x->points, &attributes, value);
	else
		otlp_points__count(x->points, &attributes, value);
	protobuf__done(&attributes);
}

void exposition__begin(struct exposition *x, const struct exposition_family *family)
{
	const bool is_openmetrics = x->format == EXPOSITION_OPENMETRICS;
	const char *suffix = is_openmetrics ? "" : suffix_of(family);
	const char *type =
		type_words[!is_openmetrics && family->type == EXPOSITION_INFO ? EXPOSITION_GAUGE :
										family->type];

	x->family = family;
	if (x->points) {
		begin_points(x->points, family);
		return;
	}
	fprintf(x->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", family->name, suffix, family->help,
		family->name, suffix, type);
	if (is_openmetrics && family->unit)
		fprintf(x->out, "# UNIT %s %s\n", family->name, family->unit);
}

/* Valid UTF-8, and no character that ends a value or a line. */
static void put_value(FILE *out, const char *value)
{
	const char *end = value + strlen(value);

	while (value < end) {
		uint32_t c;
		size_t n = utf8__decode(value, (size_t)(end - value), &c);

		if (!n) {
			fputs("\xef\xbf\xbd", out);
			n = 1;
		} else if (c == '\n') {
			fputs("\\n", out);
		} else {
			if (c == '\\' || c == '"')
				fputc('\\', out);
			fwrite(value, 1, n, out);
		}
		value += n;
	}
}

static void put_label(FILE *out, bool is_first, const struct exposition_label *label)
{
	fprintf(out, "%s%s=\"", is_first ? "" : ",", label->name);
	put_value(out, label->value);
	fputc('"', out);
}

/* `more`: one more label, written last, or NULL. */
static void put_labels(FILE *out, const struct exposition_labels *labels,
		       const struct exposition_label *more)
{
	if (!labels->n && !more)
		return;
	fputc('{', out);
	for (size_t i = 0; i < labels->n; i++)
		put_label(out, i == 0, &labels->list[i]);
	if (more)
		put_label(out, labels->n == 0, more);
	fputc('}', out);
}

#define SECONDS_BYTES 32

/* "0.0503", "12.0": without trailing zeros. */
static const char *seconds_text(uint64_t ns, char buf[SECONDS_BYTES])
{
	char *end = buf +
		snprintf(buf, SECONDS_BYTES, "%" PRIu64 ".%09" PRIu64, (uint64_t)(ns / NS_PER_S),
			 (uint64_t)(ns % NS_PER_S));

	while (end[-1] == '0' && end[-2] != '.')
		*--end = '\0';
	return buf;
}

static void put_name(struct exposition *x, const char *suffix,
		     const struct exposition_labels *labels, const struct exposition_label *more)
{
	fprintf(x->out, "%s%s", x->family->name, suffix);
	put_labels(x->out, labels, more);
	fputc(' ', x->out);
	x->n++;
}

void exposition__count(struct exposition *x, const struct exposition_labels *labels, uint64_t n)
{
	if (x->points) {
		add_point(x, labels, false, n);
		return;
	}
	put_name(x, suffix_of(x->family), labels, NULL);
	fprintf(x->out, "%" PRIu64 "\n", n);
}

void exposition__seconds(struct exposition *x, const struct exposition_labels *labels, uint64_t ns)
{
	char buf[SECONDS_BYTES];

	if (x->points) {
		add_point(x, labels, true, ns);
		return;
	}
	put_name(x, suffix_of(x->family), labels, NULL);
	fprintf(x->out, "%s\n", seconds_text(ns, buf));
}

static size_t chars_in(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Writes the labels that fit into the limit of an exemplar. */
static struct exposition_labels that_fit(const struct exposition_labels *labels)
{
	struct exposition_labels fit = {};
	size_t chars = 0;

	for (size_t i = 0; i < labels->n; i++) {
		const struct exposition_label *l = &labels->list[i];

		chars += chars_in(l->name) + chars_in(l->value);
		if (chars <= EXEMPLAR_CHARS)
			exposition_labels__add(&fit, l->name, l->value);
	}
	return fit;
}

static void put_exemplar(struct exposition *x, const struct exposition_exemplar *exemplar)
{
	const struct exposition_labels labels = that_fit(&exemplar->labels);
	char value[SECONDS_BYTES], time[SECONDS_BYTES];

	fputs(" # ", x->out);
	if (labels.n)
		put_labels(x->out, &labels, NULL);
	else
		fputs("{}", x->out);
	fprintf(x->out, " %s %s", seconds_text(exemplar->value_ns, value),
		seconds_text(exemplar->unix_ns, time));
}

void exposition__bucket(struct exposition *x, const struct exposition_labels *labels,
			uint64_t bound_ns, uint64_t n, const struct exposition_exemplar *exemplar)
{
	char buf[SECONDS_BYTES];
	const struct exposition_label le = {
		"le", bound_ns == UINT64_MAX ? "+Inf" : seconds_text(bound_ns, buf), false
	};

	if (x->points) {
		otlp_points__bucket(x->points, bound_ns, n);
		return;
	}
	put_name(x, "_bucket", labels, &le);
	fprintf(x->out, "%" PRIu64, n);
	if (exemplar && x->format == EXPOSITION_OPENMETRICS)
		put_exemplar(x, exemplar);
	fputc('\n', x->out);
}

void exposition__sum(struct exposition *x, const struct exposition_labels *labels, uint64_t sum_ns,
		     uint64_t n)
{
	char buf[SECONDS_BYTES];

	if (x->points) {
		struct protobuf attributes = attributes_of(labels, OTLP_HISTOGRAM_ATTRIBUTES);

		otlp_points__sum(x->points, &attributes, sum_ns, n);
		protobuf__done(&attributes);
		return;
	}
	put_name(x, "_sum", labels, NULL);
	fprintf(x->out, "%s\n", seconds_text(sum_ns, buf));
	put_name(x, "_count", labels, NULL);
	fprintf(x->out, "%" PRIu64 "\n", n);
}

void exposition__end(struct exposition *x)
{
	if (x->format == EXPOSITION_OPENMETRICS)
		fputs("# EOF\n", x->out);
}
