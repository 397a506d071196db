/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How steps are measured, as the command line, reports and recordings name it.
 */
#ifndef LOOPSTALL_SESSION_MEASURE_MODE_H
#define LOOPSTALL_SESSION_MEASURE_MODE_H

#define MEASURE_MODES(_)                                                                           \
	_(AUTO, "auto")                                                                            \
	_(EXACT, "exact")                                                                          \
	_(LIGHT, "light")

enum measure_mode {
#define _(name, word) MEASURE_MODE_##name,
	MEASURE_MODES(_)
#undef _
};

const char *measure_mode_word(enum measure_mode mode);
/* 0, or -EINVAL if there is no such mode; then *ret_mode is unchanged. */
int measure_mode_parse(const char *word, enum measure_mode *ret_mode);

#endif
