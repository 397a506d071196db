/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the dashboard's options may be, and whether a refusal names what is wrong and what there is;
 * source lines read for it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/dashboard.h"
#include "app/source.h"
#include "../deadline.h"

static void refuse(struct config config, const char *option, const char *known)
{
	struct err err = {};

	cr_expect_eq(dashboard_check(&config, &err), -EINVAL, "%s was taken", option);
	cr_expect(strstr(err.what, option), "\"%s\" does not name %s", err.what, option);
	cr_expect(strstr(err.what, known), "\"%s\" does not say \"%s\"", err.what, known);
}

static void accept(struct config config)
{
	struct err err = {};

	cr_expect_eq(dashboard_check(&config, &err), 0, "%s", err.what);
}

Test(app_dashboard, options_that_fit_a_screen_are_taken)
{
	accept((struct config){});
	accept((struct config){ .screen = "stalls" });
	accept((struct config){ .screen = "flame" });
	accept((struct config){ .sort = "max" });
	accept((struct config){ .filter = "cause:sleep", .screen = "stalls" });
}

Test(app_dashboard, refusals_name_what_there_is)
{
	refuse((struct config){ .screen = "nonsense" }, "--screen", "coroutines, tasks, stalls");
	refuse((struct config){ .sort = "nonsense" }, "--sort", "max");
	refuse((struct config){ .columns = "nonsense" }, "--columns", "max");
	refuse((struct config){ .screen = "flame", .sort = "max" }, "--sort", "no columns");
	refuse((struct config){ .filter = "(" }, "--filter", "regular");
}

static void expect_line(const char *path, uint32_t line, int result, const char *text)
{
	char buf[16];

	cr_expect_eq(source_line(getpid(), path, line, buf, sizeof(buf)), result, "line %u", line);
	if (!result)
		cr_expect_str_eq(buf, text);
}

Test(app_dashboard, source_lines)
{
	char path[] = "/tmp/loopstall-test-XXXXXX", fifo[64];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	fputs("first\r\na line that is longer than the buffer\n\nlast", f);
	fclose(f);
	expect_line(path, 1, 0, "first");
	expect_line(path, 2, 0, "a line that is ");
	expect_line(path, 3, 0, "");
	expect_line(path, 4, 0, "last");
	expect_line(path, 5, -ENOENT, NULL);
	expect_line(path, 0, -ENOENT, NULL);
	expect_line("/nowhere", 1, -ENOENT, NULL);
	expect_line("/tmp", 1, -EISDIR, NULL);
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	mkfifo(fifo, 0600);
	expect_line(fifo, 1, -ENXIO, NULL);
	unlink(fifo);
	unlink(path);
}

/* Its owner chooses how large it is: a hole takes no disk. */
TEST_WITHIN(10, app_dashboard, source_lines_of_a_huge_file)
{
	char path[] = "/tmp/loopstall-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, "first\nsecond", 12), 12);
	cr_assert_eq(ftruncate(fd, 1LL << 40), 0);
	expect_line(path, 1, 0, "first");
	expect_line(path, 2, -EFBIG, NULL);
	expect_line(path, 3, -EFBIG, NULL);
	expect_line(path, UINT32_MAX, -EFBIG, NULL);
	unlink(path);
	close(fd);
}

Test(app_dashboard, source_lines_of_what_is_no_source)
{
	expect_line("/dev/zero", 1, -ENODEV, NULL);
	expect_line("/proc/self/maps", 1, -EMEDIUMTYPE, NULL);
	expect_line("/proc/self/exe", 1, -ELOOP, NULL);
}
