/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results and failures on their way out.
 */
#include "app/say.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "app/privs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "process/target.h"

int say_finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	/* An earlier write failed, and its errno may be gone. */
	return say_written(code, errno ? -errno : -EIO);
}

int say_written(int code, int error)
{
	if (!error || error == -EPIPE)
		return code;
	log_error("cannot write to stdout: %s", strerror(-error));
	return code == EXIT_LIMIT ? code : EXIT_INCONCLUSIVE;
}

struct jsonx say_json_object(const char *type)
{
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "schema", "loopstall/1");
	jsonx_add_text(&o, "type", type);
	return o;
}

int say_json(json_t *object)
{
	_cleanup_(jsonx_done) json_t *owned = object;

	return owned ? jsonx_write_line(stdout, owned) : -ENOMEM;
}

json_t *say_loop_thread(const void *item)
{
	const struct target_loop_thread *l = item;
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "tid", json_integer(l->tid));
	jsonx_add_text(&o, "kind", target_loop_kind_word(l->kind));
	jsonx_add_text(&o, "type", l->type_name);
	return jsonx_end(&o);
}

static const char *what_of(int error, const struct err *err)
{
	return *err->what ? err->what : strerror(-error);
}

int say_error(int code, int error, const struct err *err)
{
	log_error("%s%s%s", what_of(error, err), *err->hint ? "; " : "", err->hint);
	return code;
}

int say_failure(int error, const struct err *err)
{
	char missing[128];

	privs_missing(missing, sizeof(missing));
	if (*err->hint || (error != -EPERM && error != -EACCES) || !*missing)
		return say_error(EXIT_CANNOT_ATTACH, error, err);
	log_error("%s; run as root, or with the missing capabilities: %s", what_of(error, err),
		  missing);
	return EXIT_CANNOT_ATTACH;
}
