/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A str of the target as the kernel side copied it, into UTF-8.
 */
#ifndef LOOPSTALL_STREAM_PYSTR_H
#define LOOPSTALL_STREAM_PYSTR_H

#include <stddef.h>

#include <loopstall/abi.h>

/*
 * Writes at most `size` bytes with the NUL; cut at a character and ended with "..." if it did not
 * fit or was not copied whole. An int (kind 0) becomes "Task-<number>". Lone surrogates become
 * U+FFFD. Writes "?" if nothing could be read.
 */
void pystr__to_utf8(const struct ls_pystr *str, char *buf, size_t size);

#endif
