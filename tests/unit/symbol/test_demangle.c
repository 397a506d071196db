/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/time.h"
#include "symbol/demangle.h"

static void check(const char *symbol, const char *expected)
{
	char name[256];

	demangle(symbol, name, sizeof(name));
	cr_expect_str_eq(name, expected, "%s is '%s', not '%s'", symbol, name, expected);
}

Test(demangle, names_of_three_languages)
{
	static const char *const names[][2] = {
		{ "_ZN5arrow6Status2OKEv", "arrow::Status::OK" },
		{ "_ZNKSt6vectorIiSaIiEE4sizeEv", "std::vector<int, std::allocator<int> >::size" },
		{ "_Z3fooIiEvT_", "foo<int>" },
		{ "_ZN3foo3barERKSt6stringi.cold", "foo::bar" },
		{ "_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write" },
		{ "_ZN52_$LT$orjson..Encoder$u20$as$u20$core..fmt..Debug$GT$3fmt"
		  "17h0123456789abcdefE",
		  "<orjson::Encoder as core::fmt::Debug>::fmt" },
		{ "_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example" },
		{ "deflate", "deflate" },
		{ "_PyEval_EvalFrameDefault", "_PyEval_EvalFrameDefault" },
		{ "_Z", "_Z" },
		{ "_Zgarbage", "_Zgarbage" },
		{ "", "" },
	};

	for (size_t i = 0; i < N_OF(names); i++)
		check(names[i][0], names[i][1]);
}

Test(demangle, a_name_is_cut_to_its_buffer)
{
	char name[12];

	demangle("_ZN5arrow6Status2OKEv", name, sizeof(name));
	cr_assert_str_eq(name, "arrow::S...");
}

/* Each type repeats the one before twice: 40 of them are 2^40 names. */
Test(demangle, a_short_symbol_of_an_endless_name)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const uint64_t start_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	char symbol[1024] = "_Z1fI1AS_IS0_S0_E", name[256];

	for (size_t i = 0; i < 30; i++) {
		const char seq = digits[i + 1];
		size_t n = strlen(symbol);

		snprintf(symbol + n, sizeof(symbol) - n, "S_IS%c_S%c_E", seq, seq);
	}
	strcat(symbol, "Evv");
	demangle(symbol, name, sizeof(name));
	cr_assert_lt(strlen(name), sizeof(name));
	cr_assert_lt(time_now_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns, NS_PER_S);
}

/* The library hands over nothing, at no address. */
Test(demangle, an_empty_piece)
{
	char name[64];

	demangle("_RC0mC", name, sizeof(name));
	cr_assert_str_eq(name, "_RC0mC");
}
