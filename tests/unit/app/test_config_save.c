/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings written into a configuration file: only their lines change.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_save.h"
#include "base/array.h"
#include "base/cleanup.h"

static const struct config_value values[] = { { "screen", "stalls" },
					      { "theme", "light" },
					      { "columns", NULL } };

static void expect(const char *before, const char *after)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *in = *before ? fmemopen((void *)before, strlen(before), "r") : NULL;
	FILE *out = open_memstream(&text, &size);

	cr_expect_eq(config_edit(in, out, "top", values, N_OF(values)), 0);
	fclose(out);
	if (in)
		fclose(in);
	cr_expect_str_eq(text, after);
}

Test(app_config_save, keeps_what_it_is_not_about)
{
	expect("", "[top]\nscreen = stalls\ntheme = light\n");
	expect("; mine\n[measure]\nscreen = no\n",
	       "; mine\n[measure]\nscreen = no\n[top]\nscreen = stalls\ntheme = light\n");
	expect("[top]\n; the first\n screen=log\ncolumns = max\nrefresh = 1s\n[check]\nx = y",
	       "[top]\n; the first\nscreen = stalls\nrefresh = 1s\ntheme = light\n"
	       "[check]\nx = y\n");
	expect("[top]\ntheme : dark\nscreen = log\nscreen = log\n",
	       "[top]\ntheme = light\nscreen = stalls\n");
	expect("[top]\nscreen = log\n\n\n[check]\n\nx = y\n",
	       "[top]\nscreen = stalls\ntheme = light\n\n\n[check]\n\nx = y\n");
	expect("[topology]\nscreen = x\n",
	       "[topology]\nscreen = x\n[top]\nscreen = stalls\ntheme = light\n");
}

Test(app_config_save, makes_the_file_and_its_folders)
{
	char home[] = "/tmp/loopstall-test-XXXXXX", path[128], text[128] = "";
	struct err err = { .what = "" };
	FILE *f;

	cr_assert_not_null(mkdtemp(home));
	setenv("HOME", home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("SUDO_UID");
	unsetenv("SUDO_USER");
	for (int i = 0; i < 2; i++)
		cr_expect_eq(config_save(NULL, "top", values, N_OF(values), &err), 0, "%s",
			     err.what);
	snprintf(path, sizeof(path), "%s/.config/loopstall/config.ini", home);
	f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	cr_expect_gt(fread(text, 1, sizeof(text) - 1, f), 0);
	fclose(f);
	cr_expect_str_eq(text, "[top]\nscreen = stalls\ntheme = light\n");
	/* A folder that cannot be one. */
	strcat(path, "/x/config.ini");
	cr_expect_lt(config_save(path, "top", values, N_OF(values), &err), 0);
	cr_expect(strstr(err.what, "cannot save the settings to"), "%s", err.what);
	*strstr(path, "/x/config.ini") = '\0';
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(home);
}
