/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Themes: which palette is used where, what a terminal answers about its background, and that
 * everything can be read on usual backgrounds (WCAG 2.1, contrast of 4.5).
 */
#include <criterion/criterion.h>
#include <math.h>

#include "base/array.h"
#include "view/theme.h"

#define LEAST_CONTRAST 4.5

/* Of a part of an sRGB colour. */
static double linear(unsigned int part)
{
	const double c = part / 255.0;

	return c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(unsigned int rgb)
{
	return 0.2126 * linear(rgb >> 16) + 0.7152 * linear(rgb >> 8 & 255) +
		0.0722 * linear(rgb & 255);
}

static double contrast(unsigned int one, unsigned int other)
{
	const double a = luminance(one), b = luminance(other);

	return (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
}

/* xterm's palette from 16 on, which settings do not change. */
static unsigned int rgb_of(int color)
{
	static const unsigned int steps[] = { 0, 95, 135, 175, 215, 255 };
	const int cube = color - 16;

	cr_assert_geq(color, 16, "colour %d is what the user has set", color);
	if (color >= 232)
		return (unsigned int)(8 + 10 * (color - 232)) * 0x10101;
	return steps[cube / 36] << 16 | steps[cube / 6 % 6] << 8 | steps[cube % 6];
}

static void expect_readable(enum palette palette, unsigned int background)
{
	for (enum canvas_attr attr = 0; attr < ATTR_MAX; attr++) {
		const struct look *look = palette_look(palette, attr);
		const unsigned int behind =
			look->background == LOOK_DEFAULT ? background : rgb_of(look->background);

		/* ATTR_FAINT is for bars of rows that do no harm. */
		if (look->foreground == LOOK_DEFAULT || attr == ATTR_FAINT)
			continue;
		cr_expect_geq(contrast(rgb_of(look->foreground), behind), LEAST_CONTRAST,
			      "attribute %d on %06x has %.2f", attr, behind,
			      contrast(rgb_of(look->foreground), behind));
	}
}

Test(theme, everything_is_readable_on_usual_backgrounds)
{
	/* black, and those of VS Code, Solarized, GNOME Terminal, Dracula */
	static const unsigned int dark[] = { 0x000000, 0x1e1e1e, 0x002b36, 0x171421, 0x282a36 };
	/* white, and those of Solarized, Atom One, Gruvbox, Catppuccin */
	static const unsigned int light[] = { 0xffffff, 0xfdf6e3, 0xfafafa, 0xfbf1c7, 0xeff1f5 };

	for (size_t i = 0; i < N_OF(dark); i++)
		expect_readable(PALETTE_DARK, dark[i]);
	for (size_t i = 0; i < N_OF(light); i++)
		expect_readable(PALETTE_LIGHT, light[i]);
}

Test(theme, what_means_something_is_told_apart_without_colours)
{
	for (enum canvas_attr attr = 0; attr < ATTR_MAX; attr++) {
		const struct look *look = palette_look(PALETTE_MONO, attr);

		cr_expect_eq(look->foreground, LOOK_DEFAULT);
		cr_expect_eq(look->background, LOOK_DEFAULT);
	}
	cr_expect_eq(palette_look(PALETTE_MONO, ATTR_SELECTED)->style, LOOK_REVERSE);
	cr_expect_eq(palette_look(PALETTE_MONO, ATTR_MATCH)->style, LOOK_UNDERLINE);
}

Test(theme, a_palette_follows_from_theme_colours_and_background)
{
	static const struct {
		enum theme theme;
		int colors;
		enum palette dark, light;
	} cases[] = {
		{ THEME_AUTO, 256, PALETTE_DARK, PALETTE_LIGHT },
		{ THEME_AUTO, 1 << 24, PALETTE_DARK, PALETTE_LIGHT },
		{ THEME_AUTO, 8, PALETTE_DARK_16, PALETTE_LIGHT_16 },
		{ THEME_AUTO, 0, PALETTE_MONO, PALETTE_MONO },
		{ THEME_DARK, 256, PALETTE_DARK, PALETTE_DARK },
		{ THEME_DARK, 16, PALETTE_DARK_16, PALETTE_DARK_16 },
		{ THEME_LIGHT, 256, PALETTE_LIGHT, PALETTE_LIGHT },
		{ THEME_LIGHT, 8, PALETTE_LIGHT_16, PALETTE_LIGHT_16 },
		{ THEME_LIGHT, 2, PALETTE_MONO, PALETTE_MONO },
		{ THEME_16, 256, PALETTE_DARK_16, PALETTE_LIGHT_16 },
		{ THEME_MONO, 256, PALETTE_MONO, PALETTE_MONO },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		cr_expect_eq(theme_palette(cases[i].theme, cases[i].colors, false), cases[i].dark);
		cr_expect_eq(theme_palette(cases[i].theme, cases[i].colors, true), cases[i].light);
	}
}

Test(theme, words)
{
	cr_expect_eq(theme__by_word("auto"), THEME_AUTO);
	cr_expect_eq(theme__by_word("16"), THEME_16);
	cr_expect_eq(theme__by_word("Dark"), THEME_MAX);
	cr_expect_eq(theme__by_word(""), THEME_MAX);
}

static void expect_background(const char *answer, bool is_light)
{
	bool found = !is_light;

	cr_expect(background_by_answer(answer, &found), "%s", answer);
	cr_expect_eq(found, is_light, "%s", answer);
}

Test(theme, what_terminals_answer_about_their_background)
{
	bool is_light = true;

	expect_background("]11;rgb:0000/0000/0000", false);
	expect_background("]11;rgb:ffff/ffff/ffff", true);
	expect_background("]11;rgb:FDFD/f6f6/e3e3", true);
	expect_background("]11;rgb:00/2b/36", false);
	expect_background("]11;rgb:f/f/f", true);
	expect_background("]11;rgba:ffff/ffff/ffff/8000", true);
	expect_background("]11;rgb:0000/ffff/0000", true);
	expect_background("]11;rgb:0000/0000/ffff", false);
	static const char *const others[] = { "",
					      "]11;",
					      "]11;?",
					      "]11;rgb:",
					      "]11;rgb:ff",
					      "]11;rgb:ff/ff",
					      "]11;rgb:ff/ff/",
					      "]11;rgb:0x12/ff/ff",
					      "]11;rgb:ff/ff/-1",
					      "]11;#ffffff",
					      "]10;rgb:ff/ff/ff",
					      "ff/ff/ff",
					      "?62;1;4c" };

	for (size_t i = 0; i < N_OF(others); i++)
		cr_expect_not(background_by_answer(others[i], &is_light), "%s", others[i]);
	cr_expect(is_light, "a text that is no answer has changed something");
}

Test(theme, the_variable_of_terminals_that_set_one)
{
	bool is_light = true;

	cr_expect(background_by_variable("15;0", &is_light));
	cr_expect_not(is_light);
	cr_expect(background_by_variable("0;15", &is_light));
	cr_expect(is_light);
	cr_expect(background_by_variable("0;default;15", &is_light));
	cr_expect(background_by_variable("12;8", &is_light));
	cr_expect_not(is_light);
	cr_expect_not(background_by_variable("15;default", &is_light));
	cr_expect_not(background_by_variable("15;", &is_light));
	cr_expect_not(background_by_variable("15", &is_light));
	cr_expect_not(background_by_variable("0;99", &is_light));
}
