/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a filter lets nothing pass: a term that is none on this screen is looked for as text.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/similar.h"
#include "model/vocabulary.h"
#include "view/table_impl.h"

#define CAUSE "cause"

/* "db.py:31" is no term. */
static bool is_word(const char *text)
{
	while (islower((unsigned char)*text))
		text++;
	return !*text;
}

static bool is_in_list(const char *word, const char *list)
{
	const size_t bytes = strlen(word);

	for (size_t n; *list; list += n + strspn(list + n, " ")) {
		n = strcspn(list, " ");
		if (n == bytes && !strncmp(word, list, n))
			return true;
	}
	return false;
}

static bool offer_causes(struct similar *s)
{
	bool is_found = false;

	for (enum ls_cause cause = 0; cause < LS_CAUSE_MAX; cause++) {
		similar__offer(s, vocabulary_cause(cause));
		is_found |= !strcmp(vocabulary_cause(cause), s->typed);
	}
	return is_found;
}

static bool hint_at(const struct table *t, const struct table_term *term,
		    char buf[TABLE_HINT_BYTES])
{
	char value[TABLE_PATTERN_BYTES], hint[SIMILAR_BYTES];
	struct similar cause = SIMILAR_TO(term->value);
	const char *terms = t->ops->terms ?: "";

	if (!is_in_list(term->word, terms)) {
		if (!is_word(term->word))
			return false;
		snprintf(buf, TABLE_HINT_BYTES, "'%s:' is no term of this screen; there is: %s",
			 term->word, *terms ? terms : "none");
		return true;
	}
	if (strcmp(term->word, CAUSE) != 0 || offer_causes(&cause))
		return false;
	text__escape(term->value, value, sizeof(value));
	snprintf(buf, TABLE_HINT_BYTES, "there is no cause '%s'%s", value,
		 similar__hint(&cause, "", hint));
	return true;
}

const char *table__filter_hint(const struct table *t, char buf[TABLE_HINT_BYTES])
{
	buf[0] = '\0';
	for (size_t i = 0; t->filter && i < t->filter->n_terms; i++)
		if (t->filter->terms[i].value && hint_at(t, &t->filter->terms[i], buf))
			break;
	return buf;
}
