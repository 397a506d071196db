/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capabilities of this process, read once through libcap-ng.
 */
#include "app/privs.h"

#include <cap-ng.h>
#include <stdio.h>

const struct priv_info priv_infos[PRIV_MAX] = {
#define _(name, is_required, sentence) [PRIV_##name] = { "CAP_" #name, sentence, is_required },
	PRIVS(_)
#undef _
};

static const unsigned int cap_numbers[PRIV_MAX] = {
#define _(name, is_required, sentence) [PRIV_##name] = CAP_##name,
	PRIVS(_)
#undef _
};

bool priv_is_effective(enum priv priv)
{
	static bool is_read;

	if (!is_read) {
		if (capng_get_caps_process() < 0)
			return false;
		is_read = true;
	}
	/* linux: include/linux/capability.h, bpf_capable() and perfmon_capable(). */
	if ((priv == PRIV_BPF || priv == PRIV_PERFMON) &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		return true;
	return capng_have_capability(CAPNG_EFFECTIVE, cap_numbers[priv]);
}

void privs_missing(char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < PRIV_MAX; i++) {
		if (!priv_infos[i].is_required || priv_is_effective(i))
			continue;
		used += snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
				 priv_infos[i].name);
		if (used >= size)
			return;
	}
}
