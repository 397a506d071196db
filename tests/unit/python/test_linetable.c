/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables. The vectors are what CPython 3.8, 3.10 and 3.13 write for one function with a loop,
 * a call over several lines, a lambda, try/except/finally and a jump of 140 lines; the expected
 * lines are what each interpreter itself says (dis.findlinestarts, co_lines), 0 where it says that
 * there is none.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "python/py_linetable.h"

#define FIRST_LINE 3
#define END UINT32_MAX

/* From byte `addr` of the code on, `line`; up to the entry with END. */
struct expected {
	int64_t addr;
	uint32_t line;
};

static void check_all(enum ls_linetable format, const uint8_t *table, size_t size,
		      const struct expected *expected)
{
	uint32_t line;
	int64_t addr;

	for (; expected->line != END; expected++)
		for (addr = expected[0].addr; addr < expected[1].addr; addr += 2) {
			line = py_linetable__line(format, table, size, FIRST_LINE, addr);
			cr_assert_eq(line, expected->line, "at %d: line %u, not %u", (int)addr,
				     line, expected->line);
		}
}

static const uint8_t lnotab_table[] = {
	0x00, 0x01, 0x04, 0x01, 0x08, 0x01, 0x04, 0x01, 0x06, 0x01, 0x04, 0x01, 0x06, 0x02,
	0x02, 0xfc, 0x0a, 0x06, 0x04, 0x01, 0x02, 0xff, 0x0e, 0x02, 0x1e, 0x02, 0x0c, 0x01,
	0x08, 0x01, 0x08, 0x00, 0x0a, 0x7f, 0x00, 0x0f, 0x02, 0x01, 0x02, 0x01, 0x02, 0xfe,
};
static const struct expected lnotab_lines[] = {
	{ 0, 4 },     { 4, 5 },	    { 12, 6 },	  { 16, 7 },	{ 22, 8 },
	{ 26, 9 },    { 32, 11 },   { 34, 7 },	  { 44, 13 },	{ 48, 14 },
	{ 50, 13 },   { 64, 15 },   { 94, 17 },	  { 106, 18 },	{ 114, 19 },
	{ 132, 161 }, { 134, 162 }, { 136, 163 }, { 138, 161 }, { 142, END },
};

Test(linetable, lnotab)
{
	check_all(LS_LINETABLE_LNOTAB, lnotab_table, sizeof(lnotab_table), lnotab_lines);
}

static const uint8_t pep626_table[] = {
	0x04, 0x01, 0x08, 0x01, 0x04, 0x01, 0x06, 0x01, 0x04, 0x01, 0x06, 0x01,
	0x02, 0x02, 0x0a, 0xfc, 0x04, 0x06, 0x02, 0x01, 0x0c, 0xff, 0x14, 0x02,
	0x08, 0x80, 0x02, 0xfe, 0x02, 0x80, 0x14, 0x04, 0x08, 0x01, 0x10, 0x01,
	0x08, 0xff, 0x00, 0x7f, 0x02, 0x10, 0x02, 0x01, 0x02, 0x01, 0x04, 0xfe,
};
static const struct expected pep626_lines[] = {
	{ 0, 4 },    { 4, 5 },	   { 12, 6 },	 { 16, 7 },    { 22, 8 },    { 26, 9 },
	{ 32, 11 },  { 34, 7 },	   { 44, 13 },	 { 48, 14 },   { 50, 13 },   { 62, 15 },
	{ 82, 0 },   { 90, 13 },   { 92, 0 },	 { 94, 17 },   { 114, 18 },  { 122, 19 },
	{ 138, 18 }, { 146, 161 }, { 148, 162 }, { 150, 163 }, { 152, 161 }, { 156, END },
};

Test(linetable, pep626)
{
	check_all(LS_LINETABLE_PEP626, pep626_table, sizeof(pep626_table), pep626_lines);
}

static const uint8_t locations_table[] = {
	0x80, 0x00, 0xd8, 0x0c, 0x0d, 0x80, 0x45, 0xdb, 0x10, 0x15, 0x88, 0x04, 0xf0, 0x02, 0x0b,
	0x09, 0x17, 0xd8, 0x0c, 0x11, 0x97, 0x5a, 0x91, 0x5a, 0xd8, 0x10, 0x13, 0xf7, 0x00, 0x02,
	0x11, 0x16, 0xf1, 0x02, 0x01, 0x12, 0x15, 0xe0, 0x10, 0x11, 0xf3, 0x09, 0x05, 0x16, 0x0e,
	0xf1, 0x00, 0x05, 0x0d, 0x0e, 0x88, 0x45, 0xf0, 0x14, 0x00, 0x0d, 0x12, 0x90, 0x51, 0x89,
	0x4a, 0x8a, 0x45, 0xf1, 0x19, 0x00, 0x11, 0x16, 0xf0, 0x1a, 0x00, 0x0b, 0x10, 0x90, 0x23,
	0x8b, 0x2b, 0xd8, 0x08, 0x0d, 0x90, 0x21, 0x89, 0x0b, 0x88, 0x05, 0x98, 0x61, 0x91, 0x5a,
	0x90, 0x55, 0xf0, 0x03, 0x00, 0x0b, 0x10, 0x90, 0x23, 0x8d, 0x2b, 0xf4, 0x5e, 0x04, 0x00,
	0x0c, 0x0f, 0xd8, 0x08, 0x0d, 0xd8, 0x08, 0x09, 0xf3, 0x05, 0x02, 0x0c, 0x0b, 0xf0, 0x00,
	0x02, 0x05, 0x0b, 0xf8, 0xf4, 0x69, 0x04, 0x00, 0x11, 0x1b, 0xdc, 0x10, 0x18, 0xf0, 0x03,
	0x01, 0x10, 0x1a, 0xf3, 0x00, 0x02, 0x09, 0x17, 0xe0, 0x0c, 0x11, 0x90, 0x51, 0x89, 0x4a,
	0x8d, 0x45, 0xfb, 0xf0, 0x05, 0x02, 0x09, 0x17, 0xfb, 0xf0, 0x08, 0x00, 0x0d, 0x12, 0x90,
	0x51, 0x89, 0x4a, 0x89, 0x45, 0xfa,
};
static const struct expected locations_lines[] = {
	{ 0, 3 },    { 2, 4 },	  { 6, 5 },	{ 16, 6 },    { 18, 7 },    { 40, 8 },
	{ 58, 9 },   { 62, 11 },  { 64, 7 },	{ 78, 17 },   { 92, 5 },    { 96, 18 },
	{ 108, 19 }, { 126, 18 }, { 142, 161 }, { 152, 162 }, { 154, 163 }, { 156, 161 },
	{ 166, 0 },  { 168, 13 }, { 178, 14 },	{ 188, 13 },  { 198, 15 },  { 218, 0 },
	{ 226, 13 }, { 228, 0 },  { 236, 17 },	{ 248, 0 },   { 254, END },
};

Test(linetable, locations)
{
	check_all(LS_LINETABLE_LOCATIONS, locations_table, sizeof(locations_table),
		  locations_lines);
}

Test(linetable, not_begun_is_first_line)
{
	int format;

	for (format = LS_LINETABLE_LNOTAB; format <= LS_LINETABLE_LOCATIONS; format++)
		cr_assert_eq(py_linetable__line((enum ls_linetable)format, NULL, 0, 17, -2), 17);
}

Test(linetable, beyond_the_end)
{
	/* lnotab has no end: the last line goes on. The others know how long the code is. */
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LNOTAB, lnotab_table, sizeof(lnotab_table), 3,
					9999),
		     161);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_PEP626, pep626_table, sizeof(pep626_table), 3,
					156),
		     0);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, locations_table,
					sizeof(locations_table), 3, 254),
		     0);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LNOTAB, NULL, 0, 3, 0), 3);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_PEP626, NULL, 0, 3, 0), 0);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, NULL, 0, 3, 0), 0);
}

Test(linetable, location_without_columns)
{
	/* One unit on line 10 + 5, then eight units on line 15 - 3. */
	static const uint8_t table[] = { 0xe8, 0x0a, 0xef, 0x07 };

	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, table, sizeof(table), 10, 0), 15);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, table, sizeof(table), 10, 2), 12);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, table, sizeof(table), 10, 16), 12);
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, table, sizeof(table), 10, 18), 0);
}

Test(linetable, lines_below_one_are_unknown)
{
	static const uint8_t lnotab[] = { 0, 0x81, 2, 0x81 };
	static const uint8_t endless[] = { 0xf0, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f };

	cr_assert_eq(py_linetable__line(LS_LINETABLE_LNOTAB, lnotab, sizeof(lnotab), 1, 4), 0);
	/* A number that never ends takes the whole table and no more. */
	cr_assert_eq(py_linetable__line(LS_LINETABLE_LOCATIONS, endless, sizeof(endless), 1, 0), 0);
}

/* Whatever the bytes, nothing behind them is read: ASan sees it in blocks of the exact size. */
Test(linetable, hostile_tables)
{
	unsigned int seed = 7;
	uint8_t *table;
	size_t size, i;
	int round;

	for (round = 0; round < 20000; round++) {
		size = (size_t)rand_r(&seed) % 48;
		table = malloc(size ? size : 1);
		cr_assert(table);
		for (i = 0; i < size; i++)
			table[i] = (uint8_t)rand_r(&seed);
		for (i = LS_LINETABLE_LNOTAB; i <= LS_LINETABLE_LOCATIONS; i++) {
			py_linetable__line((enum ls_linetable)i, table, size, UINT32_MAX,
					   INT64_MAX);
			py_linetable__line((enum ls_linetable)i, table, size, 1,
					   rand_r(&seed) % 256);
			py_linetable__line((enum ls_linetable)i, table, size, 0, INT64_MIN);
		}
		free(table);
	}
}
