/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of Python's words (words.c) that are in a file of their own, or that others here ask for.
 */
#ifndef LOOPSTALL_PYTHON_PY_WORDS_H
#define LOOPSTALL_PYTHON_PY_WORDS_H

#include "runtime/words.h"

/* See struct runtime_words. */
const char *py_advice(enum finding_kind kind, struct code_context context);

/* The library that such a frame shows a loop to be of; LIBRARY_DEFAULT: it shows none. */
enum loop_library py_frame_library(const char *file, const char *function);

#endif
