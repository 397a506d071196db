/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: which one is read, who may have written it, and its lines set as options.
 */
#include "app/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/privs.h"
#include "base/cleanup.h"
#include "base/similar.h"

#define MEASURE_SECTION "measure"
#define PLACE "loopstall/config.ini"
#define MAX_PATH 4096
#define MAX_LINES 1000

struct setting {
	struct setting *next;
	unsigned int line;
	char value[];
};

struct config_file {
	char path[MAX_PATH];
	struct config config;
	struct setting *settings;
};

void config_file__free(struct config_file *file)
{
	struct setting *next;

	if (!file)
		return;
	for (struct setting *s = file->settings; s; s = next) {
		next = s->next;
		free(s);
	}
	free(file);
}

const struct config *config_file__config(const struct config_file *file)
{
	return &file->config;
}

const char *config_file__path(const struct config_file *file)
{
	return file->path;
}

void config_file__origin(const struct config_file *file, const char *option, const char *value,
			 char *buf, size_t size)
{
	for (const struct setting *s = file ? file->settings : NULL; s; s = s->next) {
		if (s->value == value) {
			snprintf(buf, size, "%s:%u: %s", file->path, s->line, option);
			return;
		}
	}
	snprintf(buf, size, "--%s", option);
}

/* State of the parser. The first error ends it. */
struct reading {
	struct config_file *file;
	FILE *stream;
	const struct cli_command *const *commands;
	unsigned int line;
	int result; /* 0 or -errno, then err is filled */
	struct err *err;
};

/* "/etc/x.ini:3: " goes before what is wrong. */
__attribute__((format(printf, 2, 3))) static int refuse(struct reading *r, const char *fmt, ...)
{
	char what[sizeof(r->err->what) / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	r->result = err__set(r->err, -EINVAL, "%s:%u: %s", r->file->path, r->line, what);
	return r->result;
}

/*
 * Reads one line for inih, which silently cuts long lines and takes an indented line for a
 * continuation.
 */
static char *read_line(char *buf, int size, void *ctx)
{
	struct reading *r = ctx;
	size_t blanks;

	if (r->result < 0 || !fgets(buf, size, r->stream))
		return NULL;
	r->line++;
	if (!strchr(buf, '\n') && !feof(r->stream)) {
		refuse(r, "the line is longer than %d characters", size - 2);
		return NULL;
	}
	if (r->line > MAX_LINES) {
		refuse(r, "the file has more than %d lines", MAX_LINES);
		return NULL;
	}
	blanks = strspn(buf, " \t");
	memmove(buf, buf + blanks, strlen(buf + blanks) + 1);
	return buf;
}

static void add_word(char *list, size_t size, const char *word)
{
	const size_t used = strlen(list);

	snprintf(list + used, size - used, "%s%s", used ? ", " : "", word);
}

static bool has_section(const struct cli_command *command)
{
	const struct cli_option *o = command->measures ? command->options : NULL;

	while (o && o->name && o->is_cli_only)
		o++;
	return o && o->name;
}

/* The options a section sets, NULL if there is no such section. */
static const struct cli_option *find_section(const struct cli_command *const *commands,
					     const char *name)
{
	const struct cli_command *command = cli_find(commands, name);

	if (!strcmp(name, MEASURE_SECTION))
		return cli_measure_options;
	return command && has_section(command) ? command->options : NULL;
}

static int refuse_section(struct reading *r, const char *name)
{
	char known[128] = "";

	for (size_t i = 0; r->commands[i]; i++)
		if (has_section(r->commands[i]))
			add_word(known, sizeof(known), r->commands[i]->name);
	add_word(known, sizeof(known), MEASURE_SECTION);
	if (!*name)
		return refuse(r, "a section must come first, one of: %s", known);
	return refuse(r, "there is no section [%s], there is: %s", name, known);
}

static int refuse_key(struct reading *r, const char *section, const struct cli_option *options,
		      const char *key)
{
	struct similar similar = SIMILAR_TO(key);
	char known[160] = "", hint[SIMILAR_BYTES];

	for (const struct cli_option *o = options; o->name; o++) {
		if (o->is_cli_only)
			continue;
		add_word(known, sizeof(known), o->name);
		similar__offer(&similar, o->name);
	}
	return refuse(r, "[%s] has no '%s'%s, it has: %s", section, key,
		      similar__hint(&similar, "", hint), known);
}

static int set(struct reading *r, const struct cli_option *option, const char *value)
{
	struct setting *s = malloc(sizeof(*s) + strlen(value) + 1);
	struct err err = {};

	if (!s)
		return r->result = -ENOMEM;
	*s = (struct setting){ r->file->settings, r->line };
	strcpy(s->value, value);
	r->file->settings = s;
	if (cli_set(option, s->value, &r->file->config, &err) < 0)
		return refuse(r, "%s: %s", option->name, err.what);
	return 0;
}

/* inih's way: 0 is a failure. */
static int on_setting(void *ctx, const char *section, const char *key, const char *value)
{
	struct reading *r = ctx;
	const struct cli_option *options = find_section(r->commands, section);

	/* inih goes on after a failure. */
	if (r->result < 0)
		return 0;
	if (!options)
		return refuse_section(r, section) >= 0;
	for (const struct cli_option *o = options; o->name; o++)
		if (!o->is_cli_only && !strcmp(o->name, key))
			return set(r, o, value) >= 0;
	return refuse_key(r, section, options, key) >= 0;
}

static int read_stream(struct config_file *file, FILE *stream,
		       const struct cli_command *const *commands, struct err *err)
{
	struct reading r = { .file = file, .stream = stream, .commands = commands, .err = err };
	int line = ini_parse_stream(read_line, &r, on_setting, &r);

	/* A syntax error may precede the line that was refused. */
	if (line > 0 && (r.result >= 0 || (unsigned int)line < r.line)) {
		r.line = (unsigned int)line;
		return refuse(&r, "this is neither a [section] nor NAME = VALUE nor a comment");
	}
	if (r.result < 0)
		return r.result;
	if (line < 0 || ferror(stream))
		return err__set(err, -EIO, "cannot read %s", file->path);
	return 0;
}

/* Checks the owner of a file that the user did not name. */
static int check_trust(const char *path, const struct stat *st, struct err *err)
{
	const struct passwd *user = privs_sudo_user();

	if (!S_ISREG(st->st_mode))
		return err__set(err, -EINVAL, "%s is no file", path);
	if (st->st_uid != 0 && st->st_uid != geteuid() && !(user && st->st_uid == user->pw_uid))
		return err__set(err, -EPERM,
				"%s is not used: it belongs to another user (--config names a "
				"file)",
				path);
	/* A user's group is often only that user's own, so it may write. */
	if (st->st_mode & S_IWOTH)
		return err__set(err, -EPERM,
				"%s is not used: everybody may write to it; chmod o-w it", path);
	return 0;
}

/* 0 with *ret_file NULL if there is no such file and it `is_optional`. */
static int read_path(struct config_file **ret_file, const char *path, bool is_optional,
		     const struct cli_command *const *commands, struct err *err)
{
	_cleanup_(config_file__freep) struct config_file *file = NULL;
	_cleanup_(file_close) FILE *stream = NULL;
	struct stat st;
	int fd, r;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_optional ? O_NONBLOCK : 0));
	if (fd < 0 && is_optional && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0)
		return err__set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	stream = fdopen(fd, "re");
	if (!stream) {
		close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		return err__set(err, -EISDIR, "%s is no file", path);
	r = is_optional ? check_trust(path, &st, err) : 0;
	if (r < 0)
		return r;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->config = cli_defaults();
	file->config.file = file;
	r = read_stream(file, stream, commands, err);
	if (r >= 0)
		*ret_file = TAKE_PTR(file);
	return r;
}

/* The file in the working directory may be another user's, and a check writes files. */
static int read_own(struct config_file **ret_file, const char *path,
		    const struct cli_command *const *commands, struct err *err)
{
	int r = read_path(ret_file, path, true, commands, err);

	if (r < 0 || *ret_file)
		return r;
	/* An unreadable file of limits is an error, because without them the check would pass. */
	return err__set(err, -EACCES, "cannot read %s: %s", path, strerror(EACCES));
}

int config_file__read(struct config_file **ret_file, const char *path, const char *own,
		      const struct cli_command *const *commands, struct err *err)
{
	const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const struct passwd *user = privs_sudo_user();
	char place[MAX_PATH];
	int r = 0;

	*ret_file = NULL;
	if (path)
		return read_path(ret_file, path, false, commands, err);
	if (own && !access(own, F_OK))
		return read_own(ret_file, own, commands, err);
	/*
	 * A path that is not absolute is to be ignored, says the XDG base directory specification.
	 */
	if (config_home && *config_home == '/')
		snprintf(place, sizeof(place), "%s/" PLACE, config_home);
	else
		snprintf(place, sizeof(place), "%s/.config/" PLACE, home ?: "");
	if (*place == '/')
		r = read_path(ret_file, place, true, commands, err);
	if (r < 0 || *ret_file || !user)
		return r;
	snprintf(place, sizeof(place), "%s/.config/" PLACE, user->pw_dir);
	return read_path(ret_file, place, true, commands, err);
}
