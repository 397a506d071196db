/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptions come from the terminfo database of the machine that builds (infocmp(1)).
 */
#include "view/terminfo.h"

#include <stddef.h>
#include <string.h>

#include "base/array.h"

static const struct {
	const char *terminal, *description;
} built_in[] = {
#include "terminfo.inc"
};

const char *terminfo_built_in(const char *terminal)
{
	for (size_t i = 0; i < N_OF(built_in); i++)
		if (!strcmp(built_in[i].terminal, terminal))
			return built_in[i].description;
	return NULL;
}
