/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code objects in memory that the tests make up, laid out as in 3.8 (line numbers, no qualified
 * name) or as in 3.12.
 */
#ifndef LOOPSTALL_TESTS_UNIT_PYTHON_FAKE_CODE_H
#define LOOPSTALL_TESTS_UNIT_PYTHON_FAKE_CODE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/frames.h"

#define BASE 0x7f0000000000ULL
#define FAKE_BYTES 16384

struct fake {
	struct frame_source source;
	uint8_t bytes[FAKE_BYTES];
	size_t used;
	unsigned int reads;
	int error; /* what reading returns; 0: it works */
	uint64_t str_type, code_type, bytes_type;
};

static inline int fake__read(void *ctx, uint64_t addr, void *buf, size_t size)
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

static inline uint64_t fake__alloc(struct fake *f, size_t size)
{
	uint64_t addr = BASE + f->used;

	f->used += (size + 15) / 16 * 16;
	cr_assert_leq(f->used, FAKE_BYTES);
	return addr;
}

static inline void fake__put(struct fake *f, uint64_t addr, const void *data, size_t size)
{
	memcpy(f->bytes + (addr - BASE), data, size);
}

static inline void fake__put_u64(struct fake *f, uint64_t addr, uint64_t value)
{
	fake__put(f, addr, &value, sizeof(value));
}

static inline uint64_t fake__type(struct fake *f, const char *name)
{
	uint64_t type = fake__alloc(f, 64), text = fake__alloc(f, 64);

	fake__put(f, text, name, strlen(name) + 1);
	fake__put_u64(f, type + f->source.proc.py.at.tp_name, text);
	return type;
}

static inline uint64_t fake__str_of(struct fake *f, const void *data, size_t n, unsigned int kind,
				    bool is_ascii)
{
	const struct ls_pyoffsets *py = &f->source.proc.py.at;
	uint64_t str = fake__alloc(f, py->str_data + n * kind + 8);

	fake__put_u64(f, str + py->ob_type, f->str_type);
	fake__put_u64(f, str + py->str_length, n);
	fake__put_u64(f, str + py->str_state, kind << 2 | 1 << 5 | (is_ascii ? 1 << 6 : 0));
	fake__put(f, str + (is_ascii ? py->str_ascii_data : py->str_data), data, n * kind);
	return str;
}

static inline uint64_t fake__str(struct fake *f, const char *ascii)
{
	return fake__str_of(f, ascii, strlen(ascii), 1, true);
}

static inline uint64_t fake__bytes(struct fake *f, const void *data, size_t n)
{
	uint64_t bytes = fake__alloc(f, f->source.proc.py.at.bytes_data + n);

	fake__put_u64(f, bytes + f->source.proc.py.at.ob_type, f->bytes_type);
	fake__put_u64(f, bytes + f->source.proc.py.at.ob_size, n);
	fake__put(f, bytes + f->source.proc.py.at.bytes_data, data, n);
	return bytes;
}

/* Writes a code object at `code`; `qualname` counts only where the version has one. */
static inline void fake__code_at(struct fake *f, uint64_t code, const char *file, const char *name,
				 const char *qualname, uint32_t first_line)
{
	static const uint8_t lnotab[] = { 4, 1, 4, 1 };
	static const uint8_t locations[] = { 0xe9, 0x02, 0xe9, 0x02 };
	const struct ls_pyoffsets *py = &f->source.proc.py.at;

	fake__put_u64(f, code, 1); /* references to it */
	fake__put_u64(f, code + py->ob_type, f->code_type);
	fake__put_u64(f, code + py->co_filename, fake__str(f, file));
	fake__put_u64(f, code + py->co_name, fake__str(f, name));
	if (py->co_qualname != LS_PY_NONE)
		fake__put_u64(f, code + py->co_qualname, fake__str(f, qualname));
	fake__put_u64(f, code + py->co_linetable,
		      py->linetable == LS_LINETABLE_LNOTAB ?
			      fake__bytes(f, lnotab, sizeof(lnotab)) :
			      fake__bytes(f, locations, sizeof(locations)));
	fake__put(f, code + py->co_firstlineno, &first_line, sizeof(first_line));
}

static inline uint64_t fake__code(struct fake *f, const char *file, const char *name,
				  const char *qualname, uint32_t first_line)
{
	uint64_t code = fake__alloc(f, 256);

	fake__code_at(f, code, file, name, qualname, first_line);
	return code;
}

static inline struct fake *fake__new(uint8_t minor)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct ls_pyoffsets *py;

	cr_assert(f);
	py = &f->source.proc.py.at;
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
	f->source.read = fake__read;
	f->source.ctx = f;
	fake__alloc(f, 64);
	f->str_type = fake__type(f, "str");
	f->code_type = fake__type(f, "code");
	f->bytes_type = fake__type(f, "bytes");
	return f;
}

static inline void fake__freep(struct fake **f)
{
	free(*f);
}

#define _fake_ _cleanup_(fake__freep) struct fake

#endif
