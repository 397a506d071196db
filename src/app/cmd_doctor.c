/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `loopstall doctor`: what this kernel and these privileges allow, what is missing and how to fix
 * it; with -p, what was found in a process. The exit code says whether attaching would work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "app/commands.h"
#include "arch/arch.h"
#include "base/array.h"
#include "base/exit.h"
#include "app/remedy.h"
#include "app/say.h"
#include "app/privs.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "probe/probe.h"
#include "report/format.h"
#include "process/target.h"
#include "runtime/runtime.h"

#define MAX_LOOPS 64
#define MAX_NOTES 8

/* One check with its result: a row of the table, an element of the JSON. */
struct finding {
	const char *name;
	const char *sentence;
	const char *since; /* the version of Linux that brought it, or NULL */
	bool is_required;
	bool is_ok;
	struct remedy remedy;
	char fix[2 * REMEDY_BYTES];
};

#define MAX_FINDINGS (PROBE_MAX_FEATURES + PRIV_MAX)

/* What was found in one process. */
struct patient {
	pid_t pid;
	struct target *target; /* NULL: `error` and `err` say why */
	int error;
	struct err err;
	struct target_description about;
	int n_loops; /* or -errno: they cannot be read */
	struct target_loop_thread loops[MAX_LOOPS];
	size_t n_spots[LS_SPOT_DNS_ENTER + 1]; /* by enum ls_spot */
	size_t n_slow_spots; /* that the kernel has to single-step */
	size_t n_notes;
	const char *notes[MAX_NOTES]; /* what is not possible, or costs more */
};

static bool is_patient_ok(const struct patient *p)
{
	return p->target && p->target->rung != TARGET_RUNG_NONE;
}

static size_t n_polls(const struct patient *p)
{
	return p->n_spots[LS_SPOT_POLL_RETURN] + p->n_spots[LS_SPOT_PLAIN_POLL_RETURN];
}

static void note(struct patient *p, const char *sentence)
{
	if (p->n_notes < MAX_NOTES)
		p->notes[p->n_notes++] = sentence;
}

static void count_spots(struct patient *p)
{
	for (size_t i = 0; i < p->target->n_modules; i++) {
		const struct target_module *m = &p->target->modules[i];

		for (size_t j = 0; j < m->n_spots; j++) {
			if (m->spots[j].kind <= LS_SPOT_DNS_ENTER)
				p->n_spots[m->spots[j].kind]++;
			if (!m->spots[j].is_emulable)
				p->n_slow_spots++;
		}
	}
}

static void take_notes(struct patient *p)
{
	const struct target *t = p->target;

	if (!t->is_up)
		note(p, "the interpreter is still starting up");
	else if (!t->has_loops)
		note(p, "asyncio is not imported yet: a trace waits for it");
	else if (p->n_loops < 0)
		note(p, "its event loops could not be read: try again");
	else if (p->n_loops == 0)
		note(p, "no event loop runs in it now: a trace waits for one");
	if (t->is_newer)
		note(p,
		     "this version is newer than this loopstall: it is read by what it says of "
		     "itself");
	if (t->rung == TARGET_RUNG_NONE)
		note(p, "no step function was found: its steps cannot be timed");
	if (*t->rung_note)
		note(p, t->rung_note);
	if (t->rung != TARGET_RUNG_NONE && p->n_spots[LS_SPOT_POLL_RETURN] == 0)
		note(p, "the loop's poll was not found: a turn is seen only where the poll sleeps");
	if (p->n_slow_spots > 0)
		note(p, arch.stepping_note);
	if (p->about.stacks_note)
		note(p, p->about.stacks_note);
}

static void examine(struct patient *p, pid_t pid)
{
	p->pid = pid;
	p->error = target__examine(&p->target, pid, NULL, &p->err);
	if (p->error < 0)
		return;
	p->n_loops = target__loop_threads(p->target, p->loops, MAX_LOOPS);
	target__describe(p->target, &p->about);
	count_spots(p);
	take_notes(p);
}

/* "CAP_BPF, CAP_PERFMON; or: sysctl ..." */
static void describe_fix(struct finding *f, const char *else_helps)
{
	char names[REMEDY_BYTES];

	if (f->is_ok)
		return;
	remedy__names(&f->remedy, names);
	snprintf(f->fix, sizeof(f->fix), "%s%s%s%s", *names ? "give it " : "", names,
		 *names && *else_helps ? "; " : "", else_helps);
}

/* Lists only the capabilities that this process does not have. */
static void add_missing(struct finding *f, const char *caps)
{
	remedy__add(&f->remedy, caps);
	for (int i = 0; i < PRIV_MAX; i++)
		f->remedy.caps[i] = f->remedy.caps[i] && !priv_is_there(i);
}

static size_t collect(struct finding *findings, struct probe_feature *features)
{
	const int n_features = probe__features(features);
	size_t n = 0;

	for (int i = 0; i < PRIV_MAX; i++, n++) {
		findings[n] = (struct finding){
			.name = priv_infos[i].name,
			.sentence = priv_infos[i].sentence,
			.is_required = priv_infos[i].is_required,
			.is_ok = priv_is_there(i),
		};
		add_missing(&findings[n], priv_infos[i].name);
	}
	for (int i = 0; i < n_features; i++, n++) {
		findings[n] = (struct finding){
			.name = features[i].name,
			.sentence = features[i].sentence,
			.since = features[i].since,
			.is_required = features[i].is_required,
			.is_ok = features[i].status == 0,
			.remedy.host_pid = !strcmp(features[i].name, "pid_namespace"),
		};
		add_missing(&findings[n], features[i].caps);
		describe_fix(&findings[n], features[i].fix);
		/* An older kernel may ask for more than the newest does. */
		for (int j = 0; findings[n].is_required && j < PRIV_MAX; j++)
			findings[j].is_required =
				findings[j].is_required || findings[n].remedy.caps[j];
	}
	for (int i = 0; i < PRIV_MAX; i++)
		if (findings[i].is_required)
			describe_fix(&findings[i], "");
	return n;
}

/* One remedy for everything that is missing. */
static struct remedy remedy_for_all(const struct finding *findings, size_t n)
{
	struct remedy all = {};

	for (size_t i = 0; i < n; i++) {
		const struct finding *f = &findings[i];

		if (f->is_ok || !f->is_required)
			continue;
		all.host_pid = all.host_pid || f->remedy.host_pid;
		for (int j = 0; j < PRIV_MAX; j++)
			all.caps[j] = all.caps[j] || f->remedy.caps[j];
	}
	return all;
}

static const struct {
	const char *name;
	void (*write)(const struct remedy *r, char buf[REMEDY_BYTES]);
} ways[] = {
	{ "setcap", remedy__setcap },
	{ "docker", remedy__docker },
	{ "kubernetes", remedy__kubernetes },
};

static void print_remedy(const struct remedy *remedy)
{
	char line[REMEDY_BYTES];

	if (remedy__is_empty(remedy))
		return;
	puts("what is missing is given by one of these, or by running it as root:");
	for (size_t i = 0; i < N_OF(ways); i++) {
		ways[i].write(remedy, line);
		if (*line)
			printf("  %-11s %s\n", ways[i].name, line);
	}
}

static void add_remedy(struct jsonx *o, const struct remedy *remedy)
{
	char line[REMEDY_BYTES];

	for (size_t i = 0; i < N_OF(ways); i++) {
		ways[i].write(remedy, line);
		jsonx_add_text(o, ways[i].name, *line ? line : NULL);
	}
}

static void print_findings(const struct finding *findings, size_t n, const struct utsname *uts)
{
	printf("kernel %s %s\n", uts->release, uts->machine);
	for (size_t i = 0; i < n; i++) {
		const struct finding *f = &findings[i];

		printf("  %-8s %-23s %s%s%s%s\n",
		       f->is_ok		      ? "ok" :
			       f->is_required ? "MISSING" :
						"absent",
		       f->name, f->sentence, f->since ? " (from Linux " : "", f->since ?: "",
		       f->since ? " on)" : "");
		if (!f->is_ok && *f->fix)
			printf("  %-8s %-23s fix: %s\n", "", "", f->fix);
	}
}

static void print_patient(const struct patient *p)
{
	const struct target *t = p->target;
	char comm[256], path[1024], hint[1024], cgroup[FORMAT_CGROUP_BYTES];

	if (!t) {
		text__escape(p->err.what, path, sizeof(path));
		text__escape(p->err.hint, hint, sizeof(hint));
		printf("process %d\n  MISSING  %s%s%s\n", p->pid, path, *hint ? "; " : "", hint);
		return;
	}
	text__escape(t->comm, comm, sizeof(comm));
	text__escape(p->about.file ?: "?", path, sizeof(path));
	printf("process %d %s\n", p->pid, comm);
	printf("  %s %s, %s%s%s, %s\n", t->runtime->words->title, t->version, p->about.build ?: "",
	       p->about.build ? ", " : "", p->about.is_static ? "static" : "shared",
	       t->is_stripped ? "stripped" : "with symbols");
	printf("  interpreter in %s\n", path);
	if (t->is_container) {
		text__escape(format__cgroup(t->cgroup, cgroup), comm, sizeof(comm));
		printf("  container %s, pid %d there\n", comm, t->ns_pid);
	}
	printf("  rung: %s (%s)\n", target_rung_word(t->rung), target_rung_sentence(t->rung));
	if (p->about.tasks_what)
		printf("  %s: %s (%s)\n", p->about.tasks_what, p->about.tasks_word,
		       p->about.tasks_sentence);
	printf("  spots: %zu step entry, %zu step exit, %zu poll, %zu name look-up\n",
	       p->n_spots[LS_SPOT_STEP_ENTER], p->n_spots[LS_SPOT_STEP_EXIT], n_polls(p),
	       p->n_spots[LS_SPOT_DNS_ENTER]);
	for (int i = 0; i < p->n_loops; i++)
		printf("  loop: thread %d, %s\n", p->loops[i].tid,
		       target_loop_kind_word(p->loops[i].kind));
	for (size_t i = 0; i < p->n_notes; i++)
		printf("  note: %s\n", p->notes[i]);
}

static json_t *note_json(const void *item)
{
	const char *const *sentence = item;

	return jsonx_text(*sentence);
}

static json_t *stranger_json(const struct patient *p)
{
	struct jsonx o = jsonx_object();

	jsonx_add(&o, "pid", json_integer(p->pid));
	jsonx_add_bool(&o, "ok", false);
	jsonx_add_text(&o, "error", p->err.what);
	jsonx_add_text(&o, "fix", p->err.hint);
	jsonx_add_text(&o, "rung", NULL);
	return jsonx_end(&o);
}

static json_t *patient_json(const void *item)
{
	const struct patient *p = item;
	const struct target *t = p->target;
	struct jsonx o;

	if (!t)
		return stranger_json(p);
	o = jsonx_object();
	jsonx_add(&o, "pid", json_integer(p->pid));
	jsonx_add_bool(&o, "ok", is_patient_ok(p));
	jsonx_add_text(&o, "name", t->comm);
	jsonx_add_text(&o, "interpreter", p->about.file ?: "?");
	jsonx_add_text(&o, "python", t->version);
	jsonx_add_bool(&o, "static", p->about.is_static);
	jsonx_add_bool(&o, "stripped", t->is_stripped);
	jsonx_add_bool(&o, "container", t->is_container);
	jsonx_add_bool(&o, "greenlet", p->about.switches_stacks);
	jsonx_add_text(&o, "rung", target_rung_word(t->rung));
	jsonx_add_text(&o, "python_tasks", p->about.tasks_word ?: "none");
	jsonx_add_u64(&o, "step_entry_spots", p->n_spots[LS_SPOT_STEP_ENTER]);
	jsonx_add_u64(&o, "step_exit_spots", p->n_spots[LS_SPOT_STEP_EXIT]);
	jsonx_add_u64(&o, "poll_spots", n_polls(p));
	jsonx_add_u64(&o, "dns_spots", p->n_spots[LS_SPOT_DNS_ENTER]);
	jsonx_add_u64(&o, "slow_spots", p->n_slow_spots);
	jsonx_add(&o, "loops",
		  p->n_loops < 0 ? json_null() :
				   jsonx_array(p->loops, (size_t)p->n_loops, sizeof(*p->loops),
					       say_loop_thread));
	jsonx_add(&o, "notes", jsonx_array(p->notes, p->n_notes, sizeof(*p->notes), note_json));
	return jsonx_end(&o);
}

static json_t *feature_json(const void *item)
{
	const struct finding *f = item;
	struct jsonx o = jsonx_object();

	jsonx_add_text(&o, "name", f->name);
	jsonx_add_text(&o, "what_for", f->sentence);
	jsonx_add_text(&o, "since", f->since);
	jsonx_add_bool(&o, "required", f->is_required);
	jsonx_add_bool(&o, "ok", f->is_ok);
	jsonx_add_text(&o, "fix", f->fix);
	add_remedy(&o, f->is_ok ? &(struct remedy){} : &f->remedy);
	return jsonx_end(&o);
}

/* 0 or -errno. */
static int print_json(const struct finding *findings, size_t n, const struct utsname *uts,
		      const struct patient *patients, size_t n_patients, bool is_ok)
{
	struct jsonx o = say_json_object("doctor");
	const struct remedy all = remedy_for_all(findings, n);

	jsonx_add_text(&o, "kernel", uts->release);
	jsonx_add_text(&o, "machine", uts->machine);
	jsonx_add_bool(&o, "ok", is_ok);
	jsonx_add(&o, "features", jsonx_array(findings, n, sizeof(*findings), feature_json));
	add_remedy(&o, &all);
	jsonx_add(&o, "processes",
		  jsonx_array(patients, n_patients, sizeof(*patients), patient_json));
	return say_json(jsonx_end(&o));
}

static void print_text(const struct finding *findings, size_t n, const struct utsname *uts,
		       const struct patient *patients, size_t n_patients, bool is_ok)
{
	const struct remedy all = remedy_for_all(findings, n);

	print_findings(findings, n, uts);
	for (size_t i = 0; i < n_patients; i++)
		print_patient(&patients[i]);
	print_remedy(&all);
	puts(is_ok ? "attaching works" : "attaching would not work: see MISSING above");
}

static bool all_required(const struct finding *findings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (findings[i].is_required && !findings[i].is_ok)
			return false;
	return true;
}

static void free_patients(struct patient **patients)
{
	for (size_t i = 0; *patients && i < CLI_MAX_PIDS; i++)
		target__free((*patients)[i].target);
	free(*patients);
}

static int run(const struct config *config)
{
	_cleanup_(free_patients) struct patient *patients = calloc(CLI_MAX_PIDS, sizeof(*patients));
	struct probe_feature features[PROBE_MAX_FEATURES];
	struct finding findings[MAX_FINDINGS];
	struct utsname uts;
	bool is_ok = true;
	size_t n;
	int code;

	if (!patients || uname(&uts) < 0) {
		log_error("%s", strerror(errno));
		return EXIT_INCONCLUSIVE;
	}
	privs_raise();
	n = collect(findings, features);
	for (size_t i = 0; i < config->n_pids; i++) {
		examine(&patients[i], config->pids[i]);
		is_ok = is_ok && is_patient_ok(&patients[i]);
	}
	/*
	 * The processes in question could be read, so the right to read any process is not needed.
	 */
	if (config->n_pids > 0 && is_ok)
		findings[PRIV_SYS_PTRACE].is_required = false;
	is_ok = is_ok && all_required(findings, n);
	code = is_ok ? EXIT_FINE : EXIT_CANNOT_ATTACH;
	if (config->is_json)
		return say_written(code,
				   print_json(findings, n, &uts, patients, config->n_pids, is_ok));
	print_text(findings, n, &uts, patients, config->n_pids, is_ok);
	return say_finish(code);
}

static const struct cli_option options[] = {
	{ .name = "pid",
	  .letter = 'p',
	  .type = CLI_PIDS,
	  .argument = "PID[,PID...]",
	  .values = CLI_VALUES_PID,
	  .help = "examine these processes, too" },
	{ .name = NULL },
};

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.usage = "[-p PID[,PID...]]",
	.summary = "Checks kernel and privileges, and says how to fix what is missing",
	.options = options,
	.run = run,
};
