/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See packed.h.
 */
#include "report/packed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

void packed__done(struct packed *p)
{
	intern__done(&p->keys);
	intern__done(&p->texts);
}

void packed_row__done(struct packed_row *row)
{
	free(row->cells);
	*row = (struct packed_row){};
}

static int make_cell(struct packed *p, const json_t *value, struct packed_cell *ret_cell)
{
	_cleanup_free_ char *text = NULL;
	uint32_t number;
	int r;

	if (json_is_null(value)) {
		*ret_cell = (struct packed_cell){ .kind = PACKED_NULL };
		return 0;
	}
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*ret_cell =
			(struct packed_cell){ (uint64_t)json_integer_value(value), PACKED_NUMBER };
		return 0;
	}
	text = jsonx_dumps(value, JSON_ENCODE_ANY);
	if (!text)
		return -ENOMEM;
	r = intern__add_text(&p->texts, text, &number);
	*ret_cell = (struct packed_cell){ number, PACKED_VALUE };
	return r < 0 ? r : 0;
}

static int add_cell(struct packed *p, const char *key, const json_t *value, struct packed_row *row)
{
	uint32_t column;
	int r = intern__add_text(&p->keys, key, &column);

	if (r >= 0 && column >= PACKED_MAX_COLUMNS)
		r = -E2BIG;
	if (r < 0)
		return r;
	if (column >= row->n)
		row->n = column + 1;
	return make_cell(p, value, &row->cells[column]);
}

static int add_inner(struct packed *p, const char *outer, const json_t *object,
		     struct packed_row *row)
{
	char name[PACKED_KEY_BYTES];
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach ((json_t *)object, key, value) {
		if (r < 0)
			break;
		if (snprintf(name, sizeof(name), "%s.%s", outer, key) >= (int)sizeof(name))
			return -E2BIG;
		r = add_cell(p, name, value, row);
	}
	return r;
}

static int add_all(struct packed *p, const json_t *object, struct packed_row *row)
{
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach ((json_t *)object, key, value) {
		if (r < 0)
			break;
		r = json_object_size(value) ? add_inner(p, key, value, row) :
					      add_cell(p, key, value, row);
	}
	return r;
}

int packed__add(struct packed *p, const json_t *object, struct packed_row *ret_row)
{
	struct packed_row row = { calloc(PACKED_MAX_COLUMNS, sizeof(*row.cells)), 0 };
	int r = row.cells ? add_all(p, object, &row) : -ENOMEM;

	if (r >= 0)
		*ret_row = row;
	else
		packed_row__done(&row);
	return r;
}

/* All rows that are put, and one column of them. */
struct column {
	const struct packed_row *(*row_at)(const void *ctx, size_t i);
	const void *ctx;
	size_t n;
	uint32_t number;
};

static struct packed_cell cell_at(const struct column *c, size_t i)
{
	const struct packed_row *row = c->row_at(c->ctx, i);

	return c->number < row->n ? row->cells[c->number] : (struct packed_cell){};
}

/* Texts make a column of values, and so does a column without any number. */
static bool has_numbers(const struct column *c)
{
	bool has_some = false;

	for (size_t i = 0; i < c->n; i++) {
		const enum packed_kind kind = cell_at(c, i).kind;

		if (kind == PACKED_VALUE)
			return false;
		has_some = has_some || kind == PACKED_NUMBER;
	}
	return has_some;
}

static bool is_rising(const struct column *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (cell_at(c, i).kind != PACKED_NUMBER ||
		    (i && cell_at(c, i).value < cell_at(c, i - 1).value))
			return false;
	return true;
}

static void put_numbers(FILE *out, const struct column *c)
{
	const bool is_difference = is_rising(c);
	uint64_t before = 0;

	fprintf(out, "%s\"numbers\":[", is_difference ? "\"is_rising\":true," : "");
	for (size_t i = 0; i < c->n; i++) {
		const struct packed_cell cell = cell_at(c, i);

		fputs(i ? "," : "", out);
		if (cell.kind != PACKED_NUMBER)
			fputs(cell.kind == PACKED_NULL ? "null" : "-1", out);
		else
			fprintf(out, "%" PRIu64, cell.value - before);
		before = is_difference ? cell.value : 0;
	}
	fputs("]", out);
}

/* The text of a value, as JSON. */
static int put_text(FILE *out, const struct packed *p, struct packed_cell cell)
{
	if (cell.kind == PACKED_VALUE)
		return fputs(intern__key(&p->texts, (uint32_t)cell.value), out);
	if (cell.kind == PACKED_NULL)
		return fputs("null", out);
	return fprintf(out, "%" PRIu64, cell.value);
}

/* What is different, in the order of arrival, and for each row which of it. */
static int put_values(FILE *out, const struct packed *p, const struct column *c)
{
	_cleanup_(intern__done) struct intern values = {};
	_cleanup_free_ uint32_t *rows = calloc(c->n, sizeof(*rows));
	int r = rows ? 0 : -ENOMEM;

	fputs("\"values\":[", out);
	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		const struct packed_cell cell = cell_at(c, i);
		const uint64_t key[2] = { cell.kind, cell.value };

		if (cell.kind == PACKED_ABSENT)
			continue;
		r = intern__add(&values, key, sizeof(key), &rows[i]);
		if (r == 1) {
			fputs(rows[i] ? "," : "", out);
			put_text(out, p, cell);
		}
	}
	fputs("],\"rows\":[", out);
	for (size_t i = 0; r >= 0 && i < c->n; i++)
		fprintf(out, "%s%" PRId64, i ? "," : "",
			cell_at(c, i).kind == PACKED_ABSENT ? -1 : (int64_t)rows[i]);
	fputs("]", out);
	return r < 0 ? r : 0;
}

int packed__put(struct packed *p, FILE *out, size_t n,
		const struct packed_row *(*row_at)(const void *ctx, size_t i), const void *ctx)
{
	struct column c = { row_at, ctx, n, 0 };
	int r = 0;

	fprintf(out, "{\"rows\":%zu,\"columns\":[", n);
	for (; r >= 0 && n && c.number < p->keys.n; c.number++) {
		fprintf(out, "%s{\"key\":\"%s\",", c.number ? ",\n" : "\n",
			(const char *)intern__key(&p->keys, c.number));
		if (has_numbers(&c))
			put_numbers(out, &c);
		else
			r = put_values(out, p, &c);
		fputs("}", out);
	}
	fputs("]}", out);
	return r;
}
