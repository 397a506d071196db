/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See place.h.
 */
#include "check/place.h"

#include <stdbool.h>
#include <string.h>

static bool is_below(const char *root, const char *file)
{
	return root && place__relative(root, file) != file;
}

const char *place__relative(const char *root, const char *file)
{
	size_t n = root ? strlen(root) : 0;

	while (n > 0 && root[n - 1] == '/')
		n--;
	if (!n || strncmp(file, root, n) || file[n] != '/' || !file[n + 1])
		return file;
	return file + n + 1;
}

/* A virtual environment inside the repository is not the repository's code. */
static bool is_own(const char *root, const char *file)
{
	return is_below(root, file) && !strstr(file, "/site-packages/") &&
		!strstr(file, "/lib/python");
}

struct place_of place__of_stall(const struct stall *stall, const char *root)
{
	const struct code_info *c = &stall->coroutine;
	size_t i, at = 0;

	if (!stall->n_frames)
		return (struct place_of){ .function = c->name,
					  .file = c->file ? place__relative(root, c->file) : NULL,
					  .line = c->first_line,
					  .def_line = c->first_line };
	for (i = 0; i < stall->n_frames; i++) {
		if (!is_own(root, stall->stack[i].file))
			continue;
		at = i;
		break;
	}
	return (struct place_of){ .function = stall->stack[at].function,
				  .file = place__relative(root, stall->stack[at].file),
				  .line = stall->stack[at].line,
				  .def_line = stall->def_lines[at] };
}

struct check_names place__names(const struct stall *stall, const struct place_of *place,
				const char *root)
{
	const char *file = stall->coroutine.file;

	return (struct check_names){
		.coroutine = stall->coroutine.name,
		.task = stall->task_name,
		.function = place->function,
		.coroutine_file = file ? place__relative(root, file) : NULL,
		.file = place->file,
		.line = place->line,
	};
}
