/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of /proc/PID, each parser on the same text: paths, names and command lines in them are the
 * target's choice.
 */
#include "process/proc_thread.h"
#include "process/procfs.h"
#include "symbol/execmap.h"
#include "tests/fuzz/fuzz.h"

static void read_maps(const char *text, size_t size)
{
	struct maps *maps = NULL;

	if (maps__parse(&maps, text, size, "/root") < 0)
		return;
	for (size_t i = 0; i < maps->n; i++)
		fuzz_check(maps->entries[i].path && maps->entries[i].name);
	maps__stamp(maps);
	maps__find_path(maps, "/x");
	maps__find_name(maps, "libpython3");
	maps__find_part(maps, "/lib-dynload/");
	maps__free(maps);
}

static void read_code(char *text, size_t size)
{
	FILE *file = size ? fmemopen(text, size, "r") : NULL;
	struct execmap map = {};

	if (!file)
		return;
	if (!execmap__read(&map, file))
		execmap__find(&map, 0x7f0000001000);
	execmap__done(&map);
	fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct proc_thread thread = {};
	struct proc_status status;
	struct proc_stat stat;

	read_maps(text, size);
	read_code(text, size);
	if (!proc_stat__parse(&stat, text))
		fuzz_check(strnlen(stat.comm, sizeof(stat.comm)) < sizeof(stat.comm));
	proc_status__parse(&status, text);
	proc_thread__parse_syscall(&thread, text);
	proc_inner_path("/root", text);
	proc_cgroup__parse(text);
	free(text);
	return 0;
}
