/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See place.h.
 */
#include "check/place.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/words.h"

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
static bool is_own(const struct stall *stall, const char *root, const char *file)
{
	return is_below(root, file) && !runtime_words__is_library(stall->words, file);
}

static struct place_of place_of_coroutine(const struct stall *stall, const char *root)
{
	const struct code_info *c = &stall->coroutine;

	return (struct place_of){ .function = c->name,
				  .file = c->file ? place__relative(root, c->file) : NULL,
				  .line = c->first_line,
				  .def_line = c->first_line };
}

static struct place_of place_of_frame(const struct model_frame *frame, uint32_t def_line,
				      const char *root)
{
	return (struct place_of){ .function = frame->function,
				  .file = place__relative(root, frame->file),
				  .line = frame->line,
				  .def_line = def_line };
}

struct place_of place__of_stall(const struct stall *stall, const char *root)
{
	const struct model_frame *own = &stall->own;

	/* The line that allocates when the garbage collector is due is another one each time. */
	if (!stall->n_frames || (stall->cause == LS_CAUSE_GC && stall->coroutine.name))
		return place_of_coroutine(stall, root);
	if (own->file && is_own(stall, root, own->file))
		return place_of_frame(own, stall->own_def_line, root);
	for (size_t i = 0; i < stall->n_frames; i++)
		if (is_own(stall, root, stall->stack[i].file))
			return place_of_frame(&stall->stack[i], stall->def_lines[i], root);
	if (own->file)
		return place_of_frame(own, stall->own_def_line, root);
	return place_of_frame(&stall->stack[0], stall->def_lines[0], root);
}

struct check_names place__names(const struct stall *stall, const struct place_of *place,
				const char *root)
{
	const char *file = stall->coroutine.file;

	return (struct check_names){
		.coroutine = stall->coroutine.name,
		.task = stall->task_name,
		.function = place->function,
		.entry = stall->entry.function,
		.route = stall->request.route,
		.request = stall->request.label,
		.test = stall->test,
		.coroutine_file = file ? place__relative(root, file) : NULL,
		.file = place->file,
		.line = place->line,
	};
}
