/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities of this process, read and changed through libcap-ng (capabilities(7)).
 */
#include "app/privs.h"

#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/users.h"

enum kept { WATCH, ATTACH, ROOT };

const struct priv_info priv_infos[PRIV_MAX] = {
#define _(name, is_required, kept, sentence)                                                       \
	[PRIV_##name] = { "CAP_" #name, sentence, is_required, kept == ROOT },
	PRIVS(_)
#undef _
};

static const struct {
	unsigned int number;
	enum kept kept;
} caps[PRIV_MAX] = {
#define _(name, is_required, kept, sentence) [PRIV_##name] = { CAP_##name, kept },
	PRIVS(_)
#undef _
};

static bool is_permitted(unsigned int number)
{
	return capng_have_capability(CAPNG_PERMITTED, number);
}

static void put(unsigned int number, bool is_effective)
{
	capng_update(CAPNG_ADD, is_effective ? CAPNG_EFFECTIVE | CAPNG_PERMITTED : CAPNG_PERMITTED,
		     number);
}

/*
 * Keeps only the capabilities for which `keeps` holds. A failure leaves more of them, which does
 * not stop the program.
 */
static void keep(bool (*keeps)(enum priv), bool is_effective, bool with_setpcap)
{
	bool is_kept[PRIV_MAX];
	const bool is_setpcap = with_setpcap && is_permitted(CAP_SETPCAP);

	for (int i = 0; i < PRIV_MAX; i++)
		is_kept[i] = is_permitted(caps[i].number) && keeps(i);
	capng_clear(CAPNG_SELECT_CAPS);
	for (int i = 0; i < PRIV_MAX; i++)
		if (is_kept[i])
			put(caps[i].number, is_effective);
	if (is_setpcap)
		put(CAP_SETPCAP, is_effective);
	capng_apply(CAPNG_SELECT_CAPS);
}

static bool is_ours(enum priv priv)
{
	return caps[priv].kept != ROOT || geteuid() == 0;
}

int privs_begin(void)
{
	if (getuid() != geteuid())
		return -EPERM;
	if (capng_get_caps_process() < 0)
		return 0;
	/* A started command must not inherit them. */
	capng_clear(CAPNG_SELECT_AMBIENT);
	capng_apply(CAPNG_SELECT_AMBIENT);
	/* Emptying the bounding set takes CAP_SETPCAP. */
	keep(is_ours, geteuid() == 0, true);
	return 0;
}

void privs_raise(void)
{
	keep(is_ours, true, true);
	if (is_permitted(CAP_SETPCAP)) {
		capng_clear(CAPNG_SELECT_BOUNDS);
		capng_apply(CAPNG_SELECT_BOUNDS);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	keep(is_ours, true, false);
}

static bool is_for_attaching(enum priv priv)
{
	return is_ours(priv) && priv != PRIV_SYS_ADMIN;
}

static bool is_for_watching(enum priv priv)
{
	return is_ours(priv) && caps[priv].kept != ATTACH;
}

/* A process that has CAP_SYS_ADMIN instead of CAP_BPF and CAP_PERFMON (Linux 5.8) must keep it. */
static bool is_admin_all_there_is(void)
{
	return !is_permitted(CAP_BPF) || !is_permitted(CAP_PERFMON);
}

static size_t list(char *buf, size_t size, size_t used, const char *name)
{
	const int n = snprintf(buf + used, size - used, "%s%s", used ? ", " : "", name);

	return used + (size_t)n < size ? used + (size_t)n : size - 1;
}

void privs_settle(bool may_attach, bool needs_admin, char *buf, size_t size)
{
	size_t used = 0;

	keep(needs_admin || is_admin_all_there_is() ? is_ours :
		     may_attach			    ? is_for_attaching :
						      is_for_watching,
	     true, false);
	for (int i = 0; i < PRIV_MAX; i++)
		if (is_permitted(caps[i].number))
			used = list(buf, size, used, priv_infos[i].name);
	if (!used)
		snprintf(buf, size, "none");
}

static bool read_id(const char *variable, unsigned int *ret_id)
{
	const char *text = getenv(variable);
	unsigned long id;
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	id = strtoul(text, &end, 10);
	if (*end || errno || id >= UINT_MAX)
		return false;
	*ret_id = (unsigned int)id;
	return true;
}

/* As sudo hands them over, for a user who is in a directory that is not asked (users.h). */
static const struct passwd *sudo_numbers(char *name)
{
	static char no_home[] = "/nonexistent";
	static struct passwd user;
	unsigned int uid, gid;

	if (!read_id("SUDO_UID", &uid) || !read_id("SUDO_GID", &gid))
		return NULL;
	user = (struct passwd){ .pw_name = name, .pw_uid = uid, .pw_gid = gid, .pw_dir = no_home };
	return &user;
}

const struct passwd *privs_sudo_user(void)
{
	char *name = getenv("SUDO_USER");
	const struct passwd *user;

	if (geteuid() != 0 || !name || !*name)
		return NULL;
	user = users__by_name(name);
	return user ? user : sudo_numbers(name);
}

int privs_become_user(void)
{
	const struct passwd *user = privs_sudo_user();

	if (user && user->pw_uid != 0) {
		const int r = users__set_groups(user);

		if (r < 0)
			return r;
		if (setgid(user->pw_gid) || setuid(user->pw_uid) ||
		    setenv("HOME", user->pw_dir, 1) || setenv("USER", user->pw_name, 1) ||
		    setenv("LOGNAME", user->pw_name, 1))
			return -errno;
		return 0;
	}
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

bool priv_is_there(enum priv priv)
{
	/* linux: include/linux/capability.h, bpf_capable() and its like; fs/namei.c. */
	if ((priv == PRIV_BPF || priv == PRIV_PERFMON || priv == PRIV_CHECKPOINT_RESTORE) &&
	    is_permitted(CAP_SYS_ADMIN))
		return true;
	if (priv == PRIV_DAC_READ_SEARCH && is_permitted(CAP_DAC_OVERRIDE))
		return true;
	return is_permitted(caps[priv].number);
}

void privs_missing(char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < PRIV_MAX; i++)
		if (priv_infos[i].is_required && !priv_is_there(i))
			used = list(buf, size, used, priv_infos[i].name);
}
