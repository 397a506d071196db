/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache of code objects. A code object can be freed and its address given to another one, so an
 * entry keeps the pointers it was made from and is compared with the process (one read of about 200
 * bytes) when it is used and the last comparison is RECHECK_NS old. When the process or the page is
 * gone, what was known still serves.
 */
#include "symbol/codes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "symbol/symbol.h"

#define RECHECK_NS 50000000ULL
#define MAX_CODES 32768
#define MAX_TABLE_BYTES (1 << 20) /* of one line table */
#define MAX_ALL_TABLES_BYTES (8 << 20)
#define MAX_NAME_CHARS 1024
#define MAX_FILE_CHARS 4096 /* PATH_MAX */

struct code_key {
	uint64_t code;
	uint64_t pid; /* as wide as the address: the key has no padding */
};

struct code {
	struct code_key key;
	struct pycode_head head;
	uint64_t checked_ns; /* 0: not since codes__distrust() */
	const char *name, *file; /* of the pool */
	bool has_qualname;
	bool is_partial; /* a name could not be read: tried again at the next comparison */
	uint64_t str_type; /* type of its name: what another name must be, too */
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
	HASH_ITER(hh, c->all, code, next)
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

	HASH_ITER(hh, c->all, code, next)
		if (code->key.pid == pid)
			codes__drop(c, code);
}

/* The oldest go until the bounds hold; the newest, just in use, stays. */
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

/* NULL if there is no str to read. */
static const char *intern_str(struct codes *c, const struct pyimage *image, uint64_t addr,
			      size_t max_chars, uint64_t *ret_type)
{
	_cleanup_free_ char *text = NULL;

	if (pyimage__read_str(image, addr, max_chars, &text, ret_type) < 0)
		return NULL;
	return strings__intern(c->strings, text);
}

static struct code *codes__add(struct codes *c, struct pyimage *image, const struct code_key *key,
			       const struct pycode_head *head)
{
	struct pycode_head again;
	struct code *code;

	code = calloc(1, sizeof(*code));
	if (!code)
		return NULL;
	code->key = *key;
	code->head = *head;
	code->has_qualname = head->qualname != 0;
	code->name = intern_str(c, image, head->qualname ? head->qualname : head->name,
				MAX_NAME_CHARS, &code->str_type);
	code->file = intern_str(c, image, head->filename, MAX_FILE_CHARS, NULL);
	code->is_partial = !code->name || !code->file;
	/* The process runs on while it is read: the strings count if the object is the same. */
	if (pycode__read_head(image, key->code, &again) < 0 ||
	    memcmp(&again, head, sizeof(again)) != 0) {
		free(code);
		return NULL;
	}
	code = codes__touch(c, code, true);
	codes__shrink(c);
	return code;
}

/* What is known of the code object at `addr`, read or compared if need be. NULL if nothing. */
static struct code *codes__get(struct codes *c, uint32_t pid, struct pyimage *image, uint64_t addr,
			       uint64_t now_ns)
{
	struct code_key key = { .code = addr, .pid = pid };
	struct pycode_head head;
	struct code *code;

	HASH_FIND(hh, c->all, &key, sizeof(key), code);
	if (code && code->checked_ns && now_ns - code->checked_ns < RECHECK_NS)
		return code;
	if (!image || pycode__read_head(image, addr, &head) < 0)
		return code;
	if (code && (code->is_partial || memcmp(&head, &code->head, sizeof(head)) != 0)) {
		codes__drop(c, code);
		code = NULL;
	}
	code = code ? codes__touch(c, code, false) : codes__add(c, image, &key, &head);
	if (code)
		code->checked_ns = now_ns;
	return code;
}

static bool is_qualname_of(const char *qualname, const char *name)
{
	size_t n_qualname = strlen(qualname), n_name = strlen(name);

	if (n_qualname < n_name || strcmp(qualname + n_qualname - n_name, name) != 0)
		return false;
	return n_qualname == n_name || qualname[n_qualname - n_name - 1] == '.';
}

/*
 * Before 3.11 only the coroutine, not the code object, has the qualified name. It is taken only if
 * it ends with the code's own name: the coroutine may be gone by now, and a decorator's one wrapper
 * runs under many names.
 */
static void learn_qualname(struct codes *c, const struct pyimage *image, struct code *code,
			   uint64_t qualname)
{
	_cleanup_free_ char *text = NULL;
	uint64_t type;

	if (code->has_qualname || !code->name || !image || qualname == 0 ||
	    qualname == code->tried_qualname)
		return;
	code->tried_qualname = qualname;
	if (pyimage__read_str(image, qualname, MAX_NAME_CHARS, &text, &type) < 0 ||
	    type != code->str_type || !is_qualname_of(text, code->name))
		return;
	code->name = strings__intern(c->strings, text);
	code->has_qualname = true;
}

int codes__info(struct codes *c, uint32_t pid, struct pyimage *image, uint64_t code,
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
		.first_line = (uint32_t)found->head.first_line,
	};
	return 0;
}

uint32_t codes__line(struct codes *c, uint32_t pid, struct pyimage *image,
		     const struct ls_frame *frame, uint64_t now_ns)
{
	struct code *code = codes__get(c, pid, image, frame->code, now_ns);

	/* Without an image the meaning of the position is not known either. */
	if (!code || !image)
		return 0;
	if (!code->table) {
		if (pyimage__read_bytes(image, code->head.linetable, MAX_TABLE_BYTES, &code->table,
					&code->table_bytes) < 0)
			return 0;
		c->all_tables_bytes += code->table_bytes;
		code = codes__touch(c, code, false);
		codes__shrink(c);
		if (!code)
			return 0;
	}
	return linetable__line(image->py.linetable, code->table, code->table_bytes,
			       (uint32_t)code->head.first_line, pyimage__code_offset(image, frame));
}
