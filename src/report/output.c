/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in memory, and the only place where reports handle write errors.
 */
#include "report/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/escape.h"
#include "base/outlet.h"

/* Of a stream in memory; glibc's own one does not say that memory has run out. */
static ssize_t append(void *cookie, const char *text, size_t size)
{
	struct output *o = cookie;

	if (ARRAY_RESERVE(o->text, o->capacity, o->size + size + 1) < 0) {
		o->is_short_of_memory = true;
		errno = ENOMEM;
		return 0;
	}
	memcpy(o->text + o->size, text, size);
	o->size += size;
	o->text[o->size] = '\0';
	return (ssize_t)size;
}

int output__init(struct output *o)
{
	*o = (struct output){};
	o->mem = fopencookie(o, "w", (cookie_io_functions_t){ .write = append });
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
	fclose(mem);
	if (o->is_short_of_memory)
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
	const int fd = fileno(out);

	errno = 0;
	/* A stream in memory has none. */
	if (fd >= 0 && fflush(out))
		return errno ? -errno : -EIO;
	if (fd >= 0)
		return outlet_write(fd, text, size);
	if ((!size || fwrite(text, 1, size, out) == size) && !fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}
