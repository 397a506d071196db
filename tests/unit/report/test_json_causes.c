/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What JSON says of the causes of a stall: who collected, who stopped it, who had the CPU.
 */
#include <signal.h>

#include "report/stalls.h"

static const struct report_opts opts = { .mode = "exact" };

Test(json, the_collected_generation)
{
	struct stall s;
	char *text;

	stall_init(&s);
	s.gc_generation = 3;
	text = stall_text("json", &s, &opts);
	cr_assert_not_null(strstr(text, "\"gc_generation\":2,"), "%s", text);
	free(text);
	s.gc_generation = 1;
	text = stall_text("json", &s, &opts);
	cr_assert_not_null(strstr(text, "\"gc_generation\":0,"), "%s", text);
	free(text);
}

Test(json, who_stopped_it)
{
	static const struct {
		enum ls_stop stop;
		uint32_t id;
		const char *text;
	} stops[] = {
		{ LS_STOP_SIGNAL, 19, "{\"kind\":\"signal\",\"signal\":\"SIGSTOP\",\"pid\":null}" },
		{ LS_STOP_SIGNAL, 0, "{\"kind\":\"signal\",\"signal\":null,\"pid\":null}" },
		{ LS_STOP_TRACER, 77, "{\"kind\":\"tracer\",\"signal\":null,\"pid\":77}" },
		{ LS_STOP_TRACER, 0, "{\"kind\":\"tracer\",\"signal\":null,\"pid\":null}" },
		{ LS_STOP_FREEZER, 0, "{\"kind\":\"freezer\",\"signal\":null,\"pid\":null}" },
	};
	struct stall s;

	stall_init(&s);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		char *text;

		s.stop = stops[i].stop;
		s.stop_id = stops[i].id;
		text = stall_text("json", &s, &opts);
		cr_assert_not_null(strstr(text, stops[i].text), "%s", text);
		free(text);
	}
}

Test(json, who_had_the_cpu)
{
	static const char *const texts[] = {
		("\"cpu_holder\":{\"pid\":977,\"name\":\"hog\",\"is_own_process\":false,"
		 "\"duration_ns\":12000000}"),
		"\"pinned_ns\":7",
		"\"releases_gil\":true",
		"\"kernel_ns\":15000000,\"page_faults\":4000",
		"\"own_cause\":\"cpu\"",
	};
	struct stall s;
	char *text;

	stall_init(&s);
	text = stall_text("json", &s, &opts);
	cr_assert_not_null(strstr(text,
				  "\"cpu_holder\":null,\"pinned_ns\":0,"
				  "\"releases_gil\":null,\"kernel_ns\":null,\"page_faults\":0,"
				  "\"finalizer\":null,\"signal_handler\":null,"
				  "\"repeated_await\":null,\"own_cause\":null"),
			   "%s", text);
	free(text);
	s.cpu_holder = (struct cpu_holder){ 12000000, 977, false, "hog" };
	s.pinned_ns = 7;
	s.cpu_ns = s.own_ns = 20000000;
	s.gil_looks = 3;
	s.gil_free = 2;
	s.has_kernel_ns = true;
	s.kernel_ns = 15000000;
	s.page_faults = 4000;
	text = stall_text("json", &s, &opts);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_not_null(strstr(text, texts[i]), "%s in %s", texts[i], text);
	free(text);
}
