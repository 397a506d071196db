/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads many small objects of one process fast: memory comes in blocks, each read once. What it
 * returns is a snapshot, each block of the moment it was first asked for. Of one pass only: make a
 * new one for the next.
 */
#ifndef LOOPSTALL_PYTHON_PY_PAGES_H
#define LOOPSTALL_PYTHON_PY_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "process/target.h"

struct py_pages;

/* `t` must outlive it. 0 or -ENOMEM. */
int py_pages__new(struct py_pages **ret_pages, const struct target *t);
void py_pages__free(struct py_pages *p);
static inline void py_pages__freep(struct py_pages **p)
{
	py_pages__free(*p);
}

/* As target__read(). */
int py_pages__read(struct py_pages *p, uint64_t addr, void *buf, size_t size);
/*
 * As much as can be read, the rest is 0: an object may be smaller than `size` and the last of its
 * page.
 */
int py_pages__read_head(struct py_pages *p, uint64_t addr, void *buf, size_t size);
/* What is read from now on is new. */
void py_pages__forget(struct py_pages *p);
/* 0, or what kept a block from being read that was no hole: the process is gone. */
int py_pages__error(const struct py_pages *p);

/* The value at `offset` of an object that was read. */
static inline uint64_t py_word(const uint8_t *object, size_t offset)
{
	uint64_t value;

	__builtin_memcpy(&value, object + offset, sizeof(value));
	return value;
}

static inline uint32_t py_half(const uint8_t *object, size_t offset)
{
	uint32_t value;

	__builtin_memcpy(&value, object + offset, sizeof(value));
	return value;
}

#endif
