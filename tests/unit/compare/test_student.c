/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Against closed forms: with 1 degree of freedom it is Cauchy's distribution, with 2 it is
 * algebraic, with many it is the normal one.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "base/array.h"
#include "compare/student.h"

Test(student, one_degree_is_cauchy)
{
	for (double t = -50; t <= 50; t += 0.37)
		cr_expect_float_eq(student_upper(t, 1), 0.5 - atan(t) / M_PI, 1e-12, "t %g", t);
}

Test(student, two_degrees_are_algebraic)
{
	for (double t = -50; t <= 50; t += 0.37)
		cr_expect_float_eq(student_upper(t, 2), 0.5 - t / (2 * sqrt(2 + t * t)), 1e-12,
				   "t %g", t);
}

Test(student, many_degrees_are_normal)
{
	for (double t = -6; t <= 6; t += 0.37)
		cr_expect_float_eq(student_upper(t, 1e5), erfc(t / sqrt(2)) / 2, 1e-5, "t %g", t);
}

Test(student, quantile_is_the_inverse)
{
	static const double dfs[] = { 0.5, 1, 3, 6.5, 14, 200 };

	for (size_t i = 0; i < N_OF(dfs); i++)
		for (double p = 0.001; p < 1; p += 0.0333)
			cr_expect_float_eq(student_upper(student_quantile(p, dfs[i]), dfs[i]), p,
					   1e-10, "p %g, df %g", p, dfs[i]);
}

/* Of any printed table. */
Test(student, table)
{
	cr_expect_float_eq(student_quantile(0.025, 4), 2.776445, 1e-6);
	cr_expect_float_eq(student_quantile(0.05, 10), 1.812461, 1e-6);
	cr_expect_float_eq(student_quantile(0.005, 30), 2.749996, 1e-6);
}
