/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The memory that names a code object: what src/python/py_code.c and py_lines.c read of it.
 */
#ifndef LOOPSTALL_BPF_CODE_PIECES_H
#define LOOPSTALL_BPF_CODE_PIECES_H

#include "core/port.h"
#include "python/objects.h"

/*
 * The object itself, its type's name, its file and name (str), its line table (bytes). What does
 * not fit stays without a name or line.
 */
#define PIECES(_)                                                                                  \
	_(object, 192)                                                                             \
	_(type, 8)                                                                                 \
	_(type_name, 8)                                                                            \
	_(file, 320)                                                                               \
	_(name, 192)                                                                               \
	_(lines, 1024)

struct code_layout {
#define _(name, size) __u8 name[size];
	PIECES(_)
#undef _
};

enum {
#define _(name, size) PIECE_##name,
	PIECES(_)
#undef _
		N_PIECES
};

_Static_assert(sizeof(struct code_layout) == LS_CODE_BYTES, "bytes of a code record");
_Static_assert(sizeof(((struct code_layout *)0)->name) == LS_PY_C_NAME_BYTES &&
		       sizeof(((struct code_layout *)0)->file) == LS_PY_C_OWNER_BYTES,
	       "names of C functions");
_Static_assert(N_PIECES == LS_CODE_PIECES, "pieces of a code record");

LS_INLINE void piece_copy(struct ls_rec_code *rec, __u32 i, __u32 at, __u32 size, __u64 addr)
{
	rec->pieces[i].addr = addr;
	rec->pieces[i].at = at;
	rec->pieces[i].n_bytes = addr && !read_user(rec->bytes + at, size, addr) ? size : 0;
}

#define PIECE_COPY(rec, name, addr)                                                                \
	piece_copy((rec), PIECE_##name, __builtin_offsetof(struct code_layout, name),              \
		   sizeof(((struct code_layout *)0)->name), (addr))

/* As much of the piece as there is before the end of a page. */
LS_INLINE void piece_copy_some(struct ls_rec_code *rec, __u32 i, __u32 at, __u32 size, __u64 addr)
{
	piece_copy(rec, i, at, size, addr);
	if (!rec->pieces[i].n_bytes)
		piece_copy(rec, i, at, size / LS_PY_PIECE_CUT, addr);
	if (!rec->pieces[i].n_bytes)
		piece_copy(rec, i, at, size / LS_PY_PIECE_CUT / LS_PY_PIECE_CUT, addr);
}

#define PIECE_COPY_SOME(rec, name, addr)                                                           \
	piece_copy_some((rec), PIECE_##name, __builtin_offsetof(struct code_layout, name),         \
			sizeof(((struct code_layout *)0)->name), (addr))

/* Copies what can be read of the object at `code`, whose type is at `type`. */
LS_INLINE void code_pieces_copy(const struct ls_pyoffsets *py, struct ls_rec_code *rec, __u64 code,
				__u64 type)
{
	const __u64 type_name = read_ptr(type + py->tp_name);
	const __u32 name = py->co_qualname == LS_PY_NONE ? py->co_name : py->co_qualname;

	PIECE_COPY(rec, object, code);
	PIECE_COPY(rec, type, type + py->tp_name);
	PIECE_COPY(rec, type_name, type_name);
	PIECE_COPY_SOME(rec, file, read_ptr(code + py->co_filename));
	PIECE_COPY_SOME(rec, name, read_ptr(code + name));
	PIECE_COPY_SOME(rec, lines, read_ptr(code + py->co_linetable));
}

/* The same of a C function (struct ls_frame). */
LS_INLINE void c_function_pieces_copy(const struct ls_pyoffsets *py, struct ls_rec_code *rec,
				      __u64 code, __u64 owner)
{
	const __u64 at = code & ~(__u64)LS_CODE_IS_C;
	struct ls_py_c_function function = { .code = code };

	if (code & LS_CODE_C_TYPE) {
		function.name = read_ptr(at + py->tp_name);
	} else {
		function.name = read_ptr(at);
		function.is_owner_str = owner &&
			read_ptr(read_ptr(owner + py->ob_type) + py->tp_flags) & TP_FLAG_UNICODE;
		function.owner =
			!owner || function.is_owner_str ? owner : read_ptr(owner + py->tp_name);
	}
	__builtin_memcpy(rec->bytes, &function, sizeof(function));
	__builtin_memset(rec->pieces, 0, sizeof(rec->pieces));
	rec->pieces[PIECE_object].addr = code;
	rec->pieces[PIECE_object].n_bytes = sizeof(function);
	PIECE_COPY_SOME(rec, name, function.name);
	PIECE_COPY_SOME(rec, file, function.owner);
}

#endif
