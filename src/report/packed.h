/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects that are alike, as JSON by columns: what repeats is written once, and columns of numbers
 * compress well. Any object can be packed, whatever its keys; src/report/html/unpack.js undoes it.
 *
 *   {"rows": 2, "columns": [{"key": "start_ns", "is_rising": true, "numbers": [5, 3]},
 *                           {"key": "task.name", "values": ["Task-1", "b"], "rows": [0, 1]}]}
 *
 * Members of a member are columns of their own, "task.name". `numbers` are integers or null, of a
 * rising column the differences. `rows` are indices of `values`. In both -1 says that the object
 * has no such key.
 */
#ifndef LOOPSTALL_REPORT_PACKED_H
#define LOOPSTALL_REPORT_PACKED_H

#include <stdio.h>

#include "report/intern.h"
#include "report/jsonx.h"

#define PACKED_MAX_COLUMNS 160
#define PACKED_KEY_BYTES 64

enum packed_kind { PACKED_ABSENT, PACKED_NUMBER, PACKED_NULL, PACKED_VALUE };

struct packed_cell {
	uint64_t value; /* the number, or that of the text in `texts` */
	uint8_t kind; /* enum packed_kind */
};

/* One object. Zeroed at first. */
struct packed_row {
	struct packed_cell *cells; /* by column */
	size_t n;
};

/* Zeroed at first. */
struct packed {
	struct intern keys, texts; /* of JSON */
};

void packed__done(struct packed *p);
/* 0 or -errno. The row belongs to the caller: packed_row__done(). */
int packed__add(struct packed *p, const json_t *object, struct packed_row *ret_row);
void packed_row__done(struct packed_row *row);
/* `row_at(ctx, i)` is row number `i` of `n`, as they are to be read. 0 or -ENOMEM. */
int packed__put(struct packed *p, FILE *out, size_t n,
		const struct packed_row *(*row_at)(const void *ctx, size_t i), const void *ctx);

#endif
