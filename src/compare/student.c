/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By the regularised incomplete beta function, as a continued fraction (NIST Digital Library of
 * Mathematical Functions, 8.17.22, and 8.17.2 for its relation to t), summed by Lentz's method
 * (DLMF 3.10).
 */
#include "compare/student.h"

#include <float.h>
#include <math.h>

#define MAX_TERMS 10000
#define SMALLEST 1e-300 /* in place of a divisor that is zero */

/* Coefficient of the n-th term. */
static double term(double a, double b, double x, int n)
{
	const double m = n / 2;

	if (n % 2)
		return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
	return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
}

static double not_zero(double x)
{
	return fabs(x) < SMALLEST ? SMALLEST : x;
}

/* The fraction converges fast for x below (a + 1) / (a + b + 2). */
static double fraction(double a, double b, double x)
{
	double f = 1, c = 1, d = 0, step = 0;
	int n;

	for (n = 1; n < MAX_TERMS && fabs(step - 1) > DBL_EPSILON; n++) {
		const double k = term(a, b, x, n);

		d = 1 / not_zero(1 + k * d);
		c = not_zero(1 + k / c);
		step = c * d;
		f *= step;
	}
	return 1 / f;
}

static double incomplete_beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x >= 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(a, b, x) / a;
	return 1 - front * fraction(b, a, 1 - x) / b;
}

double student_upper(double t, double df)
{
	const double tail = incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2;

	return t >= 0 ? tail : 1 - tail;
}

/* Halves an interval that holds it: some hundred steps, and no case in which it does not end. */
double student_quantile(double p, double df)
{
	double low = -1, high = 1, middle;

	while (student_upper(low, df) < p && low > -1e300)
		low *= 2;
	while (student_upper(high, df) > p && high < 1e300)
		high *= 2;
	for (middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2) {
		if (student_upper(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return middle;
}
