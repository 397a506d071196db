/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of the dashboard: checked one by one before anything is attached, so that the message
 * names the one that is wrong and what it could be.
 */
#include "app/dashboard.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/similar.h"
#include "app/config_file.h"
#include "view/screens.h"
#include "view/view.h"

#define LIST_BYTES 192
#define ORIGIN_BYTES 256

static const struct screen_ops *const screens[] = {
#define _(name) &screen_##name,
	SCREENS(_)
#undef _
};

/* What there is in place of what was asked for. */
struct known {
	struct similar similar;
	char list[LIST_BYTES], hint[SIMILAR_BYTES];
};

static void add_word(struct known *known, const char *word)
{
	const size_t used = strlen(known->list);

	snprintf(known->list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", word);
	similar__offer(&known->similar, word);
}

static void list_screens(struct known *known)
{
	for (size_t i = 0; i < N_OF(screens); i++)
		if (screens[i]->is_in_tabs)
			add_word(known, screens[i]->name);
}

/* Those of the screen of that name, NULL: of the first one. */
static void list_columns(const char *screen, struct known *known)
{
	const struct screen_ops *ops = screens[0];

	for (size_t i = 0; screen && i < N_OF(screens); i++)
		if (!strcmp(screens[i]->name, screen))
			ops = screens[i];
	for (size_t i = 0; ops->table && i < ops->table->n_columns; i++)
		add_word(known, ops->table->columns[i].name);
}

/* -EINVAL without a message: the caller knows what was asked for. */
static int try(const struct view_opts *opts, struct err *err)
{
	struct view *view = NULL;
	int r = view__new(&view, opts);

	view__free(view);
	return r == -ENOMEM ? err__set(err, r, "out of memory") : r;
}

/*
 * A file's choice of columns, sorting and filter belongs to the file's screen; the command line may
 * have asked for another one.
 */
struct view_opts dashboard_opts(const struct config *config)
{
	static const struct config none;
	const struct config *in_file = config->file ? config_file__config(config->file) : &none;
	const bool is_other =
		strcmp(config->screen ?: screens[0]->name, in_file->screen ?: screens[0]->name);
	struct view_opts opts = {
		.screen = config->screen,
		.sort = config->sort,
		.columns = config->columns,
		.filter = config->filter,
		.group = config->group,
		.theme = dashboard_theme(config),
	};

	if (is_other && opts.sort == in_file->sort)
		opts.sort = NULL;
	if (is_other && opts.columns == in_file->columns)
		opts.columns = NULL;
	if (is_other && opts.filter == in_file->filter)
		opts.filter = NULL;
	return opts;
}

static int check_columns(const struct config *config, const char *option, const char *value,
			 const struct view_opts *opts, struct err *err)
{
	struct known known = { .similar = SIMILAR_TO(value) };
	char origin[ORIGIN_BYTES];
	int r = value ? try(opts, err) : 0;

	if (r >= 0 || r == -ENOMEM)
		return r;
	config_file__origin(config->file, option, value, origin, sizeof(origin));
	list_columns(opts->screen, &known);
	if (!*known.list)
		return err__set(err, -EINVAL, "%s: the screen '%s' has no columns", origin,
				opts->screen);
	return err__set(err, -EINVAL, "%s '%s' is no column of this screen%s: it has %s", origin,
			value, similar__hint(&known.similar, "", known.hint), known.list);
}

static int check_screen(const struct config *config, const struct view_opts *opts, struct err *err)
{
	struct known known = { .similar = SIMILAR_TO(opts->screen ?: "") };
	char origin[ORIGIN_BYTES];
	int r = try(opts, err);

	if (r >= 0 || r == -ENOMEM)
		return r;
	list_screens(&known);
	config_file__origin(config->file, "screen", opts->screen, origin, sizeof(origin));
	return err__set(err, -EINVAL, "%s '%s' is no screen%s: there is %s", origin,
			opts->screen ?: "", similar__hint(&known.similar, "", known.hint),
			known.list);
}

enum theme dashboard_theme(const struct config *config)
{
	return config->theme ? theme__by_word(config->theme) : THEME_AUTO;
}

static int check_theme(const struct config *config, struct err *err)
{
	struct known known = { .similar = SIMILAR_TO(config->theme) };
	char origin[ORIGIN_BYTES];

	if (dashboard_theme(config) < THEME_MAX)
		return 0;
	for (enum theme theme = 0; theme < THEME_MAX; theme++)
		add_word(&known, theme_word(theme));
	config_file__origin(config->file, "theme", config->theme, origin, sizeof(origin));
	return err__set(err, -EINVAL, "%s '%s' is no theme%s: there is %s", origin, config->theme,
			similar__hint(&known.similar, "", known.hint), known.list);
}

static int check_filter(const struct config *config, const struct view_opts *opts, struct err *err)
{
	char origin[ORIGIN_BYTES];
	int r = opts->filter ? try(opts, err) : 0;

	if (r >= 0 || r == -ENOMEM)
		return r;
	config_file__origin(config->file, "filter", opts->filter, origin, sizeof(origin));
	return err__set(err, -EINVAL,
			"%s '%s' cannot be used: it takes regular expressions and terms such as "
			"cause:sleep, on a screen that is a table",
			origin, opts->filter);
}

int dashboard_check(const struct config *config, struct err *err)
{
	const struct view_opts all = dashboard_opts(config);
	const struct view_opts screen = { .screen = all.screen };
	const struct view_opts sort = { .screen = all.screen, .sort = all.sort };
	const struct view_opts columns = { .screen = all.screen, .columns = all.columns };
	const struct view_opts filter = { .screen = all.screen, .filter = all.filter };
	int r = check_screen(config, &screen, err);

	if (r >= 0)
		r = check_columns(config, "sort", all.sort, &sort, err);
	if (r >= 0)
		r = check_columns(config, "columns", all.columns, &columns, err);
	if (r >= 0)
		r = check_theme(config, err);
	return r < 0 ? r : check_filter(config, &filter, err);
}
