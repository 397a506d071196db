/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by columns come back as they were, whatever is in them.
 */
#include <errno.h>

#include "report/output.h"
#include "report/packed.h"
#include "report/page_data.h"

#define MAX_ROWS 8

struct rows {
	struct packed packed;
	struct packed_row rows[MAX_ROWS];
	size_t n;
};

static const struct packed_row *row_at(const void *ctx, size_t i)
{
	return &((const struct rows *)ctx)->rows[i];
}

static json_t *there_and_back(json_t *objects)
{
	struct rows r = {};
	struct output o = {};
	json_t *object, *packed, *back;
	size_t i;

	cr_assert_eq(output__init(&o), 0);
	json_array_foreach (objects, i, object)
		cr_assert_eq(packed__add(&r.packed, object, &r.rows[r.n++]), 0);
	cr_assert_eq(packed__put(&r.packed, o.mem, r.n, row_at, &r), 0);
	fflush(o.mem);
	packed = json_loadb(o.text, o.size, 0, NULL);
	cr_assert_not_null(packed, "%.*s", (int)o.size, o.text);
	back = page_rows(packed);
	json_decref(packed);
	output__done(&o);
	for (i = 0; i < r.n; i++)
		packed_row__done(&r.rows[i]);
	packed__done(&r.packed);
	return back;
}

static void expect_same(const char *text)
{
	json_t *objects = json_loads(text, 0, NULL), *back;

	cr_assert_not_null(objects, "%s", text);
	back = there_and_back(objects);
	cr_expect(json_equal(objects, back), "%s became %s", text, json_dumps(back, 0));
	json_decref(back);
	json_decref(objects);
}

Test(packed, objects_come_back)
{
	expect_same("[]");
	expect_same("[{}]");
	expect_same("[{\"a\":1},{\"a\":2},{\"a\":2}]");
	expect_same("[{\"a\":5},{\"a\":3},{\"a\":9007199254740993}]");
	expect_same("[{\"a\":\"x\"},{\"a\":\"x\"},{\"a\":\"</script>\\u2028\"}]");
}

Test(packed, what_is_missing_is_not_null)
{
	expect_same("[{\"a\":1},{},{\"a\":null}]");
	expect_same("[{\"a\":null},{}]");
	expect_same("[{\"b\":\"x\"},{\"a\":1,\"b\":null},{}]");
}

Test(packed, kinds_of_one_key_may_differ)
{
	expect_same("[{\"a\":1},{\"a\":\"1\"},{\"a\":[1,{\"b\":2}]},"
		    "{\"a\":-1},{\"a\":1.5},{\"a\":true}]");
	expect_same("[{\"a\":{\"b\":1,\"c\":[\"x\"]}},{\"a\":null},"
		    "{\"a\":{}},{\"a\":{\"c\":[\"x\"]}},{}]");
	expect_same("[{\"a\":{\"b\":{\"c\":1}}},{\"a\":{\"b\":{\"c\":2}}}]");
}

Test(packed, there_is_an_end_to_columns)
{
	struct packed packed = {};
	struct packed_row row;
	json_t *object = json_object();
	char key[16];

	for (int i = 0; i <= PACKED_MAX_COLUMNS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		json_object_set_new(object, key, json_integer(i));
	}
	cr_expect_eq(packed__add(&packed, object, &row), -E2BIG);
	json_decref(object);
	packed__done(&packed);
}
