/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See allow.h.
 */
#include "check/allow.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define BLANKS " \t\r"
#define UNTIL "until="
#define LINE_DIGITS 9

void check_allow__init(struct check_allow *a, const char *today)
{
	*a = (struct check_allow){};
	snprintf(a->today, sizeof(a->today), "%s", today);
}

void check_allow__done(struct check_allow *a)
{
	while (a->n > 0) {
		struct check_allowed *entry = &a->list[--a->n];

		free(entry->pattern);
		free(entry->reason);
	}
	free(a->list);
	a->list = NULL;
}

static bool is_date(const char *text, size_t length)
{
	static const char form[] = "0000-00-00";
	int month, day;

	if (length != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	month = atoi(text + 5);
	day = atoi(text + 8);
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Takes "until=DATE", which ends at a blank. */
static int parse_until(struct check_allowed *entry, const char *text, size_t length,
		       struct err *err)
{
	const size_t skip = sizeof(UNTIL) - 1;

	if (length < skip || memcmp(text, UNTIL, skip))
		return err__set(err, -EINVAL,
				"'%.*s' is neither until=YYYY-MM-DD nor a reason, which begins "
				"with #",
				(int)length, text);
	if (!is_date(text + skip, length - skip))
		return err__set(err, -EINVAL, "'%.*s' is not a date as in until=2026-12-31",
				(int)length, text);
	memcpy(entry->until, text + skip, length - skip);
	return 0;
}

static int parse_entry(struct check_allowed *entry, const char *text, struct err *err)
{
	size_t length = strcspn(text, BLANKS);
	int r;

	entry->pattern = strndup(text, length);
	if (!entry->pattern)
		return err__set(err, -ENOMEM, "out of memory");
	for (;;) {
		text += length;
		text += strspn(text, BLANKS);
		if (!*text)
			return 0;
		if (*text == '#')
			break;
		length = strcspn(text, BLANKS);
		r = parse_until(entry, text, length, err);
		if (r < 0)
			return r;
	}
	text += 1 + strspn(text + 1, BLANKS);
	if (!*text)
		return 0;
	entry->reason = strdup(text);
	return entry->reason ? 0 : err__set(err, -ENOMEM, "out of memory");
}

int check_allow__add(struct check_allow *a, const char *text, uint32_t line, struct err *err)
{
	struct check_allowed entry = { .line = line };
	struct check_allowed *list;
	int r;

	text += strspn(text, BLANKS);
	if (!*text || *text == '#')
		return err__set(err, -EINVAL, "there is no pattern to allow");
	if (a->n == CHECK_MAX_ALLOWED)
		return err__set(err, -E2BIG, "more than %d entries are allowed", CHECK_MAX_ALLOWED);
	list = reallocarray(a->list, a->n + 1, sizeof(*list));
	if (!list)
		return err__set(err, -ENOMEM, "out of memory");
	a->list = list;
	r = parse_entry(&entry, text, err);
	if (r < 0) {
		free(entry.pattern);
		free(entry.reason);
		return r;
	}
	/* Dates of this form sort as text does. */
	entry.is_expired = entry.until[0] && strcmp(a->today, entry.until) > 0;
	a->list[a->n++] = entry;
	return 0;
}

int check_allow__parse(struct check_allow *a, const char *text, const char *source, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *entry;
	struct err fault = {};
	uint32_t line = 0;
	int r;

	if (!copy)
		return err__set(err, -ENOMEM, "out of memory");
	while ((entry = strsep(&rest, "\n"))) {
		line++;
		entry += strspn(entry, BLANKS);
		if (!*entry || *entry == '#')
			continue;
		while (strchr(BLANKS, entry[strlen(entry) - 1]))
			entry[strlen(entry) - 1] = '\0';
		r = check_allow__add(a, entry, line, &fault);
		if (r < 0)
			return err__set(err, r, "%s:%u: %s", source, line, fault.what);
	}
	return 0;
}

/* Splits "FILE:LINE". False if it is something else. */
static bool parse_file_line(const char *pattern, char *file, size_t size, uint32_t *ret_line)
{
	const char *colon = strrchr(pattern, ':');
	size_t digits;

	if (!colon || colon == pattern || (size_t)(colon - pattern) >= size)
		return false;
	digits = strspn(colon + 1, "0123456789");
	if (!digits || digits > LINE_DIGITS || colon[1 + digits])
		return false;
	memcpy(file, pattern, (size_t)(colon - pattern));
	file[colon - pattern] = '\0';
	*ret_line = (uint32_t)atoi(colon + 1);
	return true;
}

/* Does it fit the path, or a tail of it that begins at a component? */
static bool fits_path(const char *pattern, const char *path)
{
	while (fnmatch(pattern, path, 0)) {
		path = strchr(path, '/');
		if (!path)
			return false;
		path++;
	}
	return true;
}

static bool fits(const char *pattern, const struct check_names *names)
{
	char file[1024];
	uint32_t line;

	if (parse_file_line(pattern, file, sizeof(file), &line))
		return names->file && names->line == line && fits_path(file, names->file);
	return check_names__fit(names, pattern);
}

bool check_allow__fits(struct check_allow *a, const struct check_names *names)
{
	bool is_allowed = false;

	for (size_t i = 0; i < a->n; i++) {
		struct check_allowed *entry = &a->list[i];

		if (!fits(entry->pattern, names))
			continue;
		entry->times++;
		is_allowed = is_allowed || !entry->is_expired;
	}
	return is_allowed;
}
