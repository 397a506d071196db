/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbols of C++ and Rust as their authors wrote them, without parameters:
 * "_ZN5arrow6Status2OKEv" is "arrow::Status::OK".
 */
#ifndef LOOPSTALL_SYMBOL_DEMANGLE_H
#define LOOPSTALL_SYMBOL_DEMANGLE_H

#include <stddef.h>

/*
 * Longer names are cut to `size` and end with "...". What is not mangled, or not well, or longer
 * than 512 bytes, stays as it is.
 */
void demangle(const char *symbol, char *name, size_t size);

#endif
