/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminal set-up and its undoing, also out of a crash; cells to curses, curses keys to view
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "base/array.h"
#include "base/cleanup.h"

#define ESCAPE_DELAY_MS 25
#define MAX_KEPT_BYTES (256 * 1024) /* of the error output; all is dropped when there is more */
#define MAX_COPY_BYTES 65536 /* what terminals take as a clipboard */
#define RUN_BYTES 1024
#define MOUSE_OFF "\033[?1006l\033[?1000l"

struct screen {
	FILE *in, *out;
	SCREEN *terminal;
	bool is_utf8, has_color;
	int kept_fd; /* the error output while we are up */
	int errors_fd; /* the real one */
	off_t told; /* bytes of kept_fd that screen__take_message() has read */
	struct termios termios; /* as we found it */
	/* what gives the terminal back, ready to be written by a signal handler */
	char restore[256];
};

/*
 * For those who cannot be handed an argument: signal handlers and atexit(). NULL while the terminal
 * is not ours.
 */
static struct screen *active;

static const int crash_signals[] = { SIGSEGV, SIGBUS,  SIGFPE,	SIGILL, SIGABRT,
				     SIGSYS,  SIGTRAP, SIGQUIT, SIGHUP };

/* What an attribute looks like. Without colours everything must still read well. */
static const struct look {
	short rich, plain; /* foreground of 256 and of 8 colours; -1: the terminal's own */
	short background;
	attr_t color_bits, mono_bits;
} looks[ATTR_MAX] = {
	[ATTR_NORMAL] = { -1, -1, -1, A_NORMAL, A_NORMAL },
	[ATTR_DIM] = { 245, -1, -1, A_NORMAL, A_DIM },
	[ATTR_BOLD] = { -1, -1, -1, A_BOLD, A_BOLD },
	[ATTR_TITLE] = { 80, COLOR_CYAN, -1, A_BOLD, A_BOLD },
	[ATTR_COLUMN] = { 16, COLOR_BLACK, COLOR_GREEN, A_NORMAL, A_REVERSE },
	[ATTR_SORTED] = { 16, COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE | A_BOLD },
	[ATTR_SELECTED] = { 16, COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE },
	[ATTR_TAGGED] = { 221, COLOR_YELLOW, -1, A_BOLD, A_BOLD },
	[ATTR_MATCH] = { 16, COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_UNDERLINE },
	[ATTR_KEY] = { 80, COLOR_CYAN, -1, A_BOLD, A_BOLD },
	[ATTR_GOOD] = { 114, COLOR_GREEN, -1, A_NORMAL, A_NORMAL },
	[ATTR_WARN] = { 214, COLOR_YELLOW, -1, A_NORMAL, A_NORMAL },
	[ATTR_BAD] = { 203, COLOR_RED, -1, A_BOLD, A_BOLD },
	[ATTR_ALARM] = { 231, COLOR_WHITE, COLOR_RED, A_BOLD, A_REVERSE | A_BOLD },
	[ATTR_CPU] = { 114, COLOR_GREEN, -1, A_NORMAL, A_NORMAL },
	[ATTR_BLOCKED] = { 203, COLOR_RED, -1, A_NORMAL, A_NORMAL },
	[ATTR_GIL] = { 214, COLOR_YELLOW, -1, A_NORMAL, A_NORMAL },
	[ATTR_RUNQUEUE] = { 75, COLOR_BLUE, -1, A_NORMAL, A_NORMAL },
};

static const struct {
	int curses;
	uint32_t key;
} keys[] = {
	{ KEY_UP, VKEY_UP },
	{ KEY_DOWN, VKEY_DOWN },
	{ KEY_LEFT, VKEY_LEFT },
	{ KEY_RIGHT, VKEY_RIGHT },
	{ KEY_PPAGE, VKEY_PAGE_UP },
	{ KEY_NPAGE, VKEY_PAGE_DOWN },
	{ KEY_HOME, VKEY_HOME },
	{ KEY_END, VKEY_END },
	{ KEY_ENTER, VKEY_ENTER },
	{ KEY_BTAB, VKEY_BACKTAB },
	{ KEY_BACKSPACE, VKEY_BACKSPACE },
	{ KEY_DC, VKEY_DELETE },
};

static uint32_t key_of_control(wint_t c)
{
	switch (c) {
	case '\r':
	case '\n':
		return VKEY_ENTER;
	case '\t':
		return VKEY_TAB;
	case 27:
		return VKEY_ESCAPE;
	case 8:
	case 127:
		return VKEY_BACKSPACE;
	}
	return c;
}

/* Only what a signal handler may call. */
static void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

/* The error output is the real one again, and gets what was kept. */
static void tell_kept(struct screen *s)
{
	char buf[4096];
	off_t at = 0;
	ssize_t n;

	dup2(s->errors_fd, STDERR_FILENO);
	while ((n = pread(s->kept_fd, buf, sizeof(buf), at)) > 0) {
		write_all(s->errors_fd, buf, (size_t)n);
		at += n;
	}
}

void screen_give_back(void)
{
	struct screen *s = active;

	if (!s)
		return;
	active = NULL;
	write_all(STDOUT_FILENO, s->restore, strlen(s->restore));
	tcsetattr(STDIN_FILENO, TCSANOW, &s->termios);
	tell_kept(s);
}

/*
 * The handler is gone already (SA_RESETHAND): raised once more, the signal does what it always
 * does.
 */
static void on_crash(int number)
{
	screen_give_back();
	raise(number);
}

static void set_crash_handlers(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	if (handler == on_crash)
		action.sa_flags = (int)SA_RESETHAND;
	for (size_t i = 0; i < N_OF(crash_signals); i++)
		sigaction(crash_signals[i], &action, NULL);
}

/* Somebody called exit() below us. */
static void on_exit_restore(void)
{
	struct screen *s = active;

	if (!s)
		return;
	active = NULL;
	endwin();
	tell_kept(s);
}

static void prepare_restore(struct screen *s)
{
	const char *const names[] = { "rmkx", "sgr0", "cnorm", "rmcup" };
	size_t used;

	used = (size_t)snprintf(s->restore, sizeof(s->restore), "%s", MOUSE_OFF);
	for (size_t i = 0; i < N_OF(names); i++) {
		const char *text = tigetstr(names[i]);

		if (text && text != (char *)-1 && used + strlen(text) < sizeof(s->restore))
			used += (size_t)snprintf(s->restore + used, sizeof(s->restore) - used, "%s",
						 text);
	}
}

static void set_colors(struct screen *s)
{
	const char *no_color = getenv("NO_COLOR");

	if ((no_color && *no_color) || !has_colors())
		return;
	start_color();
	if (COLORS < 8 || COLOR_PAIRS <= ATTR_MAX)
		return;
	use_default_colors();
	for (short i = 0; i < ATTR_MAX; i++)
		init_pair((short)(i + 1), COLORS >= 256 ? looks[i].rich : looks[i].plain,
			  looks[i].background);
	s->has_color = true;
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

bool screen_is_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
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
	s->errors_fd = dup(STDERR_FILENO);
	s->kept_fd = memfd_create("messages", MFD_CLOEXEC);
	if (!s->in || !s->out || s->errors_fd < 0 || s->kept_fd < 0)
		return -errno;
	return 0;
}

int screen__new(struct screen **ret_screen, struct err *err)
{
	_cleanup_(screen__freep) struct screen *s = calloc(1, sizeof(*s));
	static bool is_registered;
	int r;

	if (!s)
		return err__set(err, -ENOMEM, "out of memory");
	s->errors_fd = s->kept_fd = -1;
	if (tcgetattr(STDIN_FILENO, &s->termios) < 0)
		return err__set(err, -ENOTTY, "stdin is no terminal");
	r = open_files(s);
	if (r < 0)
		return err__set(err, r, "cannot set up the terminal: %s", strerror(-r));
	setlocale(LC_CTYPE, "");
	s->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	s->terminal = newterm(NULL, s->out, s->in);
	if (!s->terminal) {
		err__set(err, -ENOTTY, "the terminal type '%s' is not known", getenv("TERM") ?: "");
		return err__hint(err, -ENOTTY,
				 "set TERM to what your terminal is, as in TERM=xterm-256color");
	}
	set_colors(s);
	set_modes();
	prepare_restore(s);
	dup2(s->kept_fd, STDERR_FILENO);
	active = s;
	set_crash_handlers(on_crash);
	if (!is_registered)
		is_registered = atexit(on_exit_restore) == 0;
	*ret_screen = TAKE_PTR(s);
	return 0;
}

void screen__free(struct screen *s)
{
	if (!s)
		return;
	if (active == s) {
		active = NULL;
		endwin();
		set_crash_handlers(SIG_DFL);
		tell_kept(s);
	}
	if (s->terminal)
		delscreen(s->terminal);
	file_close(&s->in);
	file_close(&s->out);
	fd_close(&s->kept_fd);
	fd_close(&s->errors_fd);
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

static void set_look(const struct screen *s, enum canvas_attr attr)
{
	if (s->has_color)
		attr_set(looks[attr].color_bits, (short)(attr + 1), NULL);
	else
		attr_set(looks[attr].mono_bits, 0, NULL);
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

static bool read_mouse(struct view_event *ret_event)
{
	MEVENT mouse;

	if (getmouse(&mouse) != OK)
		return false;
	*ret_event = (struct view_event){ .key = VKEY_MOUSE, .row = mouse.y, .column = mouse.x };
	if (mouse.bstate & BUTTON4_PRESSED)
		ret_event->key = VKEY_WHEEL_UP;
	else if (mouse.bstate & BUTTON5_PRESSED)
		ret_event->key = VKEY_WHEEL_DOWN;
	return true;
}

/* False for a key that means nothing to us. */
static bool translate(wint_t c, struct view_event *ret_event)
{
	*ret_event = (struct view_event){ .key = KEY_NONE };
	if (c == KEY_RESIZE)
		return true;
	if (c == KEY_MOUSE)
		return read_mouse(ret_event);
	if (c >= KEY_F(1) && c <= KEY_F(12)) {
		ret_event->key = VKEY_F1 + (c - KEY_F(1));
		return true;
	}
	for (size_t i = 0; i < N_OF(keys); i++) {
		if ((wint_t)keys[i].curses == c) {
			ret_event->key = keys[i].key;
			return true;
		}
	}
	return false;
}

int screen__read(struct screen *s, struct view_event *ret_event)
{
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	wint_t c;

	(void)s;
	for (;;) {
		switch (get_wch(&c)) {
		case KEY_CODE_YES:
			if (!translate(c, ret_event))
				continue;
			return 1;
		case OK:
			/* Curses does not know what somebody else wrote over its screen. */
			if (c == 12)
				clearok(curscr, TRUE);
			*ret_event = (struct view_event){ .key = c == 12 ? KEY_NONE :
									   key_of_control(c) };
			return 1;
		default:
			return poll(&terminal, 1, 0) > 0 &&
					(terminal.revents & (POLLHUP | POLLERR)) ?
				-EPIPE :
				0;
		}
	}
}

bool screen__take_message(struct screen *s, char *buf, size_t size)
{
	struct stat st;
	char *line;
	off_t from;
	ssize_t n;

	if (fstat(s->kept_fd, &st) < 0 || st.st_size == s->told)
		return false;
	from = st.st_size - s->told < (off_t)size ? s->told : st.st_size - (off_t)size + 1;
	n = pread(s->kept_fd, buf, size - 1, from);
	s->told = st.st_size;
	/* The offset is shared with the error output. */
	if (st.st_size > MAX_KEPT_BYTES && !ftruncate(s->kept_fd, 0) &&
	    !lseek(s->kept_fd, 0, SEEK_SET))
		s->told = 0;
	if (n <= 0)
		return false;
	buf[buf[n - 1] == '\n' ? n - 1 : n] = '\0';
	line = strrchr(buf, '\n');
	if (line)
		memmove(buf, line + 1, strlen(line));
	return true;
}

int screen__copy(struct screen *s, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t size = strlen(text);
	_cleanup_free_ char *out = NULL;
	size_t used;

	(void)s;
	if (size > MAX_COPY_BYTES)
		return -E2BIG;
	out = malloc(size / 3 * 4 + 32);
	if (!out)
		return -ENOMEM;
	used = (size_t)sprintf(out, "\033]52;c;");
	for (size_t i = 0; i < size; i += 3) {
		const size_t left = size - i;
		const uint32_t bits = (uint32_t)(uint8_t)text[i] << 16 |
			(left > 1 ? (uint32_t)(uint8_t)text[i + 1] << 8 : 0) |
			(left > 2 ? (uint32_t)(uint8_t)text[i + 2] : 0);

		out[used++] = digits[bits >> 18];
		out[used++] = digits[bits >> 12 & 63];
		out[used++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		out[used++] = left > 2 ? digits[bits & 63] : '=';
	}
	out[used++] = '\a';
	write_all(STDOUT_FILENO, out, used);
	return 0;
}

void screen__leave(struct screen *s)
{
	def_prog_mode();
	endwin();
	dup2(s->errors_fd, STDERR_FILENO);
	active = NULL;
}

void screen__enter(struct screen *s)
{
	active = s;
	dup2(s->kept_fd, STDERR_FILENO);
	reset_prog_mode();
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
