/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See identity.h. The forms of control groups are those of systemd, docker, containerd, CRI-O and
 * the kubelet with both of its cgroup drivers.
 */
#include "process/identity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "process/procfs.h"
#include "process/target.h"

#define SERVICE_VARIABLE "OTEL_SERVICE_NAME="
#define SCOPE ".scope"
#define UNIT ".service"
#define SLICE ".slice"
#define ID_BYTES 64 /* of a container, in hexadecimal */
#define UUID_BYTES 36

/* What goes before the id in the name of a scope, and the runtime by its Kubernetes name. */
static const struct {
	const char *prefix, *runtime;
} runtimes_of_containers[] = {
	{ "cri-containerd-", "containerd" },
	{ "crio-", "cri-o" },
	{ "docker-", "docker" },
	{ "libpod-", "podman" },
};

/* The value of the service variable; NULL if it is not set, or empty. */
static const char *named_service(const char *environment, size_t bytes)
{
	const size_t n = strlen(SERVICE_VARIABLE);
	const char *end = environment + bytes;

	/* The last variable may lack its NUL. */
	for (const char *p = environment; p < end;) {
		const char *next = memchr(p, '\0', (size_t)(end - p));

		if (!next)
			return NULL;
		if (!strncmp(p, SERVICE_VARIABLE, n) && p[n])
			return p + n;
		p = next + 1;
	}
	return NULL;
}

static bool has_end(const char *text, size_t size, const char *end)
{
	const size_t n = strlen(end);

	return size > n && !memcmp(text + size - n, end, n);
}

/* Calls `fn` for each component of a path, the innermost one last. */
static void each_component(const char *path, void (*fn)(void *ctx, const char *name, size_t size),
			   void *ctx)
{
	for (const char *p = path; *p;) {
		const size_t n = strcspn(p, "/");

		if (n)
			fn(ctx, p, n);
		p += n + (p[n] == '/');
	}
}

static void copy(char *out, size_t size, const char *text, size_t n)
{
	snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), text);
}

/* "shop@1.service" of the innermost unit. A login's own service says nothing of the program. */
static void find_unit(void *ctx, const char *name, size_t size)
{
	struct identity *id = ctx;

	if (has_end(name, size, UNIT) && strncmp(name, "user@", 5))
		copy(id->service, sizeof(id->service), name, size);
}

static bool is_id(const char *text, size_t size)
{
	if (size != ID_BYTES)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static void set_container(struct identity *id, const char *runtime, const char *text)
{
	snprintf(id->container_id, sizeof(id->container_id), "%s://%.*s", runtime, ID_BYTES, text);
}

/* "cri-containerd-ID.scope", or with the cgroupfs driver "ID" below "docker" or the pod. */
static void find_container(void *ctx, const char *name, size_t size)
{
	struct identity *id = ctx;

	if (is_id(name, size)) {
		set_container(id, *id->pod_uid ? "containerd" : "docker", name);
		return;
	}
	if (!has_end(name, size, SCOPE))
		return;
	for (size_t i = 0; i < N_OF(runtimes_of_containers); i++) {
		const size_t n = strlen(runtimes_of_containers[i].prefix);

		if (size > n && !strncmp(name, runtimes_of_containers[i].prefix, n) &&
		    is_id(name + n, size - n - strlen(SCOPE)))
			set_container(id, runtimes_of_containers[i].runtime, name + n);
	}
}

/* "kubepods-burstable-pod1234_5678.slice": systemd has no "-" in such a name. Else "pod1234-5678".
 */
static void find_pod(void *ctx, const char *name, size_t size)
{
	struct identity *id = ctx;
	char text[UUID_BYTES + 1];

	if (has_end(name, size, SLICE)) {
		size -= strlen(SLICE);
		if (size <= UUID_BYTES + 4 || memcmp(name + size - UUID_BYTES - 4, "-pod", 4))
			return;
	} else if (size != UUID_BYTES + 3 || memcmp(name, "pod", 3)) {
		return;
	}
	copy(text, sizeof(text), name + size - UUID_BYTES, UUID_BYTES);
	for (char *c = text; *c; c++)
		if (*c == '_')
			*c = '-';
		else if (*c != '-' && !isxdigit((unsigned char)*c))
			return;
	memcpy(id->pod_uid, text, sizeof(text));
}

/* One word of a command line. */
struct word {
	const char *text;
	size_t size; /* 0: there is none */
};

static struct word word_at(const char *text)
{
	const char *begin = text + strspn(text, " ");

	return (struct word){ begin, strcspn(begin, " ") };
}

static struct word word_behind(struct word w)
{
	return word_at(w.text + w.size);
}

static bool begins_with(struct word w, const char *prefix)
{
	return w.size >= strlen(prefix) && !strncmp(w.text, prefix, strlen(prefix));
}

/* "/usr/bin/python3" is "python3". */
static struct word without_path(struct word w)
{
	const char *slash = w.size ? memrchr(w.text, '/', w.size) : NULL;

	if (!slash)
		return w;
	return (struct word){ slash + 1, w.size - (size_t)(slash + 1 - w.text) };
}

/* What the interpreter runs: a file, or the module behind "-m". None: code in an argument. */
static struct word program_of(struct word interpreter)
{
	struct word w = word_behind(interpreter);

	for (; begins_with(w, "-"); w = word_behind(w)) {
		if (begins_with(w, "-m"))
			return w.size > 2 ? (struct word){ w.text + 2, w.size - 2 } :
					    word_behind(w);
		if (begins_with(w, "-c"))
			return (struct word){};
		/* Their value is the next word. */
		if (w.size == 2 && (w.text[1] == 'X' || w.text[1] == 'W'))
			w = word_behind(w);
	}
	return w;
}

/* "shop:app" names an application; anything else may be a secret. */
static bool is_application(struct word w)
{
	return w.size && *w.text != '-' && memchr(w.text, ':', w.size) &&
		!memchr(w.text, '/', w.size) && !memchr(w.text, '@', w.size);
}

/*
 * "python3 -m uvicorn shop:app --port 80" is "uvicorn shop:app", "python3 -u /srv/shop.py" is
 * "shop.py". Other arguments are not shown.
 */
static void name_by_command(struct identity *id, const char *cmdline)
{
	const struct word first = word_at(cmdline);
	const struct word runs = without_path(first);
	const bool is_interpreter = begins_with(runs, "python") || begins_with(runs, "pypy");
	const struct word program = is_interpreter ? program_of(first) : first;
	const struct word name = without_path(program);
	struct word next;

	if (!program.size)
		return;
	next = word_behind(program);
	if (is_application(next))
		snprintf(id->service, sizeof(id->service), "%.*s %.*s", (int)name.size, name.text,
			 (int)next.size, next.text);
	else
		copy(id->service, sizeof(id->service), name.text, name.size);
}

void identity__make(struct identity *ret_identity, const char *environment,
		    size_t environment_bytes, const char *cgroup, const char *cmdline,
		    const char *comm)
{
	const char *service = environment ? named_service(environment, environment_bytes) : NULL;
	struct identity *id = ret_identity;

	*id = (struct identity){};
	if (cgroup) {
		each_component(cgroup, find_pod, id);
		each_component(cgroup, find_container, id);
		/* The unit of a container is that of its runtime. */
		if (!*id->container_id)
			each_component(cgroup, find_unit, id);
	}
	if (service)
		copy(id->service, sizeof(id->service), service, strlen(service));
	if (!*id->service && cmdline)
		name_by_command(id, cmdline);
	if (!*id->service)
		copy(id->service, sizeof(id->service), comm, strlen(comm));
}

void identity__read(struct identity *ret_identity, const struct target *t)
{
	_cleanup_free_ char *environment = NULL;
	size_t size = 0;

	/* Without a right to read it, the other names serve. */
	if (proc_read(t->pid, "environ", &environment, &size) < 0)
		environment = NULL;
	identity__make(ret_identity, environment, size, t->cgroup, t->cmdline, t->comm);
}
