/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child writes, with the user's rights: what lies in a home is the user's to direct elsewhere.
 * The new file takes the old one's place at once, so that none is ever half written.
 */
#include "app/config_save.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/privs.h"
#include "base/cleanup.h"
#include "base/file.h"

#define PLACE "loopstall/config.ini"
#define MAX_PATH 4096
#define MAX_VALUES 16

struct edit {
	FILE *out;
	const char *section;
	const struct config_value *values;
	size_t n;
	bool is_written[MAX_VALUES];
	bool is_inside; /* of the section */
	bool was_there;
	size_t n_blank; /* lines at the end of the section, so far */
};

/* "[top]", with blanks around it */
static bool is_head(const char *line, const char *section)
{
	const size_t n = strlen(section);

	line += strspn(line, " \t");
	return *line == '[' && !strncmp(line + 1, section, n) && line[1 + n] == ']';
}

static bool sets(const char *line, const char *key)
{
	const size_t n = strlen(key);

	line += strspn(line, " \t");
	if (strncmp(line, key, n) != 0)
		return false;
	line += n;
	line += strspn(line, " \t");
	return *line == '=' || *line == ':';
}

/* What the section did not have. */
static void edit__add_rest(struct edit *e)
{
	for (size_t i = 0; i < e->n; i++) {
		if (!e->is_written[i] && e->values[i].value)
			fprintf(e->out, "%s = %s\n", e->values[i].key, e->values[i].value);
		e->is_written[i] = true;
	}
}

static void edit__put_blank(struct edit *e)
{
	for (; e->n_blank > 0; e->n_blank--)
		fputc('\n', e->out);
}

static void edit__line(struct edit *e, const char *line)
{
	const bool is_other_head = line[strspn(line, " \t")] == '[';

	if (e->is_inside && !line[strspn(line, " \t\n")]) {
		e->n_blank++;
		return;
	}
	if (is_other_head && e->is_inside)
		edit__add_rest(e);
	edit__put_blank(e);
	if (is_other_head)
		e->is_inside = is_head(line, e->section);
	e->was_there |= e->is_inside;
	for (size_t i = 0; e->is_inside && i < e->n; i++) {
		if (!sets(line, e->values[i].key))
			continue;
		if (!e->is_written[i] && e->values[i].value)
			fprintf(e->out, "%s = %s\n", e->values[i].key, e->values[i].value);
		e->is_written[i] = true;
		return;
	}
	fputs(line, e->out);
}

int config_edit(FILE *in, FILE *out, const char *section, const struct config_value *values,
		size_t n)
{
	struct edit e = { .out = out, .section = section, .values = values };
	_cleanup_free_ char *line = NULL;
	bool is_ended = true;
	size_t size = 0;
	ssize_t length;

	e.n = n < MAX_VALUES ? n : MAX_VALUES;
	while (in && (length = getline(&line, &size, in)) > 0) {
		edit__line(&e, line);
		is_ended = line[length - 1] == '\n';
	}
	if (!is_ended)
		fputc('\n', out);
	if (!e.was_there)
		fprintf(out, "[%s]\n", section);
	edit__add_rest(&e);
	edit__put_blank(&e);
	return (in && ferror(in)) || ferror(out) ? -EIO : 0;
}

/* The folders above the file. */
static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* In the child, whose home is the user's. */
static int default_path(char path[MAX_PATH])
{
	const char *config_home = privs_sudo_user() ? NULL : getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config_home && *config_home == '/')
		snprintf(path, MAX_PATH, "%s/" PLACE, config_home);
	else if (home && *home == '/')
		snprintf(path, MAX_PATH, "%s/.config/" PLACE, home);
	else
		return -ENOENT;
	return make_folders(path);
}

static int write_file(const char *path, const char *section, const struct config_value *values,
		      size_t n)
{
	_cleanup_(file_close) FILE *in = fopen(path, "re");
	_cleanup_(file_close) FILE *out = NULL;
	char new[MAX_PATH + 8];
	int r;

	if (!in && errno != ENOENT)
		return -errno;
	snprintf(new, sizeof(new), "%s.new", path);
	r = file__create_stream(&out, new, true);
	if (r >= 0)
		r = config_edit(in, out, section, values, n);
	if (r >= 0 && fflush(out) != 0)
		r = -errno;
	if (r >= 0 && rename(new, path) < 0)
		r = -errno;
	return r;
}

/* Its exit code is the errno. */
static _Noreturn void run_child(const char *path, const char *section,
				const struct config_value *values, size_t n)
{
	char place[MAX_PATH];
	int r = privs_become_user();

	if (r >= 0 && !path)
		r = default_path(place);
	if (r >= 0)
		r = write_file(path ?: place, section, values, n);
	_exit(r < 0 ? -r : 0);
}

int config_save(const char *path, const char *section, const struct config_value *values, size_t n,
		struct err *err)
{
	int status, code;
	pid_t child = fork();

	if (child == 0)
		run_child(path, section, values, n);
	if (child < 0)
		return err__set(err, -errno, "cannot save the settings: %s", strerror(errno));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err__set(err, -errno, "cannot save the settings: %s",
					strerror(errno));
	code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return code ? err__set(err, -code, "cannot save the settings to %s: %s",
			       path ?: "~/.config/" PLACE, strerror(code)) :
		      0;
}
