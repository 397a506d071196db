/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results and failures on their way out.
 */
#include "app/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit.h"
#include "app/privs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/utf8.h"

int say_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return code;
	log_error("cannot write to stdout: %s", strerror(errno));
	return code == EXIT_LIMIT ? code : EXIT_INCONCLUSIVE;
}

json_t *say_json_string(const char *text)
{
	/* Each byte grows to three at most, the bytes of U+FFFD. */
	const size_t size = 3 * strlen(text) + 1;
	_cleanup_free_ char *clean = malloc(size);

	if (!clean)
		return NULL;
	utf8__sanitize(text, clean, size);
	return json_string(clean);
}

json_t *say_json_object(const char *type)
{
	return json_pack("{ssss}", "schema", "loopstall/1", "type", type);
}

void say_json_line(json_t *object)
{
	if (!object)
		return;
	json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stdout);
	json_decref(object);
}

int say_failure(int error, const struct err *err)
{
	const char *what = *err->what ? err->what : strerror(-error);
	char missing[128];

	privs_missing(missing, sizeof(missing));
	if (*err->hint)
		log_error("%s; %s", what, err->hint);
	else if ((error == -EPERM || error == -EACCES) && *missing)
		log_error("%s; run as root, or with the missing capabilities: %s", what, missing);
	else
		log_error("%s", what);
	return EXIT_CANNOT_ATTACH;
}
