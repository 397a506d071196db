/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of code objects, on CPython's functions and made-up memory.
 */
#include "python/fake_code.h"
#include "symbol/codes.h"

#define PID 42
#define SECOND_NS 1000000000ULL

struct world {
	struct fake *fake;
	struct image image;
	struct strings *strings;
	struct codes *codes;
};

static struct world *world__new(uint8_t minor)
{
	struct world *w = calloc(1, sizeof(*w));

	cr_assert(w);
	w->fake = fake__new(minor);
	w->image = (struct image){ .runtime = &runtime_python, .source = w->fake->source };
	cr_assert_eq(strings__new(&w->strings, 1 << 20), 0);
	cr_assert_eq(codes__new(&w->codes, w->strings), 0);
	return w;
}

static void world__freep(struct world **w)
{
	codes__free((*w)->codes);
	strings__free((*w)->strings);
	fake__freep(&(*w)->fake);
	free(*w);
}

#define _world_ _cleanup_(world__freep) struct world

static struct code_info info(struct world *w, uint64_t code, uint64_t qualname, uint64_t now_ns)
{
	struct code_info ret;

	codes__info(w->codes, PID, &w->image, code, qualname, now_ns, &ret);
	return ret;
}

static uint32_t line(struct world *w, uint64_t code, uint64_t position)
{
	const struct ls_frame frame = { .code = code, .position = position };

	return codes__line(w->codes, PID, &w->image, &frame, SECOND_NS);
}

static void check_info(const struct code_info *got, const char *name, const char *file,
		       uint32_t first_line)
{
	cr_assert_str_eq(got->name, name);
	cr_assert_str_eq(got->file, file);
	cr_assert_eq(got->first_line, first_line);
}

Test(codes, names_and_lines_of_3_12)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "/srv/a.py", "go", "A.go", 10), start = code + 192;
	struct code_info got = info(w, code, 0, 1);

	check_info(&got, "A.go", "/srv/a.py", 10);
	cr_assert_eq(line(w, code, start - 2), 10);
	cr_assert_eq(line(w, code, start), 11);
	cr_assert_eq(line(w, code, start + 2), 11);
	cr_assert_eq(line(w, code, start + 4), 12);
	cr_assert_eq(line(w, code, start + 8), 0);
}

Test(codes, names_and_lines_of_3_8)
{
	_world_ *w = world__new(8);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "/srv/a.py", "go", NULL, 10);
	struct code_info got = info(w, code, 0, 1);

	check_info(&got, "go", "/srv/a.py", 10);
	cr_assert_eq(line(w, code, UINT32_MAX), 10);
	cr_assert_eq(line(w, code, 0), 10);
	cr_assert_eq(line(w, code, 4), 11);
	cr_assert_eq(line(w, code, 8), 12);
}

/* Freed, its first word is a pointer to the next free block, and the rest is still there. */
Test(codes, freed_objects_have_no_names)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "/srv/a.py", "go", "A.go", 10);
	struct code_info got;

	fake__put_u64(f, code, BASE + 64);
	got = info(w, code, 0, 1);
	check_info(&got, "?", "?", 0);
	fake__put_u64(f, code, 0);
	got = info(w, code, 0, 2);
	check_info(&got, "?", "?", 0);
	/* Immortal from 3.12 on; 3.14 has flags in the upper bits. */
	fake__put_u64(f, code, 0x01800000c0000000);
	got = info(w, code, 0, 3);
	check_info(&got, "A.go", "/srv/a.py", 10);
}

Test(codes, qualname_comes_later_and_stays)
{
	_world_ *w = world__new(8);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", NULL, 1);
	struct code_info first = info(w, code, 0, 1), got;

	check_info(&first, "go", "a.py", 1);
	got = info(w, code, fake__str(f, "A.<locals>.go"), 2);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	got = info(w, code, fake__str(f, "B.go"), 3);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	got = info(w, code, 0, 4);
	check_info(&got, "A.<locals>.go", "a.py", 1);
	/* What was handed out before is still there. */
	check_info(&first, "go", "a.py", 1);
}

Test(codes, qualname_must_fit)
{
	_world_ *w = world__new(8);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "wrapper", NULL, 1), other;
	struct code_info got;

	got = info(w, code, fake__str(f, "A.handler"), 1);
	check_info(&got, "wrapper", "a.py", 1);
	got = info(w, code, fake__str(f, "A.mywrapper"), 1);
	check_info(&got, "wrapper", "a.py", 1);
	/* Freed, and something else is there now */
	got = info(w, code, BASE + FAKE_BYTES, 1);
	check_info(&got, "wrapper", "a.py", 1);
	other = fake__str(f, "A.wrapper");
	fake__put_u64(f, other + f->source.proc.py.at.ob_type, f->bytes_type);
	got = info(w, code, other, 1);
	check_info(&got, "wrapper", "a.py", 1);
	got = info(w, code, fake__str(f, "wrapper"), 1);
	check_info(&got, "wrapper", "a.py", 1);
}

Test(codes, unreadable)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got;

	got = info(w, 0, 0, 1);
	check_info(&got, "?", "?", 0);
	got = info(w, code + 4, 0, 1);
	check_info(&got, "?", "?", 0);
	/* An object, but no code object */
	got = info(w, fake__str(f, "x"), 0, 1);
	check_info(&got, "?", "?", 0);
	fake__put_u64(f, code + f->source.proc.py.at.co_filename, 8);
	got = info(w, code, 0, 1);
	check_info(&got, "go", "?", 1);
	cr_assert_eq(line(w, 0, 0), 0);
	/* A layout that is not known yet */
	w->image.source.proc.py.at = (struct ls_pyoffsets){ 0 };
	got = info(w, BASE, 0, 1);
	check_info(&got, "?", "?", 0);
}

Test(codes, name_readable_later)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "A.go", 1), str, length;
	struct code_info got;

	memcpy(&str, f->bytes + (code + f->source.proc.py.at.co_qualname - BASE), sizeof(str));
	length = str + f->source.proc.py.at.str_length;
	fake__put_u64(f, length, UINT64_MAX);
	got = info(w, code, 0, SECOND_NS);
	check_info(&got, "?", "a.py", 1);
	fake__put_u64(f, length, 4);
	got = info(w, code, 0, 2 * SECOND_NS);
	check_info(&got, "A.go", "a.py", 1);
}

Test(codes, process_gone)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1),
		 other = fake__code(f, "b.py", "no", "no", 1);
	struct code_info got = info(w, code, 0, 1);

	cr_assert_eq(line(w, code, code + 192), 2);
	f->error = -ESRCH;
	got = info(w, code, 0, SECOND_NS);
	check_info(&got, "go", "a.py", 1);
	cr_assert_eq(line(w, code, code + 192), 2);
	got = info(w, other, 0, SECOND_NS);
	check_info(&got, "?", "?", 0);
	codes__info(w->codes, PID, NULL, code, 0, 9 * SECOND_NS, &got);
	check_info(&got, "go", "a.py", 1);
	codes__info(w->codes, PID + 1, NULL, code, 0, 9 * SECOND_NS, &got);
	check_info(&got, "?", "?", 0);
}

Test(codes, address_used_again)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info first = info(w, code, 0, SECOND_NS), got;

	cr_assert_eq(line(w, code, code + 192), 2);
	fake__code_at(f, code, "b.py", "other", "other", 30);
	got = info(w, code, 0, 2 * SECOND_NS);
	check_info(&got, "other", "b.py", 30);
	cr_assert_eq(line(w, code, code + 192), 31);
	check_info(&first, "go", "a.py", 1);
}

Test(codes, compares_now_and_then_only)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got = info(w, code, 0, SECOND_NS);
	unsigned int reads = f->reads;

	check_info(&got, "go", "a.py", 1);
	info(w, code, 0, SECOND_NS + 1);
	cr_assert_eq(f->reads, reads);
	info(w, code, 0, 2 * SECOND_NS);
	cr_assert_eq(f->reads, reads + 1);
	codes__distrust(w->codes, PID);
	info(w, code, 0, 2 * SECOND_NS + 1);
	cr_assert_eq(f->reads, reads + 2);
}

Test(codes, forget)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got = info(w, code, 0, 1);

	codes__forget(w->codes, PID + 1);
	f->error = -ESRCH;
	got = info(w, code, 0, 2);
	check_info(&got, "go", "a.py", 1);
	codes__forget(w->codes, PID);
	got = info(w, code, 0, 2);
	check_info(&got, "?", "?", 0);
}

/* More code objects than are kept: one object under many process ids. */
Test(codes, bounded)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
	uint64_t code = fake__code(f, "a.py", "go", "go", 1);
	struct code_info got;
	uint32_t pid;

	for (pid = 1; pid <= 40000; pid++)
		codes__info(w->codes, pid, &w->image, code, 0, 1, &got);
	f->error = -ESRCH;
	codes__info(w->codes, 1, &w->image, code, 0, 1, &got);
	check_info(&got, "?", "?", 0);
	codes__info(w->codes, 40000, &w->image, code, 0, 1, &got);
	check_info(&got, "go", "a.py", 1);
}

/* Random memory: whatever is there, it is read in bounds and gives text. */
Test(codes, hostile_memory)
{
	_world_ *w = world__new(12);
	struct fake *f = w->fake;
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
			codes__info(w->codes, PID, &w->image, frame.code, BASE + i + 8,
				    (uint64_t)(round + 1) * SECOND_NS, &got);
			cr_assert(got.name && got.file);
			codes__line(w->codes, PID, &w->image, &frame,
				    (uint64_t)(round + 1) * SECOND_NS);
		}
	}
}
