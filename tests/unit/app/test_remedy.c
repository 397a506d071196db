/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines that give what lacks.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "app/remedy.h"

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

Test(remedy, capabilities_in_all_spellings)
{
	struct remedy r = {};
	char buf[REMEDY_BYTES];

	remedy__add(&r, "CAP_PERFMON,CAP_BPF");
	remedy__names(&r, buf);
	cr_assert_str_eq(buf, "CAP_BPF, CAP_PERFMON");
	remedy__docker(&r, buf);
	cr_assert_str_eq(buf, "docker run --cap-add=BPF --cap-add=PERFMON ...");
	remedy__kubernetes(&r, buf);
	cr_assert_str_eq(buf, "securityContext: {capabilities: {add: [BPF, PERFMON]}}");
}

Test(remedy, setcap_names_all_that_is_needed)
{
	struct remedy r = {};
	char buf[REMEDY_BYTES];

	remedy__add(&r, "CAP_PERFMON");
	remedy__setcap(&r, buf);
	cr_assert(begins(buf, "setcap cap_bpf,cap_perfmon,cap_sys_ptrace+p /"), "%s", buf);
	remedy__add(&r, "CAP_CHECKPOINT_RESTORE");
	remedy__setcap(&r, buf);
	cr_assert(begins(buf,
			 "setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_checkpoint_restore+p /"),
		  "%s", buf);
}

Test(remedy, what_only_root_makes_use_of_goes_to_no_file)
{
	struct remedy r = {};
	char buf[REMEDY_BYTES];

	remedy__add(&r, "CAP_DAC_READ_SEARCH");
	remedy__setcap(&r, buf);
	cr_assert_str_eq(buf, "");
	remedy__docker(&r, buf);
	cr_assert_str_eq(buf, "docker run --cap-add=DAC_READ_SEARCH ...");
}

Test(remedy, the_hosts_pid_namespace)
{
	struct remedy r = { .host_pid = true };
	char buf[REMEDY_BYTES];

	remedy__setcap(&r, buf);
	cr_assert_str_eq(buf, "");
	remedy__docker(&r, buf);
	cr_assert_str_eq(buf, "docker run --pid=host ...");
	remedy__kubernetes(&r, buf);
	cr_assert_str_eq(buf, "spec: {hostPID: true}");
	remedy__add(&r, "CAP_BPF");
	remedy__kubernetes(&r, buf);
	cr_assert_str_eq(buf,
			 "spec: {hostPID: true}, securityContext: {capabilities: {add: [BPF]}}");
}

Test(remedy, names_that_are_none_add_nothing)
{
	static const char *const lists[] = {
		"", "CAP_NONE", "BPF", "CAP_BP", "CAP_BPFS", ",", "x,y"
	};
	char buf[REMEDY_BYTES];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct remedy r = {};

		remedy__add(&r, lists[i]);
		cr_assert(remedy__is_empty(&r), "%s", lists[i]);
		remedy__docker(&r, buf);
		cr_assert_str_eq(buf, "");
	}
}
