/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See py_source.h. An address may be stale and its object half overwritten: every size is bounded
 * before it is used.
 */
#include "python/py_source.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "python/py_pages.h"

int py_source__read(const struct frame_source *s, uint64_t addr, void *buf, size_t size)
{
	return s->read(s->ctx, addr, buf, size);
}

int py_source__read_object(const struct frame_source *s, uint64_t addr, void *buf, size_t size)
{
	if (addr == 0 || addr % sizeof(uint64_t) != 0 || size > PY_OBJECT_MAX_BYTES)
		return -EFAULT;
	return py_source__read(s, addr, buf, size);
}

/* Where the characters of a str begin, or 0. */
static uint64_t str_data(const struct frame_source *s, uint64_t addr, uint32_t state)
{
	const struct ls_pyoffsets *py = py_source__layout(s);
	uint64_t data;

	if (ls_str_is_compact(py, state))
		return addr + (ls_str_is_ascii(py, state) ? py->str_ascii_data : py->str_data);
	/* A subclass of str keeps its characters elsewhere. */
	if (py_source__read_object(s, addr + py->str_data, &data, sizeof(data)) < 0)
		return 0;
	return data;
}

/* `n` characters out of `length`, of `width` bytes each. */
static int read_chars(const struct frame_source *s, uint64_t addr, size_t n, unsigned int width,
		      size_t length, char **ret_text)
{
	const size_t text_bytes = n * UTF8_MAX_BYTES + sizeof("...");
	_cleanup_free_ uint8_t *chars = malloc(n * width + 1);
	_cleanup_free_ char *text = malloc(text_bytes);
	int r;

	if (!chars || !text)
		return -ENOMEM;
	r = n > 0 ? py_source__read(s, addr, chars, n * width) : 0;
	if (r < 0)
		return r;
	utf8__from_wide(chars, n, width, n < length, text, text_bytes);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int py_source__read_str(const struct frame_source *s, uint64_t addr, size_t max_chars,
			char **ret_text, uint64_t *ret_type)
{
	const struct ls_pyoffsets *py = py_source__layout(s);
	const size_t head = py->str_state + sizeof(uint64_t);
	uint8_t object[PY_OBJECT_MAX_BYTES];
	unsigned int width;
	uint32_t state;
	size_t length;
	int r;

	if (py->str_length + sizeof(uint64_t) > head || head > PY_OBJECT_MAX_BYTES)
		return -ENOTSUP;
	r = py_source__read_object(s, addr, object, head);
	if (r < 0)
		return r;
	length = py_word(object, py->str_length);
	state = py_half(object, py->str_state);
	width = ls_str_width(py, state);
	if ((width != 1 && width != 2 && width != 4) || length > INT64_MAX)
		return -EFAULT;
	r = read_chars(s, str_data(s, addr, state), length < max_chars ? length : max_chars, width,
		       length, ret_text);
	if (r < 0)
		return r;
	if (ret_type)
		*ret_type = py_word(object, py->ob_type);
	return 0;
}

int py_source__read_bytes(const struct frame_source *s, uint64_t addr, size_t max,
			  uint8_t **ret_data, size_t *ret_size)
{
	const struct ls_pyoffsets *py = py_source__layout(s);
	_cleanup_free_ uint8_t *data = NULL;
	uint64_t size;
	int r;

	r = py_source__read_object(s, addr + py->ob_size, &size, sizeof(size));
	if (r < 0)
		return r;
	if (size > max)
		return -E2BIG;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = size > 0 ? py_source__read(s, addr + py->bytes_data, data, size) : 0;
	if (r < 0)
		return r;
	*ret_data = TAKE_PTR(data);
	*ret_size = size;
	return 0;
}
