/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in memory, and the one place where reports meet write errors.
 */
#include "report/output.h"

#include <errno.h>
#include <stdlib.h>

#include "base/escape.h"

int output__init(struct output *o)
{
	o->text = NULL;
	o->size = 0;
	o->mem = open_memstream(&o->text, &o->size);
	return o->mem ? 0 : -ENOMEM;
}

void output__done(struct output *o)
{
	if (o->mem)
		fclose(o->mem);
	o->mem = NULL;
	free(o->text);
	o->text = NULL;
}

int output__send(struct output *o, FILE *out)
{
	FILE *mem = o->mem;

	o->mem = NULL;
	/* Only memory can run out here, for a memory stream knows no other error. */
	if (fclose(mem))
		return -ENOMEM;
	return output_write(out, o->text, o->size);
}

char *output_escape(const char *text)
{
	size_t size = text__escape(text, NULL, 0) + 1;
	char *safe = malloc(size);

	if (safe)
		text__escape(text, safe, size);
	return safe;
}

int output_write(FILE *out, const char *text, size_t size)
{
	errno = 0;
	if (fwrite(text, 1, size, out) == size && !fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}
