/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By libiberty, which knows both languages. A few bytes of a hostile symbol may stand for gigabytes
 * of text: its variants that hand over piece by piece need no memory, so that they can be left as
 * soon as the name is full.
 */
#include "symbol/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define MAX_TEXT 1024
/*
 * The library's stack grows with the product of a symbol's templates and references: to some
 * megabytes at twice this length.
 */
#define MAX_SYMBOL 512

struct text {
	char bytes[MAX_TEXT];
	size_t n;
	jmp_buf full;
};

static void add_piece(const char *piece, size_t n, void *ctx)
{
	struct text *text = ctx;
	const size_t room = sizeof(text->bytes) - 1 - text->n;
	const size_t fits = n < room ? n : room;

	/* A piece of no bytes may have no address. */
	if (fits)
		memcpy(text->bytes + text->n, piece, fits);
	text->n += fits;
	if (fits < n)
		longjmp(text->full, 1);
}

typedef int (*demangle_fn)(const char *symbol, int options, demangle_callbackref piece, void *ctx);

/* False if it is no symbol of that language. */
static bool demangle_by(demangle_fn fn, const char *symbol, struct text *text)
{
	text->n = 0;
	if (setjmp(text->full))
		return true;
	return fn(symbol, DMGL_NO_OPTS, add_piece, text) && text->n;
}

void demangle(const char *symbol, char *name, size_t size)
{
	struct text text;

	/* Rust's older symbols look like those of C++, with a hash at the end. */
	if (strlen(symbol) <= MAX_SYMBOL &&
	    (!strncmp(symbol, "_Z", 2) || !strncmp(symbol, "_R", 2)) &&
	    (demangle_by(rust_demangle_callback, symbol, &text) ||
	     demangle_by(cplus_demangle_v3_callback, symbol, &text))) {
		text.bytes[text.n] = '\0';
		utf8__sanitize(text.bytes, name, size);
		return;
	}
	snprintf(name, size, "%s", symbol);
}
