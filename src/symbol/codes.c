/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of code objects. A code object can be freed and its address reused, so an entry keeps
 * the pointers it was made from. It is compared with the process (one read of about 200 bytes) when
 * it is used and the last comparison is RECHECK_NS old. If the process or the page is gone, the
 * cached entry stays valid.
 */
#include "symbol/codes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "base/time.h"
#include "symbol/symbol.h"

#define RECHECK_NS (50 * NS_PER_MS)
#define MAX_CODES 32768
#define MAX_ALL_TABLES_BYTES (8 << 20)

struct code_key {
	uint64_t code;
	uint64_t pid; /* as wide as the address: the key has no padding */
};

struct code {
	struct code_key key;
	struct code_stamp stamp;
	uint64_t checked_ns; /* 0: not since codes__distrust() */
	const char *name, *file; /* of the pool */
	uint32_t first_line;
	bool is_awaited, is_qualified;
	bool is_partial; /* a name could not be read: retried at the next comparison */
	uint64_t name_kind; /* of struct code_names */
	uint64_t tried_qualname; /* address that turned out not to be its qualified name */
	uint8_t *table; /* NULL until a line was asked for */
	size_t table_bytes;
	UT_hash_handle hh;
};

struct codes {
	struct code *all; /* in the order of their last use */
	struct strings *strings;
	size_t all_tables_bytes;
};

int codes__new(struct codes **ret_codes, struct strings *strings)
{
	struct codes *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->strings = strings;
	*ret_codes = c;
	return 0;
}

static void codes__drop(struct codes *c, struct code *code)
{
	HASH_DEL(c->all, code);
	c->all_tables_bytes -= code->table_bytes;
	free(code->table);
	free(code);
}

void codes__free(struct codes *c)
{
	struct code *code, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->all, code, next)
		codes__drop(c, code);
	free(c);
}

void codes__distrust(struct codes *c, uint32_t pid)
{
	struct code *code;

	for (code = c->all; code; code = code->hh.next)
		if (code->key.pid == pid)
			code->checked_ns = 0;
}

void codes__forget(struct codes *c, uint32_t pid)
{
	struct code *code, *next;

	HASH_ITER (hh, c->all, code, next)
		if (code->key.pid == pid)
			codes__drop(c, code);
}

/* Removes the oldest entries until the bounds hold; the newest one is in use and stays. */
static void codes__shrink(struct codes *c)
{
	while (HASH_COUNT(c->all) > 1 &&
	       (HASH_COUNT(c->all) > MAX_CODES || c->all_tables_bytes > MAX_ALL_TABLES_BYTES))
		codes__drop(c, c->all);
}

/* Makes `code`, in the table or not yet, the newest. Frees it and returns NULL without memory. */
static struct code *codes__touch(struct codes *c, struct code *code, bool is_new)
{
	if (!is_new)
		HASH_DEL(c->all, code);
	HASH_ADD(hh, c->all, key, sizeof(code->key), code);
	if (code->hh.tbl)
		return code;
	c->all_tables_bytes -= code->table_bytes;
	free(code->table);
	free(code);
	return NULL;
}

static int read_stamp(struct image *image, uint64_t code, struct code_stamp *ret_stamp)
{
	if (!image || !image->runtime || !image->runtime->code_stamp)
		return -ENOTSUP;
	return image->runtime->code_stamp(&image->source, code, ret_stamp);
}

static bool is_same_stamp(const struct code_stamp *a, const struct code_stamp *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Moves a string to the pool. NULL for NULL. */
static const char *codes__intern(struct codes *c, char *text)
{
	const char *pooled = text ? strings__intern(c->strings, text) : NULL;

	free(text);
	return pooled;
}

static struct code *codes__read(struct codes *c, struct image *image, const struct code_key *key,
				const struct code_stamp *stamp)
{
	struct code *code = calloc(1, sizeof(*code));
	struct code_names names;

	if (!code)
		return NULL;
	image->runtime->code_names(&image->source, stamp, &names);
	code->key = *key;
	code->stamp = *stamp;
	code->name = codes__intern(c, names.name);
	code->file = codes__intern(c, names.file);
	code->first_line = names.first_line;
	code->is_awaited = names.is_awaited;
	code->is_qualified = names.is_qualified;
	code->is_partial = !code->name || !code->file;
	code->name_kind = names.name_kind;
	return code;
}

static struct code *codes__add(struct codes *c, struct image *image, const struct code_key *key,
			       const struct code_stamp *stamp)
{
	struct code *code = codes__read(c, image, key, stamp);
	struct code_stamp again;

	if (!code)
		return NULL;
	/* The process runs on while it is read: the names count if the object is the same. */
	if (read_stamp(image, key->code, &again) < 0 || !is_same_stamp(&again, stamp)) {
		free(code);
		return NULL;
	}
	code = codes__touch(c, code, true);
	codes__shrink(c);
	return code;
}

/* The entry of the code object at `addr`, read or compared if due. NULL if it cannot be read. */
static struct code *codes__get(struct codes *c, uint32_t pid, struct image *image, uint64_t addr,
			       uint64_t now_ns)
{
	struct code_key key = { .code = addr, .pid = pid };
	struct code_stamp stamp;
	struct code *code;

	HASH_FIND(hh, c->all, &key, sizeof(key), code);
	if (code && code->checked_ns && now_ns - code->checked_ns < RECHECK_NS)
		return code;
	/* The process has no more than the copy from which a C function was named. */
	if (code && (addr & LS_CODE_IS_C) && code->is_qualified && !code->is_partial)
		return code;
	if (read_stamp(image, addr, &stamp) < 0)
		return code;
	if (code && (code->is_partial || !is_same_stamp(&stamp, &code->stamp))) {
		codes__drop(c, code);
		code = NULL;
	}
	code = code ? codes__touch(c, code, false) : codes__add(c, image, &key, &stamp);
	if (code)
		code->checked_ns = now_ns;
	return code;
}

/* Only once for each address: what is not its qualified name will not become it. */
static void learn_qualname(struct codes *c, const struct image *image, struct code *code,
			   uint64_t qualname)
{
	const struct runtime_ops *runtime = image ? image->runtime : NULL;
	char *text;

	if (code->is_qualified || !code->name || !runtime || !runtime->code_qualname ||
	    qualname == 0 || qualname == code->tried_qualname)
		return;
	code->tried_qualname = qualname;
	if (runtime->code_qualname(&image->source, code->name, code->name_kind, qualname, &text) <
	    0)
		return;
	code->name = codes__intern(c, text);
	code->is_qualified = true;
}

int codes__info(struct codes *c, uint32_t pid, struct image *image, uint64_t code,
		uint64_t qualname, uint64_t now_ns, struct code_info *ret_info)
{
	struct code *found = codes__get(c, pid, image, code, now_ns);

	if (!found) {
		*ret_info = (struct code_info){ .name = "?", .file = "?" };
		return -ENOENT;
	}
	learn_qualname(c, image, found, qualname);
	*ret_info = (struct code_info){
		.name = found->name ? found->name : "?",
		.file = found->file ? found->file : "?",
		.first_line = found->first_line,
	};
	return 0;
}

bool codes__is_awaited(struct codes *c, uint32_t pid, struct image *image, uint64_t code,
		       uint64_t now_ns)
{
	const struct code *found = codes__get(c, pid, image, code, now_ns);

	return found && found->is_awaited;
}

/* Its line table, read when a line is asked for first. False if it cannot be read. */
static bool codes__read_table(struct codes *c, const struct image *image, struct code *code)
{
	if (code->table)
		return true;
	if (image->runtime->code_lines(&image->source, &code->stamp, &code->table,
				       &code->table_bytes) < 0)
		return false;
	c->all_tables_bytes += code->table_bytes;
	code = codes__touch(c, code, false);
	codes__shrink(c);
	return code;
}

void codes__keep(struct codes *c, uint32_t pid, struct image *image, uint64_t code, uint64_t now_ns)
{
	const struct code_key key = { .code = code, .pid = pid };
	struct code *found;

	HASH_FIND(hh, c->all, &key, sizeof(key), found);
	if (found)
		found->checked_ns = 0;
	found = codes__get(c, pid, image, code, now_ns);
	if (!found)
		return;
	if (image->runtime && image->runtime->code_lines)
		codes__read_table(c, image, found);
	/* The process itself may have what the copy lacks. */
	if (found->is_partial)
		found->checked_ns = 0;
}

uint32_t codes__line(struct codes *c, uint32_t pid, struct image *image,
		     const struct ls_frame *frame, uint64_t now_ns)
{
	struct code *code = codes__get(c, pid, image, frame->code, now_ns);

	/* Without an image the format of the position is not known either. */
	if (!code || !image || !image->runtime || !image->runtime->code_lines ||
	    !codes__read_table(c, image, code))
		return 0;
	return image->runtime->frame_line(&image->source, &code->stamp, code->table,
					  code->table_bytes, frame);
}
