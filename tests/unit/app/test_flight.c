/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight recorder over a scripted session: what makes it write, how often, and what is in the
 * files.
 */
#include <dirent.h>
#include <signal.h>

#include "../session/world_session.h"
#include "app/flight.h"
#include "record/player.h"

#define MAX_FILES 8

struct flown {
	char path[64];
	size_t n;
	char files[MAX_FILES][256]; /* in the order of their names */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void list_files(struct flown *f)
{
	DIR *dir = opendir(f->path);
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		cr_assert_lt(f->n, MAX_FILES);
		strcpy(f->files[f->n++], entry->d_name);
	}
	closedir(dir);
	qsort(f->files, f->n, sizeof(*f->files), compare_names);
}

/* Runs a session with a ring of a minute to its end. */
static struct flown fly(struct flight_opts flight_opts, uint64_t duration_ns)
{
	const struct recorder_opts record = { .ring_ns = 60 * SECOND, .max_bytes = 8U << 20 };
	struct session_opts opts = world_opts();
	struct flight *flight = NULL;
	struct session *s = NULL;
	struct err err = {};
	struct flown f = { .path = "/tmp/loopstall-test-XXXXXX" };

	cr_assert_not_null(mkdtemp(f.path));
	flight_opts.path = f.path;
	flight_opts.max_files = MAX_FILES;
	flight_opts.ring_ns = record.ring_ns;
	opts.record = &record;
	opts.report_open_ns = flight_opts.on_stall_ns;
	opts.duration_ns = duration_ns;
	cr_assert_eq(flight__new(&flight, &flight_opts, &err), 0, "%s", err.what);
	cr_assert_eq(session__new(&s, &opts, &err), 0, "%s", err.what);
	world.session = s;
	flight__attach(flight, s);
	cr_assert_eq(session__add_targets(s, &err), 0);
	cr_assert_eq(session__run(s, &err), EXIT_FINE);
	cr_expect(flight__finish(flight));
	session__free(s);
	flight__free(flight);
	list_files(&f);
	return f;
}

static void flown_done(struct flown *f)
{
	char path[320];

	for (size_t i = 0; i < f->n; i++) {
		snprintf(path, sizeof(path), "%s/%s", f->path, f->files[i]);
		unlink(path);
	}
	cr_expect_eq(rmdir(f->path), 0, "there is more in the folder");
}

/* The stalls in a file that have ended; the reason and pid that it names. */
static uint64_t play(const struct flown *f, size_t i, const char *reason, enum ls_end *ret_end)
{
	const struct snapshot *snapshot;
	struct resolver resolver;
	struct player *p;
	struct model *m;
	struct err err = {};
	char path[320];
	uint64_t n;

	snprintf(path, sizeof(path), "%s/%s", f->path, f->files[i]);
	cr_assert_eq(player__open(&p, path, &err), 0, "%s", err.what);
	resolver = player__resolver(p);
	cr_assert_eq(model__new(&m, &resolver, NULL, NULL), 0);
	while (player__next(p, m, NULL) > 0)
		;
	cr_expect_null(player__damage(p), "%s", player__damage(p));
	cr_expect(player__is_complete(p));
	cr_expect_str_eq(meta__get(player__meta(p), "reason"), reason);
	cr_expect_eq(meta__u64(player__meta(p), "reason_pid", 0), PID);
	cr_expect_not_null(meta__get(player__meta(p), "target.0.python"));
	cr_assert_eq(model__snapshot(m, &snapshot), 0);
	n = snapshot->stalls;
	*ret_end = snapshot->n_stalls ? snapshot->stall_list[0]->end : LS_END_RETURN;
	if (n)
		cr_expect_str_eq(snapshot->stall_list[0]->call.function, "fetch_row");
	model__free(m);
	player__free(p);
	return n;
}

static void first_step(void)
{
	report_thread(PID, TID, LOOP, 0x5000);
}

static void step_gets_stuck(void)
{
	world.probe.open_since_ns = world.now_ns;
}

static void end_target(void)
{
	process_ends(PID);
}

static void send_usr1(void)
{
	kill(getpid(), SIGUSR1);
}

/* One file, although the stall is reported again and again; in it, the stall has come to an end. */
Test(app_flight, a_stall_that_goes_on)
{
	struct flown f;
	enum ls_end end;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(500, step_gets_stuck);
	f = fly((struct flight_opts){ .on_stall_ns = 2 * SECOND }, 30 * SECOND);
	cr_assert_eq(f.n, 1, "%zu files", f.n);
	cr_expect_not_null(strstr(f.files[0], "-stall.ls"));
	cr_expect_eq(play(&f, 0, "stall", &end), 1);
	cr_expect_eq(end, LS_END_RUNNING);
	flown_done(&f);
}

/* The first at once; those of the next half minute together, here at the end. */
Test(app_flight, stalls_that_follow_share_a_file)
{
	struct flown f;
	enum ls_end end;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	for (uint64_t i = 1; i <= 10; i++)
		at_ms(1000 * i, report_stall);
	f = fly((struct flight_opts){ .on_stall_ns = 20 * MS }, 12 * SECOND);
	cr_assert_eq(f.n, 2, "%zu files", f.n);
	cr_expect_eq(play(&f, 0, "stall", &end), 1);
	cr_expect_eq(play(&f, 1, "stall", &end), 10);
	flown_done(&f);
}

Test(app_flight, a_short_stall_is_no_reason)
{
	struct flown f;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(300, report_stall);
	f = fly((struct flight_opts){ .on_stall_ns = 2 * SECOND }, 3 * SECOND);
	cr_expect_eq(f.n, 0);
	flown_done(&f);
}

Test(app_flight, a_process_ends)
{
	struct flown f;
	enum ls_end end;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(300, report_stall);
	at_ms(2000, end_target);
	f = fly((struct flight_opts){ .is_on_exit = true }, 0);
	cr_assert_eq(f.n, 1, "%zu files", f.n);
	cr_expect_not_null(strstr(f.files[0], "-exit.ls"));
	cr_expect_eq(play(&f, 0, "exit", &end), 1);
	flown_done(&f);
}

Test(app_flight, an_end_that_is_no_reason)
{
	struct flown f;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(2000, end_target);
	f = fly((struct flight_opts){ .on_stall_ns = SECOND }, 0);
	cr_expect_eq(f.n, 0);
	flown_done(&f);
}

Test(app_flight, signals)
{
	struct flown f;
	enum ls_end end;

	process_begins(PID, 1, "python3 app.py");
	at_ms(100, first_step);
	at_ms(1000, report_stall);
	at_ms(2000, send_usr1);
	f = fly((struct flight_opts){ .is_on_exit = true }, 5 * SECOND);
	cr_assert_eq(f.n, 1, "%zu files", f.n);
	cr_expect_not_null(strstr(f.files[0], "-signal.ls"));
	cr_expect_eq(play(&f, 0, "signal", &end), 1);
	flown_done(&f);
}
