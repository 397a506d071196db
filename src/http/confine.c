/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See confine.h. User and capabilities go first, while the system calls for that are there.
 */
#include "http/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* systemd's range for users that no file lists (https://systemd.io/UIDS-GIDS/). */
#define FIRST_UID 61184
#define N_UIDS 4336
#define MAX_TRIES 64

/* A folder that has no name any more: nothing can be made in it. */
static void enter_empty_folder(void)
{
	char folder[] = "/tmp/loopstall-http-XXXXXX";

	if (mkdtemp(folder)) {
		const bool is_in = !chdir(folder);

		if (!rmdir(folder) && is_in)
			return;
	}
	if (chdir("/"))
		_exit(EXIT_FAILURE);
}

/* Read without name services, which a static program does not have. */
static bool is_listed(uid_t uid)
{
	_cleanup_(file_close) FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *user;

	while (f && (user = fgetpwent(f)))
		if (user->pw_uid == uid || user->pw_gid == uid)
			return true;
	return false;
}

/* systemd: src/core/dynamic-user.c. */
static bool is_given_to_a_service(uid_t uid)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/systemd/dynamic-uid/%u", uid);
	return !access(path, F_OK);
}

/* Different ones for two of our children, which are not to reach each other. */
static uid_t choose_uid(void)
{
	const uid_t first = (uid_t)getpid();

	for (uid_t i = 0; i < MAX_TRIES; i++) {
		const uid_t uid = FIRST_UID + (first + i) % N_UIDS;

		if (!is_listed(uid) && !is_given_to_a_service(uid))
			return uid;
	}
	return 0;
}

/* In a user namespace that does not map this range, or without CAP_SETUID, there is none. */
static bool become_own_user(void)
{
	const uid_t uid = geteuid() ? 0 : choose_uid();

	if (!uid || setgroups(0, NULL) || setresgid(uid, uid, uid))
		return false;
	return !setresuid(uid, uid, uid);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &head, none))
		return -errno;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ? -errno : 0;
}

int confine_privileges(bool *ret_has_own_user, struct err *err)
{
	int r;

	enter_empty_folder();
	*ret_has_own_user = become_own_user();
	r = drop_capabilities();
	if (r)
		return err__set(err, r, "cannot give up capabilities: %s", strerror(-r));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err__set(err, -errno, "cannot set no_new_privs: %s", strerror(errno));
	/* After the user, whose change clears the first and sets the second to a system's default.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0))
		return err__set(err, -errno, "cannot set up the child: %s", strerror(errno));
	return 0;
}

static int set_limit(int resource, size_t value)
{
	const struct rlimit limit = { value, value };

	return setrlimit((__rlimit_resource_t)resource, &limit) ? -errno : 0;
}

/* The sanitizers reserve terabytes of addresses. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

int confine_resources(size_t memory_bytes, size_t n_descriptors, struct err *err)
{
	int r = set_limit(RLIMIT_CORE, 0);

	if (!r)
		r = set_limit(RLIMIT_FSIZE, 0);
	if (!r)
		r = set_limit(RLIMIT_NOFILE, n_descriptors);
	if (!r && !IS_SANITIZED)
		r = set_limit(RLIMIT_AS, memory_bytes);
	return r ? err__set(err, r, "cannot limit the child's resources: %s", strerror(-r)) : 0;
}
