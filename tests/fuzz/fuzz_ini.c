/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files, with the options of all commands.
 */
#include "app/commands.h"
#include "app/config_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_file *file = NULL;
	struct err err = {};
	char path[32], origin[128];

	fuzz_file(data, size, path);
	if (!config_file__read(&file, path, NULL, all_commands, &err))
		config_file__origin(file, "sort", "", origin, sizeof(origin));
	else
		fuzz_check(err.what[0]);
	config_file__free(file);
	return 0;
}
