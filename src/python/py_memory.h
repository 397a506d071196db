/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Python objects in another process's memory, read while it runs: every value may be torn, stale or
 * hostile. All walks are bounded; a failed read ends a walk with its error.
 */
#ifndef LOOPSTALL_PYTHON_PY_MEMORY_H
#define LOOPSTALL_PYTHON_PY_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "process/target.h"

int py_read_u64(const struct target *t, uint64_t addr, uint64_t *ret_value);
int py_read_u32(const struct target *t, uint64_t addr, uint32_t *ret_value);
/* A NUL-terminated string of C, cut at `size`. */
int py_read_cstring(const struct target *t, uint64_t addr, char *buf, size_t size);

int py_type_of(const struct target *t, uint64_t object, uint64_t *ret_type);
int py_type_name(const struct target *t, uint64_t type, char *buf, size_t size);
/* Whether the object's type, or a base of it, has a name that contains `part`. */
bool py_is_instance(const struct target *t, uint64_t object, const char *part);

/* Value under a str key. -ENOENT if it is not there. */
int py_dict_get(const struct target *t, uint64_t dict, const char *key, uint64_t *ret_value);
/*
 * Calls `fn` with each key and value of a dict that does not share its keys; a non-zero return ends
 * the walk and is returned.
 */
typedef int (*py_item_fn)(void *ctx, uint64_t key, uint64_t value);
int py_dict_each(const struct target *t, uint64_t dict, py_item_fn fn, void *ctx);
/*
 * Values under a str key of several dicts that do not share their keys, at most PROCMEM_MANY, if it
 * was among the last that were added; 0: it was not. For the price of a few reads.
 */
int py_dicts_get_last(const struct target *t, const uint64_t *dicts, size_t n, const char *key,
		      uint64_t *ret_values);
/* Instance attribute, wherever the version keeps it, slots included. -ENOENT if it is not there. */
int py_attribute(const struct target *t, uint64_t object, const char *name, uint64_t *ret_value);
/* Offset of what an entry of a class's or its bases' __slots__ holds. -ENOENT if there is none. */
int py_slot(const struct target *t, uint64_t type, const char *name, uint64_t *ret_offset);
/*
 * Number of an attribute's value among those of an instance that shares its keys with the others of
 * its class.
 */
int py_value_index(const struct target *t, uint64_t type, const char *name, uint64_t *ret_index);
/* What the class itself has under that name, its bases not asked. */
int py_type_attribute(const struct target *t, uint64_t type, const char *name, uint64_t *ret_value);
/* Whether a str is `name`, which has to be ASCII. */
bool py_str_equals(const struct target *t, uint64_t object, const char *name);
/* An ASCII str; false if it is none, or longer than `buf`. */
bool py_str_ascii(const struct target *t, uint64_t object, char *buf, size_t size);
/* The dict of a module object. */
int py_object_dict(const struct target *t, uint64_t module, uint64_t *ret_dict);
/* What a module that has been imported holds. To look for it takes a while. */
int py_module_dict(const struct target *t, const char *module, uint64_t *ret_dict);
/* Attribute of such a module. */
int py_module_attribute(const struct target *t, const char *module, const char *name,
			uint64_t *ret_value);
/* Value of a small int object (below 2^60). */
int py_int_value(const struct target *t, uint64_t object, uint64_t *ret_value);

/* Calls `fn` with each member of a set; a non-zero return ends the walk and is returned. */
typedef int (*py_member_fn)(void *ctx, uint64_t member);
int py_set_each(const struct target *t, uint64_t set, size_t max_slots, py_member_fn fn, void *ctx);

#endif
