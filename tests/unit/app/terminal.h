/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal for the dashboard: a pseudo terminal on stdin and stdout of the test, keys that are
 * pressed, and all that was written to the screen. One in each test process.
 */
#ifndef TESTS_APP_TERMINAL_H
#define TESTS_APP_TERMINAL_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/time.h"

#define TERMINAL_PATIENCE_MS 20000

static struct {
	int fd; /* the other side */
	pthread_t reader;
	pthread_mutex_t lock;
	size_t size;
	char text[1 << 20];
	char folder[32]; /* the working directory meanwhile */
} terminal = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline void *terminal_read(void *arg)
{
	char buf[4096];
	ssize_t n;

	(void)arg;
	while ((n = read(terminal.fd, buf, sizeof(buf))) > 0) {
		pthread_mutex_lock(&terminal.lock);
		for (ssize_t i = 0; i < n && terminal.size < sizeof(terminal.text) - 1; i++)
			terminal.text[terminal.size++] = buf[i] ?: ' ';
		pthread_mutex_unlock(&terminal.lock);
	}
	return NULL;
}

/* Signals that a test sends must be blocked before: the thread that reads inherits the mask. */
static inline void terminal_open(void)
{
	const struct winsize size = { .ws_row = 40, .ws_col = 160 };
	struct termios raw;
	int fd;

	strcpy(terminal.folder, "/tmp/loopstall-test-XXXXXX");
	cr_assert_not_null(mkdtemp(terminal.folder));
	cr_assert_eq(chdir(terminal.folder), 0);
	terminal.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(terminal.fd, 0);
	cr_assert_eq(grantpt(terminal.fd) | unlockpt(terminal.fd), 0);
	fd = open(ptsname(terminal.fd), O_RDWR | O_NOCTTY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
	/* Keys that are pressed before the dashboard sets this itself are not lost. */
	cr_assert_eq(tcgetattr(fd, &raw), 0);
	cfmakeraw(&raw);
	cr_assert_eq(tcsetattr(fd, TCSANOW, &raw), 0);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	setenv("TERM", "xterm-256color", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	cr_assert_eq(pthread_create(&terminal.reader, NULL, terminal_read, NULL), 0);
}

static inline void terminal_press(const char *keys)
{
	cr_assert_eq(write(terminal.fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* For the thread that reads the keys: they have arrived when this returns. */
static inline void terminal_press_mine(const char *keys)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

	terminal_press(keys);
	cr_assert_eq(poll(&fd, 1, TERMINAL_PATIENCE_MS), 1);
}

static inline bool terminal_has(const char *text)
{
	bool has;

	pthread_mutex_lock(&terminal.lock);
	terminal.text[terminal.size] = '\0';
	has = strstr(terminal.text, text);
	pthread_mutex_unlock(&terminal.lock);
	return has;
}

/* Whether this was ever shown; what was written last may still be on its way. */
static inline bool terminal_shows(const char *text)
{
	for (int ms = 0; ms < TERMINAL_PATIENCE_MS; ms += 5) {
		if (terminal_has(text))
			return true;
		usleep(5000);
	}
	return false;
}

/* The files in the folder whose names end like this, as one text. The caller frees it. */
static inline char *terminal_saved(const char *extension)
{
	char command[64], *text = calloc(1, 1 << 16);
	FILE *f;

	snprintf(command, sizeof(command), "cat loopstall-*.%s 2>/dev/null", extension);
	f = popen(command, "r");
	cr_assert(text && f);
	cr_assert_lt(fread(text, 1, (1 << 16) - 1, f), (1 << 16) - 1);
	pclose(f);
	return text;
}

static inline void terminal_close(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", terminal.folder);
	cr_expect_eq(system(command), 0);
}

#endif
