/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminal set-up and its undoing, also out of a crash; cells to curses, what is typed to view
 * events. Curses itself sends only what differs from what the terminal shows.
 */
#include "view/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/time.h"
#include "view/clipboard.h"
#include "view/crash.h"
#include "view/curses_keys.h"
#include "view/escapes.h"
#include "view/kept.h"
#include "view/terminfo.h"
#include "view/theme.h"

#define ESCAPE_DELAY_MS 25
#define RUN_BYTES 1024
#define CONTROL_L 12
/* Reports of the mouse end, and marks around what is pasted. */
#define PASTE_MARKS_ON "\033[?2004h"
#define PASTE_MARKS_OFF "\033[?2004l"
/*
 * Columns stay in their order, whatever is written in them: no reordering by the terminal (ECMA-48,
 * BDSM).
 */
#define REORDERING_OFF "\033[8l"
#define REORDERING_ON "\033[8h"
#define MODES_OFF "\033[?1006l\033[?1000l" PASTE_MARKS_OFF REORDERING_ON

/* Which colours the background has, and what it is, which every terminal answers. */
#define ASK_BACKGROUND "\033]11;?\033\\\033[c"
#define ANSWER_NS (200 * NS_PER_MS) /* a terminal on another continent answers in time */
#define MAX_EARLY 256 /* characters that come meanwhile */

struct screen {
	FILE *in, *out;
	SCREEN *terminal;
	bool is_utf8;
	int colors; /* of the terminal, 0: none, or none are wanted */
	enum theme theme;
	enum palette palette;
	bool is_light; /* the background */
	bool is_answered; /* the terminal has nothing to add about it */
	bool is_changed; /* the palette, since the last event */
	/* read before anybody asked for them, as curses returned them */
	struct typed {
		wint_t c;
		int kind; /* OK or KEY_CODE_YES */
	} early[MAX_EARLY];
	size_t n_early, early_at;
	struct kept kept; /* the error output while we are up */
	struct termios termios; /* as we found it */
	struct escapes escapes;
	/* what gives the terminal back, ready to be written by a signal handler */
	char restore[256];
};

/*
 * For those who cannot be handed an argument: signal handlers and atexit(). NULL while the terminal
 * is not ours.
 */
static struct screen *active;

void screen_give_back(void)
{
	struct screen *s = active;

	if (!s)
		return;
	active = NULL;
	file_write_all(STDOUT_FILENO, s->restore, strlen(s->restore));
	tcsetattr(STDIN_FILENO, TCSANOW, &s->termios);
	kept__tell(&s->kept);
}

/* Terminals that cannot do it ignore it. */
static void set_marks(bool is_on)
{
	const char *text = is_on ? PASTE_MARKS_ON REORDERING_OFF : PASTE_MARKS_OFF REORDERING_ON;

	file_write_all(STDOUT_FILENO, text, strlen(text));
}

/* Somebody called exit() below us. */
static void on_exit_restore(void)
{
	struct screen *s = active;

	if (!s)
		return;
	active = NULL;
	set_marks(false);
	endwin();
	kept__tell(&s->kept);
}

static void prepare_restore(struct screen *s)
{
	const char *const names[] = { "rmkx", "sgr0", "cnorm", "rmcup" };
	size_t used;

	used = (size_t)snprintf(s->restore, sizeof(s->restore), "%s", MODES_OFF);
	for (size_t i = 0; i < N_OF(names); i++) {
		const char *text = tigetstr(names[i]);

		if (text && text != (char *)-1 && used + strlen(text) < sizeof(s->restore))
			used += (size_t)snprintf(s->restore + used, sizeof(s->restore) - used, "%s",
						 text);
	}
}

/* NO_COLOR speaks where nobody chose a theme: https://no-color.org */
static bool are_colors_wanted(enum theme theme)
{
	const char *no_color = getenv("NO_COLOR");

	return theme != THEME_AUTO || !no_color || !*no_color;
}

static void find_colors(struct screen *s)
{
	const char *variable = getenv("COLORFGBG");

	if (variable)
		background_by_variable(variable, &s->is_light);
	if (!has_colors())
		return;
	start_color();
	if (COLOR_PAIRS <= ATTR_MAX)
		return;
	use_default_colors();
	s->colors = COLORS;
}

/* Curses draws again what is shown in a pair that changes. */
static void set_palette(struct screen *s)
{
	const int colors = are_colors_wanted(s->theme) ? s->colors : 0;

	s->palette = theme_palette(s->theme, colors, s->is_light);
	for (short i = 0; s->palette != PALETTE_MONO && i < ATTR_MAX; i++) {
		const struct look *look = palette_look(s->palette, (enum canvas_attr)i);

		init_pair((short)(i + 1), look->foreground, look->background);
	}
	s->is_changed = true;
}

void screen__set_theme(struct screen *s, enum theme theme)
{
	s->theme = theme;
	set_palette(s);
}

static void set_modes(void)
{
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	curs_set(0);
	set_escdelay(ESCAPE_DELAY_MS);
	mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
}

const char *screen_refusal(void)
{
	const char *name = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "its input or output is none";
	return name && !strcmp(name, "dumb") ? "TERM is dumb, one that cannot move its cursor" :
					       NULL;
}

static int open_files(struct screen *s)
{
	int in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO);

	s->in = in >= 0 ? fdopen(in, "r") : NULL;
	s->out = out >= 0 ? fdopen(out, "w") : NULL;
	if (!s->in && in >= 0)
		close(in);
	if (!s->out && out >= 0)
		close(out);
	if (!s->in || !s->out)
		return -errno;
	return kept__init(&s->kept);
}

/* By the machine's description of it, or else by the one built in. */
static SCREEN *open_terminal(const struct screen *s)
{
	SCREEN *terminal = newterm(NULL, s->out, s->in);
	const char *name = getenv("TERM"), *description;

	if (terminal || !name)
		return terminal;
	description = terminfo_built_in(name);
	if (!description || setenv("TERMINFO", description, 1) < 0)
		return NULL;
	terminal = newterm(NULL, s->out, s->in);
	unsetenv("TERMINFO"); /* not for the editor that a user may call */
	return terminal;
}

static void take_answer(struct screen *s, const char *text)
{
	if (background_by_answer(text, &s->is_light))
		set_palette(s);
	else if (*text == '?')
		s->is_answered = true;
}

/* The kind of what curses has, or had; ERR if there is nothing. */
static int read_typed(struct screen *s, wint_t *c)
{
	if (s->early_at == s->n_early)
		return get_wch(c);
	*c = s->early[s->early_at].c;
	return s->early[s->early_at++].kind;
}

static void read_again(struct screen *s, wint_t c)
{
	if (s->early_at > 0 && s->early_at <= s->n_early && s->early[s->early_at - 1].c == c)
		s->early_at--;
	else
		unget_wch((wchar_t)c);
}

/* False for one that is part of something else. */
static bool read_character(struct screen *s, wint_t c, struct view_event *ret_event)
{
	switch (escapes__feed(&s->escapes, c, time_now_ns(CLOCK_MONOTONIC), ret_event)) {
	case ESCAPES_KEY:
		if (s->escapes.is_again)
			read_again(s, c);
		return true;
	case ESCAPES_CHARACTER:
		/* Curses does not know what somebody else wrote over its screen. */
		if (c == CONTROL_L && !ret_event->is_pasted)
			clearok(curscr, TRUE);
		if (ret_event->is_pasted)
			ret_event->key = c < ' ' || c == 127 ? ' ' : c;
		else
			ret_event->key = c == CONTROL_L ? KEY_NONE : curses_key_of_character(c);
		return true;
	case ESCAPES_ANSWER:
		take_answer(s, s->escapes.text);
		return false;
	default:
		return false;
	}
}

static int read_event(struct screen *s, struct view_event *ret_event)
{
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	wint_t c;

	for (;;) {
		switch (read_typed(s, &c)) {
		case KEY_CODE_YES:
			escapes__reset(&s->escapes);
			if (!curses_key_translate(c, ret_event) || s->escapes.is_pasting)
				continue;
			return 1;
		case OK:
			if (!read_character(s, c, ret_event))
				continue;
			return 1;
		default:
			if (escapes__idle(&s->escapes, ret_event))
				return 1;
			return poll(&terminal, 1, 0) > 0 &&
					(terminal.revents & (POLLHUP | POLLERR)) ?
				-EPIPE :
				0;
		}
	}
}

/* Whether the palette depends on the background, and on nothing that is known already. */
static bool must_ask(const struct screen *s)
{
	return theme_palette(s->theme, are_colors_wanted(s->theme) ? s->colors : 0, true) !=
		theme_palette(s->theme, are_colors_wanted(s->theme) ? s->colors : 0, false);
}

/* Keeps what there is for screen__read(), and looks for answers in it. */
static void read_early(struct screen *s, struct escapes *escapes)
{
	struct view_event event;
	struct typed typed;

	while (s->n_early < MAX_EARLY && (typed.kind = get_wch(&typed.c)) != ERR) {
		s->early[s->n_early++] = typed;
		if (typed.kind != OK)
			continue;
		do {
			if (escapes__feed(escapes, typed.c, time_now_ns(CLOCK_MONOTONIC), &event) ==
			    ESCAPES_ANSWER)
				take_answer(s, escapes->text);
		} while (escapes->is_again);
	}
}

/*
 * Waits for the answer, so that nothing is drawn in the wrong colours first. One that comes later
 * counts as well.
 */
static void ask_background(struct screen *s)
{
	const uint64_t end_ns = time_now_ns(CLOCK_MONOTONIC) + ANSWER_NS;
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	struct escapes escapes = { .n = 0 };
	uint64_t now_ns;

	file_write_all(STDOUT_FILENO, ASK_BACKGROUND, strlen(ASK_BACKGROUND));
	while (!s->is_answered && s->n_early < MAX_EARLY &&
	       (now_ns = time_now_ns(CLOCK_MONOTONIC)) < end_ns) {
		if (poll(&terminal, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) <= 0 ||
		    !(terminal.revents & POLLIN))
			return;
		read_early(s, &escapes);
	}
}

int screen__new(struct screen **ret_screen, enum theme theme, struct err *err)
{
	_cleanup_(screen__freep) struct screen *s = calloc(1, sizeof(*s));
	static bool is_registered;
	int r;

	if (!s)
		return err__set(err, -ENOMEM, "out of memory");
	s->kept = KEPT_NONE;
	if (tcgetattr(STDIN_FILENO, &s->termios) < 0)
		return err__set(err, -ENOTTY, "stdin is no terminal");
	r = open_files(s);
	if (r < 0)
		return err__set(err, r, "cannot set up the terminal: %s", strerror(-r));
	setlocale(LC_CTYPE, "");
	s->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	s->terminal = open_terminal(s);
	if (!s->terminal) {
		err__set(err, -ENOTTY, "the terminal type '%s' is not known", getenv("TERM") ?: "");
		return err__hint(err, -ENOTTY,
				 "set TERM to what your terminal is, as in TERM=xterm-256color");
	}
	find_colors(s);
	screen__set_theme(s, theme);
	set_modes();
	set_marks(true);
	prepare_restore(s);
	kept__hold(&s->kept);
	active = s;
	crash_call_first(screen_give_back);
	if (!is_registered)
		is_registered = atexit(on_exit_restore) == 0;
	if (must_ask(s))
		ask_background(s);
	s->is_changed = false;
	*ret_screen = TAKE_PTR(s);
	return 0;
}

void screen__free(struct screen *s)
{
	if (!s)
		return;
	if (active == s) {
		active = NULL;
		set_marks(false);
		endwin();
		crash_call_first(NULL);
		kept__tell(&s->kept);
	}
	if (s->terminal)
		delscreen(s->terminal);
	file_close(&s->in);
	file_close(&s->out);
	kept__done(&s->kept);
	free(s);
}

bool screen__is_utf8(const struct screen *s)
{
	return s->is_utf8;
}

void screen__size(const struct screen *s, int *ret_rows, int *ret_columns)
{
	(void)s;
	*ret_rows = LINES;
	*ret_columns = COLS;
}

static attr_t curses_style(uint8_t style)
{
	return (style & LOOK_BOLD ? A_BOLD : A_NORMAL) | (style & LOOK_DIM ? A_DIM : A_NORMAL) |
		(style & LOOK_REVERSE ? A_REVERSE : A_NORMAL) |
		(style & LOOK_UNDERLINE ? A_UNDERLINE : A_NORMAL);
}

static void set_look(const struct screen *s, enum canvas_attr attr)
{
	const attr_t style = curses_style(palette_look(s->palette, attr)->style);

	attr_set(style, (short)(s->palette == PALETTE_MONO ? 0 : attr + 1), NULL);
}

/* Neighbours of the same look go out as one string. */
static void draw_row(const struct screen *s, const struct canvas *c, int row)
{
	const int columns = canvas__columns(c) < COLS ? canvas__columns(c) : COLS;
	enum canvas_attr attr = ATTR_NORMAL, next = ATTR_NORMAL;
	char run[RUN_BYTES];
	size_t used = 0;

	move(row, 0);
	for (int column = 0; column < columns; column++) {
		const char *cell = canvas__cell(c, row, column, &next);
		const size_t size = strlen(cell);

		if (used && (next != attr || used + size >= sizeof(run))) {
			set_look(s, attr);
			addnstr(run, (int)used);
			used = 0;
			move(row, column);
		}
		attr = next;
		if (size < sizeof(run)) {
			memcpy(run + used, cell, size);
			used += size;
		}
	}
	set_look(s, attr);
	addnstr(run, (int)used);
}

void screen__draw(struct screen *s, const struct canvas *c)
{
	const int rows = canvas__rows(c) < LINES ? canvas__rows(c) : LINES;

	erase();
	for (int row = 0; row < rows; row++)
		draw_row(s, c, row);
	refresh();
}

int screen__read(struct screen *s, struct view_event *ret_event)
{
	if (s->is_changed) {
		s->is_changed = false;
		*ret_event = (struct view_event){ .key = KEY_NONE };
		return 1;
	}
	return read_event(s, ret_event);
}

bool screen__has_read(const struct screen *s)
{
	return s->early_at < s->n_early;
}

bool screen__take_message(struct screen *s, char *buf, size_t size)
{
	return kept__take_line(&s->kept, buf, size);
}

int screen__copy(struct screen *s, const char *text)
{
	_cleanup_free_ char *sequence = NULL;
	int r = clipboard_sequence(text, &sequence);

	(void)s;
	if (r >= 0)
		file_write_all(STDOUT_FILENO, sequence, strlen(sequence));
	return r;
}

void screen__leave(struct screen *s)
{
	def_prog_mode();
	set_marks(false);
	endwin();
	kept__release(&s->kept);
	active = NULL;
}

void screen__enter(struct screen *s)
{
	active = s;
	kept__hold(&s->kept);
	reset_prog_mode();
	set_marks(true);
	escapes__reset(&s->escapes);
	clearok(curscr, TRUE);
	refresh();
}

void screen__suspend(struct screen *s)
{
	const struct sigaction stop = { .sa_handler = SIG_DFL };
	struct sigaction before;

	screen__leave(s);
	/* The whole job, as the terminal would: a sudo in front of us has to stop as well. */
	sigaction(SIGTSTP, &stop, &before);
	kill(0, SIGTSTP);
	sigaction(SIGTSTP, &before, NULL);
	screen__enter(s);
}
