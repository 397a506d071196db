/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects read from memory that the tests make up, laid out as in 3.8 (line numbers, no
 * qualified name) or as in 3.12, and the cache in front of it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/codes.h"
#include "symbol/pycode.h"

#define BASE 0x7f0000000000ULL
#define FAKE_BYTES 16384
#define PID 42
#define SECOND_NS 1000000000ULL

struct fake {
	struct pyimage image;
	uint8_t bytes[FAKE_BYTES];
	size_t used;
	unsigned int reads;
	int error; /* what reading returns; 0: it works */
	uint64_t str_type, code_type, bytes_type;
	struct strings *strings;
	struct codes *codes;
};

static int fake__read(void *ctx, uint64_t addr, void *buf, size_t size)
{
	struct fake *f = ctx;

	f->reads++;
	if (f->error)
		return f->error;
	if (addr < BASE || addr - BASE > FAKE_BYTES || size > FAKE_BYTES - (addr - BASE))
		return -EFAULT;
	memcpy(buf, f->bytes + (addr - BASE), size);
	return 0;
}

static uint64_t fake__alloc(struct fake *f, size_t size)
{
	uint64_t addr = BASE + f->used;

	f->used += (size + 15) / 16 * 16;
	cr_assert_leq(f->used, FAKE_BYTES);
	return addr;
}

static void fake__put(struct fake *f, uint64_t addr, const void *data, size_t size)
{
	memcpy(f->bytes + (addr - BASE), data, size);
}

static void fake__put_u64(struct fake *f, uint64_t addr, uint64_t value)
{
	fake__put(f, addr, &value, sizeof(value));
}

static uint64_t fake__type(struct fake *f, const char *name)
{
	uint64_t type = fake__alloc(f, 64), text = fake__alloc(f, 64);

	fake__put(f, text, name, strlen(name) + 1);
	fake__put_u64(f, type + f->image.py.tp_name, text);
	return type;
}

static uint64_t fake__str_of(struct fake *f, const void *data, size_t n, unsigned int kind,
			     bool is_ascii)
{
	const struct ls_pyoffsets *py = &f->image.py;
	uint64_t str = fake__alloc(f, py->str_data + n * kind + 8);

	fake__put_u64(f, str + py->ob_type, f->str_type);
	fake__put_u64(f, str + py->str_length, n);
	fake__put_u64(f, str + py->str_state, kind << 2 | 1 << 5 | (is_ascii ? 1 << 6 : 0));
	fake__put(f, str + (is_ascii ? py->str_ascii_data : py->str_data), data, n * kind);
	return str;
}

static uint64_t fake__str(struct fake *f, const char *ascii)
{
	return fake__str_of(f, ascii, strlen(ascii), 1, true);
}

static uint64_t fake__bytes(struct fake *f, const void *data, size_t n)
{
	uint64_t bytes = fake__alloc(f, f->image.py.bytes_data + n);

	fake__put_u64(f, bytes + f->image.py.ob_type, f->bytes_type);
	fake__put_u64(f, bytes + f->image.py.ob_size, n);
	fake__put(f, bytes + f->image.py.bytes_data, data, n);
	return bytes;
}

/* Writes a code object at `code`; `qualname` counts only where the version has one. */
static void fake__code_at(struct fake *f, uint64_t code, const char *file, const char *name,
			  const char *qualname, uint32_t first_line)
{
	static const uint8_t lnotab[] = { 4, 1, 4, 1 };
	static const uint8_t locations[] = { 0xe9, 0x02, 0xe9, 0x02 };
	const struct ls_pyoffsets *py = &f->image.py;

	fake__put_u64(f, code + py->ob_type, f->code_type);
	fake__put_u64(f, code + py->co_filename, fake__str(f, file));
	fake__put_u64(f, code + py->co_name, fake__str(f, name));
	if (py->co_qualname != LS_PY_NONE)
		fake__put_u64(f, code + py->co_qualname, fake__str(f, qualname));
	fake__put_u64(f, code + py->co_linetable,
		      py->linetable == LS_LINETABLE_LNOTAB
			      ? fake__bytes(f, lnotab, sizeof(lnotab))
			      : fake__bytes(f, locations, sizeof(locations)));
	fake__put(f, code + py->co_firstlineno, &first_line, sizeof(first_line));
}

static uint64_t fake__code(struct fake *f, const char *file, const char *name, const char *qualname,
			   uint32_t first_line)
{
	uint64_t code = fake__alloc(f, 256);

	fake__code_at(f, code, file, name, qualname, first_line);
	return code;
}

static struct fake *fake__new(uint8_t minor)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct ls_pyoffsets *py;

	cr_assert(f);
	py = &f->image.py;
	*py = (struct ls_pyoffsets){
		.ob_type = 8,
		.tp_name = 24,
		.ob_size = 16,
		.bytes_data = 32,
		.minor = minor,
		.str_length = 16,
		.str_state = 32,
		.str_ascii_data = 48,
		.str_data = 72,
		.co_firstlineno = 40,
		.co_filename = 104,
		.co_name = 112,
		.co_linetable = 120,
		.co_qualname = LS_PY_NONE,
		.co_code = 48,
		.co_tlbc = LS_PY_NONE,
		.str_state_shift = 2,
		.linetable = LS_LINETABLE_LNOTAB,
		.position_is_lasti = 1,
	};
	if (minor >= 12) {
		py->str_ascii_data = 40;
		py->str_data = 56;
		py->co_firstlineno = 68;
		py->co_filename = 112;
		py->co_name = 120;
		py->co_qualname = 128;
		py->co_linetable = 136;
		py->co_code = 192;
		py->linetable = LS_LINETABLE_LOCATIONS;
		py->position_is_lasti = 0;
	}
	f->image.memory = (struct memory){ .read = fake__read, .ctx = f };
	fake__alloc(f, 64);
	f->str_type = fake__type(f, "str");
	f->code_type = fake__type(f, "code");
	f->bytes_type = fake__type(f, "bytes");
	cr_assert_eq(strings__new(&f->strings, 1 << 20), 0);
	cr_assert_eq(codes__new(&f->codes, f->strings), 0);
	return f;
}

static void fake__free(struct fake *f)
{
	codes__free(f->codes);
	strings__free(f->strings);
	free(f);
}

static void fake__freep(struct fake **f)
{
	fake__free(*f);
}

#define _fake_ _cleanup_(fake__freep) struct fake

static struct code_info info(struct fake *f, uint64_t code, uint64_t qualname, uint64_t now_ns)
{
	struct code_info ret;

	codes__info(f->codes, PID, &f->image, code, qualname, now_ns, &ret);
	return ret;
}

static uint32_t line(struct fake *f, uint64_t code, uint64_t position)
{
	const struct ls_frame frame = { .code = code, .position = position };

	return codes__line(f->codes, PID, &f->image, &frame, SECOND_NS);
}

static void check_info(const struct code_info *got, const char *name, const char *file,
		       uint32_t first_line)
{
	cr_assert_str_eq(got->name, name);
	cr_assert_str_eq(got->file, file);
	cr_assert_eq(got->first_line, first_line);
}

static void check_str(struct fake *f, uint64_t str, size_t max, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	uint64_t type = 0;

	cr_assert_eq(pyimage__read_str(&f->image, str, max, &text, &type), 0);
	cr_assert_str_eq(text, expected);
	cr_assert_eq(type, f->str_type);
}

Test(pycode, strings)
{
	static const uint16_t two[] = { 'n', 0xe4, '-', 0x3c9 };
	static const uint32_t four[] = { 0x1f600 };
	_fake_ *f = fake__new(12);

	check_str(f, fake__str(f, "plain"), 100, "plain");
	check_str(f, fake__str(f, ""), 100, "");
	check_str(f, fake__str_of(f, "w\xe4", 2, 1, false), 100, "w\xc3\xa4");
	check_str(f, fake__str_of(f, two, 4, 2, false), 100, "n\xc3\xa4-\xcf\x89");
	check_str(f, fake__str_of(f, four, 1, 4, false), 100, "\xf0\x9f\x98\x80");
	check_str(f, fake__str(f, "0123456789"), 4, "0123...");
}

Test(pycode, string_with_data_elsewhere)
{
	_fake_ *f = fake__new(12);
	uint64_t str = fake__str_of(f, "", 0, 1, false), data = fake__alloc(f, 16);

	fake__put(f, data, "away", 4);
	fake__put_u64(f, str + f->image.py.str_length, 4);
	fake__put_u64(f, str + f->image.py.str_state, 1 << 2);
	fake__put_u64(f, str + f->image.py.str_data, data);
	check_str(f, str, 100, "away");
}

Test(pycode, hostile_strings)
{
	_cleanup_free_ char *text = NULL;
	_fake_ *f = fake__new(12);
	uint64_t str = fake__str(f, "x");

	cr_assert_eq(pyimage__read_str(&f->image, 0, 100, &text, NULL), -EFAULT);
	cr_assert_eq(pyimage__read_str(&f->image, str + 1, 100, &text, NULL), -EFAULT);
	cr_assert_eq(pyimage__read_str(&f->image, 8, 100, &text, NULL), -EFAULT);
	fake__put_u64(f, str + f->image.py.str_length, UINT64_MAX);
	cr_assert_eq(pyimage__read_str(&f->image, str, 100, &text, NULL), -EFAULT);
	/* Longer than the memory that is there */
	fake__put_u64(f, str + f->image.py.str_length, 1 << 20);
	cr_assert_eq(pyimage__read_str(&f->image, str, 1 << 20, &text, NULL), -EFAULT);
	fake__put_u64(f, str + f->image.py.str_length, 1);
	fake__put_u64(f, str + f->image.py.str_state, 3 << 2 | 1 << 5);
	cr_assert_eq(pyimage__read_str(&f->image, str, 100, &text, NULL), -EFAULT);
	cr_assert_null(text);
}

Test(pycode, bytes)
{
	_cleanup_free_ uint8_t *data = NULL;
	_fake_ *f = fake__new(12);
	uint64_t bytes = fake__bytes(f, "abc", 3);
	size_t size = 0;

	cr_assert_eq(pyimage__read_bytes(&f->image, bytes, 2, &data, &size), -E2BIG);
	fake__put_u64(f, bytes + 16, UINT64_MAX);
	cr_assert_eq(pyimage__read_bytes(&f->image, bytes, 100, &data, &size), -E2BIG);
	fake__put_u64(f, bytes + 16, 3);
	cr_assert_eq(pyimage__read_bytes(&f->image, bytes, 3, &data, &size), 0);
	cr_assert_eq(size, 3);
	cr_assert_arr_eq(data, "abc", 3);
}

/* Each thread of a free-threaded interpreter may run a copy of the code of its own. */
Test(pycode, offset_in_a_copy_of_the_code)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__alloc(f, 512), array = fake__alloc(f, 64);
	uint64_t first = code + 300, second = array + 0x10000;
	struct ls_frame frame = { .code = code, .position = second + 14 };

	f->image.py.co_code = 300;
	f->image.py.co_tlbc = 224;
	fake__put_u64(f, code + 224, array);
	fake__put_u64(f, array, 3);
	fake__put_u64(f, array + 8, first);
	fake__put_u64(f, array + 16, 0);
	fake__put_u64(f, array + 24, second);
	cr_assert_eq(pyimage__code_offset(&f->image, &frame), 14);
	frame.position = first + 6;
	cr_assert_eq(pyimage__code_offset(&f->image, &frame), 6);
	/* What cannot be read leaves the code itself. */
	fake__put_u64(f, array, UINT64_MAX);
	cr_assert_eq(pyimage__code_offset(&f->image, &frame), 6);
	fake__put_u64(f, code + 224, 0x18);
	cr_assert_eq(pyimage__code_offset(&f->image, &frame), 6);
}

Test(pycode, offset_of_a_position)
{
	struct pyimage image = { .py = { .co_code = 192, .co_tlbc = LS_PY_NONE } };
	struct ls_frame frame = { .code = BASE, .position = BASE + 192 + 10 };

	cr_assert_eq(pyimage__code_offset(&image, &frame), 10);
	frame.position = BASE + 192 - 2;
	cr_assert_eq(pyimage__code_offset(&image, &frame), -2);
	image.py.position_is_lasti = 1;
	frame.position = 10;
	cr_assert_eq(pyimage__code_offset(&image, &frame), 10);
	frame.position = UINT32_MAX;
	cr_assert_eq(pyimage__code_offset(&image, &frame), -1);
	frame.position = UINT64_MAX;
	cr_assert_eq(pyimage__code_offset(&image, &frame), -1);
	image.py.position_is_lasti = 2;
	cr_assert_eq(pyimage__code_offset(&image, &frame), -2);
	frame.position = 10;
	cr_assert_eq(pyimage__code_offset(&image, &frame), 20);
}

Test(codes, names_and_lines_of_3_12)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "/srv/a.py", "go", "A.go", 10), start = code + 192;
	struct code_info got = info(f, code, 0, 1);

	check_info(&got, "A.go", "/srv/a.py", 10);
	cr_assert_eq(line(f, code, start - 2), 10);
	cr_assert_eq(line(f, code, start), 11);
	cr_assert_eq(line(f, code, start + 2), 11);
	cr_assert_eq(line(f, code, start + 4), 12);
	cr_assert_eq(line(f, code, start + 8), 0);
}

Test(codes, names_and_lines_of_3_8)
{
	_fake_ *f = fake__new(8);
	uint64_t code = fake__code(f, "/srv/a.py", "go", NULL, 10);
	struct code_info got = info(f, code, 0, 1);

	check_info(&got, "go", "/srv/a.py", 10);
	cr_assert_eq(line(f, code, UINT32_MAX), 10);
	cr_assert_eq(line(f, code, 0), 10);
	cr_assert_eq(line(f, code, 4), 11);
	cr_assert_eq(line(f, code, 8), 12);
}

Test(codes, qualname_comes_later_and_stays)
{
	_fake_ *f = fake__new(8);
	uint64_t code = fake__code(f, "a.py", "go", NULL, 1);
	struct code_info first = info(f, code, 0, 1), got;

	check_info(&first, "go", "a.py", 1);
	got = info(f, code, fake__str(f, "A.<locals>.go"), 2);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	got = info(f, code, fake__str(f, "B.go"), 3);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	got = info(f, code, 0, 4);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	/* What was handed out before is still there. */
	check_info(&first, "go", "a.py", 1);
}

Test(codes, qualname_must_fit)
{
	_fake_ *f = fake__new(8);
	uint64_t code = fake__code(f, "a.py", "wrapper", NULL, 1), other;
	struct code_info got;

	got = info(f, code, fake__str(f, "A.handler"), 1);
	check_info(&got, "wrapper", "a.py", 1);
	got = info(f, code, fake__str(f, "A.mywrapper"), 1);
	check_info(&got, "wrapper", "a.py", 1);
	/* Freed, and something else is there now */
	got = info(f, code, BASE + FAKE_BYTES, 1);
	check_info(&got, "wrapper", "a.py", 1);
	other = fake__str(f, "A.wrapper");
	fake__put_u64(f, other + f->image.py.ob_type, f->bytes_type);
	got = info(f, code, other, 1);
	check_info(&got, "wrapper", "a.py", 1);
	got = info(f, code, fake__str(f, "wrapper"), 1);
	check_info(&got, "wrapper", "a.py", 1);
}

Test(codes, unreadable)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got;

	got = info(f, 0, 0, 1);
	check_info(&got, "?", "?", 0);
	got = info(f, code + 4, 0, 1);
	check_info(&got, "?", "?", 0);
	/* An object, but no code object */
	got = info(f, fake__str(f, "x"), 0, 1);
	check_info(&got, "?", "?", 0);
	fake__put_u64(f, code + f->image.py.co_filename, 8);
	got = info(f, code, 0, 1);
	check_info(&got, "go", "?", 1);
	cr_assert_eq(line(f, 0, 0), 0);
	/* A layout that is not known yet */
	f->image.py = (struct ls_pyoffsets){ 0 };
	got = info(f, BASE, 0, 1);
	check_info(&got, "?", "?", 0);
}

Test(codes, name_readable_later)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "A.go", 1), str, length;
	struct code_info got;

	memcpy(&str, f->bytes + (code + f->image.py.co_qualname - BASE), sizeof(str));
	length = str + f->image.py.str_length;
	fake__put_u64(f, length, UINT64_MAX);
	got = info(f, code, 0, SECOND_NS);
	check_info(&got, "?", "a.py", 1);
	fake__put_u64(f, length, 4);
	got = info(f, code, 0, 2 * SECOND_NS);
	check_info(&got, "A.go", "a.py", 1);
}

Test(codes, process_gone)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1),
		 other = fake__code(f, "b.py", "no", "no", 1);
	struct code_info got = info(f, code, 0, 1);

	cr_assert_eq(line(f, code, code + 192), 2);
	f->error = -ESRCH;
	got = info(f, code, 0, SECOND_NS);
	check_info(&got, "go", "a.py", 1);
	cr_assert_eq(line(f, code, code + 192), 2);
	got = info(f, other, 0, SECOND_NS);
	check_info(&got, "?", "?", 0);
	codes__info(f->codes, PID, NULL, code, 0, 9 * SECOND_NS, &got);
	check_info(&got, "go", "a.py", 1);
	codes__info(f->codes, PID + 1, NULL, code, 0, 9 * SECOND_NS, &got);
	check_info(&got, "?", "?", 0);
}

Test(codes, address_used_again)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info first = info(f, code, 0, SECOND_NS), got;

	cr_assert_eq(line(f, code, code + 192), 2);
	fake__code_at(f, code, "b.py", "other", "other", 30);
	got = info(f, code, 0, 2 * SECOND_NS);
	check_info(&got, "other", "b.py", 30);
	cr_assert_eq(line(f, code, code + 192), 31);
	check_info(&first, "go", "a.py", 1);
}

Test(codes, compares_now_and_then_only)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got = info(f, code, 0, SECOND_NS);
	unsigned int reads = f->reads;

	check_info(&got, "go", "a.py", 1);
	info(f, code, 0, SECOND_NS + 1);
	cr_assert_eq(f->reads, reads);
	info(f, code, 0, 2 * SECOND_NS);
	cr_assert_eq(f->reads, reads + 1);
	codes__distrust(f->codes, PID);
	info(f, code, 0, 2 * SECOND_NS + 1);
	cr_assert_eq(f->reads, reads + 2);
}

Test(codes, forget)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got = info(f, code, 0, 1);

	codes__forget(f->codes, PID + 1);
	f->error = -ESRCH;
	got = info(f, code, 0, 2);
	check_info(&got, "go", "a.py", 1);
	codes__forget(f->codes, PID);
	got = info(f, code, 0, 2);
	check_info(&got, "?", "?", 0);
}

/* More code objects than are kept: one object under many process ids. */
Test(codes, bounded)
{
	_fake_ *f = fake__new(12);
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got;
	uint32_t pid;

	for (pid = 1; pid <= 40000; pid++)
		codes__info(f->codes, pid, &f->image, code, 0, 1, &got);
	f->error = -ESRCH;
	codes__info(f->codes, 1, &f->image, code, 0, 1, &got);
	check_info(&got, "?", "?", 0);
	codes__info(f->codes, 40000, &f->image, code, 0, 1, &got);
	check_info(&got, "go", "a.py", 1);
}

/* Random memory: whatever is there, it is read in bounds and gives text. */
Test(codes, hostile_memory)
{
	_fake_ *f = fake__new(12);
	struct code_info got;
	unsigned int seed = 13;
	struct ls_frame frame;
	uint64_t word;
	size_t i;
	int round;

	for (round = 0; round < 300; round++) {
		for (i = 512; i < FAKE_BYTES; i += 8) {
			word = (unsigned int)rand_r(&seed);
			/*
			 * Half of the words are pointers into the memory, or the type that is
			 * looked for.
			 */
			if (word & 1)
				word = BASE + word % FAKE_BYTES / 8 * 8;
			else if (word & 2)
				word = f->code_type;
			fake__put_u64(f, BASE + i, word);
		}
		for (i = 0; i < FAKE_BYTES - 512; i += 8) {
			frame = (struct ls_frame){ .code = BASE + i, .position = BASE + i + 200 };
			codes__info(f->codes, PID, &f->image, frame.code, BASE + i + 8,
				    (uint64_t)(round + 1) * SECOND_NS, &got);
			cr_assert(got.name && got.file);
			codes__line(f->codes, PID, &f->image, &frame,
				    (uint64_t)(round + 1) * SECOND_NS);
		}
	}
}
