/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of the dashboard: checked one by one before anything is attached, so that the message
 * names the one that is wrong and what it could be.
 */
#include "app/dashboard.h"

#include <errno.h>
#include <string.h>

#include "view/screens.h"
#include "view/view.h"

#define LIST_BYTES 192

static const struct screen_ops *const screens[] = {
#define _(name) &screen_##name,
	SCREENS(_)
#undef _
};

static void add_word(char *list, const char *word)
{
	const size_t used = strlen(list);

	snprintf(list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", word);
}

static void list_screens(char *list)
{
	for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++)
		if (screens[i]->is_in_tabs)
			add_word(list, screens[i]->name);
}

/* Those of the screen of that name, NULL: of the first one. */
static void list_columns(const char *screen, char *list)
{
	const struct screen_ops *ops = screens[0];

	for (size_t i = 0; screen && i < sizeof(screens) / sizeof(screens[0]); i++)
		if (!strcmp(screens[i]->name, screen))
			ops = screens[i];
	for (size_t i = 0; ops->table && i < ops->table->n_columns; i++)
		add_word(list, ops->table->columns[i].name);
}

static int try(const struct view_opts *opts)
{
	struct view *view = NULL;
	int r = view__new(&view, opts);

	view__free(view);
	return r;
}

static int check_columns(const char *option, const char *value, const struct view_opts *opts,
			 struct err *err)
{
	char known[LIST_BYTES] = "";

	if (!value || try(opts) >= 0)
		return 0;
	list_columns(opts->screen, known);
	if (!*known)
		return err__set(err, -EINVAL, "--%s: the screen '%s' has no columns", option,
				opts->screen);
	return err__set(err, -EINVAL, "--%s '%s' is no column of this screen: it has %s", option, value,
			known);
}

struct view_opts dashboard_opts(const struct config *config)
{
	return (struct view_opts){
		.screen = config->screen,
		.sort = config->sort,
		.columns = config->columns,
		.filter = config->filter,
	};
}

int dashboard_check(const struct config *config, struct err *err)
{
	const struct view_opts screen = { .screen = config->screen };
	const struct view_opts sort = { .screen = config->screen, .sort = config->sort };
	const struct view_opts columns = { .screen = config->screen, .columns = config->columns };
	const struct view_opts filter = { .screen = config->screen, .filter = config->filter };
	char known[LIST_BYTES] = "";
	int r;

	if (try(&screen) < 0) {
		list_screens(known);
		return err__set(err, -EINVAL, "--screen '%s' is no screen: there is %s",
				config->screen ? config->screen : "", known);
	}
	r = check_columns("sort", config->sort, &sort, err);
	if (r >= 0)
		r = check_columns("columns", config->columns, &columns, err);
	if (r >= 0 && config->filter && try(&filter) < 0)
		r = err__set(err, -EINVAL,
			     "--filter '%s' cannot be used: it takes regular expressions and terms such "
			     "as cause:sleep, on a screen that is a table",
			     config->filter);
	return r;
}
