/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Student's t distribution. Our own because the library that has it is under the GPL.
 */
#ifndef LOOPSTALL_COMPARE_STUDENT_H
#define LOOPSTALL_COMPARE_STUDENT_H

/*
 * How likely a value above `t` is with `df` > 0 degrees of freedom. Good to 1e-12 for some
 * thousands of them.
 */
double student_upper(double t, double df);
/* The value that is exceeded with probability `p`, 0 < p < 1. */
double student_quantile(double p, double df);

#endif
