/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays: their length, and arrays that grow. A growing array is a pointer, the number of elements
 * in use and the number there is room for; the owner frees the pointer.
 */
#ifndef LOOPSTALL_BASE_ARRAY_H
#define LOOPSTALL_BASE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define ARRAY_FIRST_SIZE 4

/* Room for `needed` elements of `element_bytes` each: at least doubled. 0 or -ENOMEM; then nothing
 * changed. */
static inline int array__grow(void **array, size_t *size, size_t needed, size_t element_bytes)
{
	size_t new_size = *size ? *size : ARRAY_FIRST_SIZE, bytes;
	void *grown;

	if (needed > SIZE_MAX / 2)
		return -ENOMEM;
	while (new_size < needed)
		new_size *= 2;
	if (__builtin_mul_overflow(new_size, element_bytes, &bytes))
		return -ENOMEM;
	grown = realloc(*array, bytes);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*size = new_size;
	return 0;
}

/*
 * ARRAY_RESERVE(list->items, list->size, list->n + 1): 0, or -ENOMEM with the array as it was. New
 * elements are not initialized.
 */
#define ARRAY_RESERVE(array, size, needed)                                                         \
	((needed) <= (size) ? 0 : ({                                                               \
		void *_array = (array);                                                            \
		int _r = array__grow(&_array, &(size), (needed), sizeof(*(array)));                \
                                                                                                   \
		(array) = _array;                                                                  \
		_r;                                                                                \
	}))

/* As qsort(), for elements that mostly are in order already: then each is looked at once. */
static inline void array__sort(void *array, size_t n, size_t element_bytes,
			       int (*compare)(const void *, const void *))
{
	const char *element = array;

	for (size_t i = 1; i < n; i++, element += element_bytes)
		if (compare(element, element + element_bytes) > 0) {
			qsort(array, n, element_bytes, compare);
			return;
		}
}

#endif
