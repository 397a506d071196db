/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads objects of a running interpreter. An address may be stale and its object half overwritten:
 * every size is bounded before it is used, and an object counts only if its type is the right one.
 */
#include "symbol/pycode.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define OBJECT_MAX_BYTES 512 /* no object whose fields are read here is larger */

/* How pyoffsets.h counts `position_is_lasti`. */
enum position_kind { POSITION_POINTER, POSITION_BYTES, POSITION_UNITS };

#define CODE_UNIT_BYTES 2

static int read_memory(const struct pyimage *image, uint64_t addr, void *buf, size_t size)
{
	return image->memory.read(image->memory.ctx, addr, buf, size);
}

static int read_object(const struct pyimage *image, uint64_t addr, void *buf, size_t size)
{
	if (addr == 0 || addr % sizeof(uint64_t) != 0 || size > OBJECT_MAX_BYTES)
		return -EFAULT;
	return read_memory(image, addr, buf, size);
}

static uint64_t u64_at(const uint8_t *object, size_t offset)
{
	uint64_t value;

	memcpy(&value, object + offset, sizeof(value));
	return value;
}

static uint32_t u32_at(const uint8_t *object, size_t offset)
{
	uint32_t value;

	memcpy(&value, object + offset, sizeof(value));
	return value;
}

static bool type_is_code(const struct pyimage *image, uint64_t type)
{
	static const char code[] = "code";
	char name[sizeof(code)];
	uint64_t tp_name;

	if (read_object(image, type + image->py.tp_name, &tp_name, sizeof(tp_name)) < 0 ||
	    read_memory(image, tp_name, name, sizeof(name)) < 0)
		return false;
	return memcmp(name, code, sizeof(code)) == 0;
}

/* How much of a code object must be read to have all fields; 0 if the layout is not known. */
static size_t head_bytes(const struct ls_pyoffsets *py)
{
	const uint16_t last[] = { py->ob_type, py->co_filename, py->co_name, py->co_linetable,
				  py->co_firstlineno };
	size_t bytes = py->co_qualname == LS_PY_NONE ? 0 : py->co_qualname, i;

	if (py->minor == 0)
		return 0;
	for (i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (last[i] > bytes)
			bytes = last[i];
	bytes += sizeof(uint64_t);
	return bytes <= OBJECT_MAX_BYTES ? bytes : 0;
}

int pycode__read_head(struct pyimage *image, uint64_t code, struct pycode_head *ret_head)
{
	const struct ls_pyoffsets *py = &image->py;
	uint8_t object[OBJECT_MAX_BYTES];
	size_t size = head_bytes(py);
	int32_t first_line;
	int r;

	if (size == 0)
		return -ENOTSUP;
	r = read_object(image, code, object, size);
	if (r < 0)
		return r;
	first_line = (int32_t)u32_at(object, py->co_firstlineno);
	*ret_head = (struct pycode_head){
		.type = u64_at(object, py->ob_type),
		.filename = u64_at(object, py->co_filename),
		.name = u64_at(object, py->co_name),
		.qualname = py->co_qualname == LS_PY_NONE ? 0 : u64_at(object, py->co_qualname),
		.linetable = u64_at(object, py->co_linetable),
		.first_line = first_line > 0 ? (uint32_t)first_line : 0,
	};
	/* No class can be derived from `code`: there is one type of this name only. */
	if (image->code_type ? ret_head->type != image->code_type
			     : !type_is_code(image, ret_head->type))
		return -EFAULT;
	image->code_type = ret_head->type;
	return 0;
}

/* Where the characters of a str begin, or 0. */
static uint64_t str_data(const struct pyimage *image, uint64_t addr, uint32_t state)
{
	const struct ls_pyoffsets *py = &image->py;
	uint64_t data;

	if (ls_str_is_compact(py, state))
		return addr + (ls_str_is_ascii(py, state) ? py->str_ascii_data : py->str_data);
	/* A subclass of str keeps its characters elsewhere. */
	if (read_object(image, addr + py->str_data, &data, sizeof(data)) < 0)
		return 0;
	return data;
}

int pyimage__read_str(const struct pyimage *image, uint64_t addr, size_t max_chars, char **ret_text,
		      uint64_t *ret_type)
{
	const struct ls_pyoffsets *py = &image->py;
	size_t head = py->str_state + sizeof(uint64_t), length, n, text_bytes;
	_cleanup_free_ uint8_t *chars = NULL;
	_cleanup_free_ char *text = NULL;
	uint8_t object[OBJECT_MAX_BYTES];
	unsigned int width;
	uint64_t data;
	int r;

	if (py->str_length + sizeof(uint64_t) > head || head > OBJECT_MAX_BYTES)
		return -ENOTSUP;
	r = read_object(image, addr, object, head);
	if (r < 0)
		return r;
	length = u64_at(object, py->str_length);
	width = ls_str_width(py, u32_at(object, py->str_state));
	if ((width != 1 && width != 2 && width != 4) || length > INT64_MAX)
		return -EFAULT;
	data = str_data(image, addr, u32_at(object, py->str_state));
	n = length < max_chars ? length : max_chars;
	text_bytes = n * UTF8_MAX_BYTES + sizeof("...");
	chars = malloc(n * width + 1);
	text = malloc(text_bytes);
	if (!chars || !text)
		return -ENOMEM;
	r = n > 0 ? read_memory(image, data, chars, n * width) : 0;
	if (r < 0)
		return r;
	utf8__from_wide(chars, n, width, n < length, text, text_bytes);
	if (ret_type)
		*ret_type = u64_at(object, py->ob_type);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int pyimage__read_bytes(const struct pyimage *image, uint64_t addr, size_t max, uint8_t **ret_data,
			size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	uint64_t size;
	int r;

	r = read_object(image, addr + image->py.ob_size, &size, sizeof(size));
	if (r < 0)
		return r;
	if (size > max)
		return -E2BIG;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = size > 0 ? read_memory(image, addr + image->py.bytes_data, data, size) : 0;
	if (r < 0)
		return r;
	*ret_data = TAKE_PTR(data);
	*ret_size = size;
	return 0;
}

#define MAX_CODE_COPIES 1024

/*
 * Where the code begins that a frame runs. A free-threaded interpreter gives each thread a copy of its own (cpython
 * Include/cpython/code.h, _PyCodeArray): the one that begins last before the position.
 */
static uint64_t code_start(const struct pyimage *image, const struct ls_frame *frame)
{
	uint64_t start = frame->code + image->py.co_code, array, copies[1 + MAX_CODE_COPIES];
	size_t n;

	if (image->py.co_tlbc == LS_PY_NONE ||
	    read_object(image, frame->code + image->py.co_tlbc, &array, sizeof(array)) < 0 ||
	    read_object(image, array, copies, sizeof(*copies)) < 0)
		return start;
	n = copies[0] < MAX_CODE_COPIES ? copies[0] : MAX_CODE_COPIES;
	if (n == 0 || read_memory(image, array, copies, (1 + n) * sizeof(*copies)) < 0)
		return start;
	if (start > frame->position)
		start = 0;
	for (size_t i = 1; i <= n; i++)
		if (copies[i] <= frame->position && copies[i] > start)
			start = copies[i];
	return start;
}

int64_t pyimage__code_offset(const struct pyimage *image, const struct ls_frame *frame)
{
	int32_t lasti = (int32_t)(uint32_t)frame->position;

	switch (image->py.position_is_lasti) {
	case POSITION_BYTES:
		return lasti;
	case POSITION_UNITS:
		return (int64_t)lasti * CODE_UNIT_BYTES;
	default:
		return (int64_t)(frame->position - code_start(image, frame));
	}
}
