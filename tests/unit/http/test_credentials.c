/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passwords: checked once and remembered, until the users become others; a bounded queue.
 */
#include <criterion/criterion.h>
#include <crypt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "http/credentials.h"

#define PATIENCE_MS 60000

static struct credentials *c;
static char hash[CRYPT_OUTPUT_SIZE];

static void make_hash(const char *password)
{
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data data = {};

	cr_assert_not_null(crypt_gensalt_rn("$2b$", 4, NULL, 0, salt, sizeof(salt)));
	cr_assert_not_null(crypt_rn(password, salt, &data, sizeof(data)));
	strcpy(hash, data.output);
}

static void set_password(const char *password)
{
	struct web_user user = { (char *)"user", hash };

	make_hash(password);
	cr_assert_eq(credentials__set_users(c, &user, 1), 0);
}

static void begin(void)
{
	cr_assert_eq(credentials__new(&c), 0);
	set_password("right");
}

static void end(void)
{
	credentials__free(c);
}

TestSuite(http_credentials, .init = begin, .fini = end);

/* The verdict, waited for. */
static bool check(const char *user, const char *password)
{
	struct pollfd done = { .fd = credentials__fd(c), .events = POLLIN };
	const enum credentials_verdict verdict = credentials__check(c, 1, 7, user, password);
	uint32_t ticket = 0;
	bool is_good = false;

	cr_assert_neq(verdict, CREDENTIALS_BUSY);
	if (verdict != CREDENTIALS_PENDING)
		return verdict == CREDENTIALS_GOOD;
	while (!credentials__next(c, &ticket, &is_good))
		cr_assert_eq(poll(&done, 1, PATIENCE_MS), 1);
	cr_expect_eq(ticket, 7);
	return is_good;
}

Test(http_credentials, right_and_wrong_and_remembered)
{
	cr_expect(check("user", "right"));
	cr_expect_not(check("user", "wrong"));
	cr_expect_not(check("other", "right"));
	cr_expect_not(check("", ""));
	cr_expect_eq(credentials__check(c, 1, 8, "user", "right"), CREDENTIALS_GOOD);
	cr_expect_eq(credentials__check(c, 1, 8, "user", "wrong"), CREDENTIALS_BAD);
	cr_expect_eq(credentials__check(c, 1, 8, "other", "right"), CREDENTIALS_BAD);
}

Test(http_credentials, other_users)
{
	cr_expect(check("user", "right"));
	set_password("new");
	cr_expect_not(check("user", "right"));
	cr_expect(check("user", "new"));
	cr_assert_eq(credentials__set_users(c, NULL, 0), 0);
	cr_expect_not(check("user", "new"));
}

/* Many wrong ones do not make it forget the right one. */
Test(http_credentials, a_flood)
{
	char password[16];
	int n_busy = 0;

	cr_expect(check("user", "right"));
	for (int i = 0; i < 100; i++) {
		snprintf(password, sizeof(password), "%d", i);
		n_busy += credentials__check(c, i % 2, 9, "user", password) == CREDENTIALS_BUSY;
	}
	/* Of each of two clients four wait, and one more may have been taken by then. */
	cr_expect_geq(n_busy, 80);
	cr_expect_eq(credentials__check(c, 1, 8, "user", "right"), CREDENTIALS_GOOD);
}

Test(http_credentials, hashes)
{
	static const char tail[] = "abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";
	char text[80];

	cr_expect_null(bcrypt_fault(hash));
	for (const char *kind = "aby"; *kind; kind++) {
		snprintf(text, sizeof(text), "$2%c$15$%s", *kind, tail);
		cr_expect_null(bcrypt_fault(text), "%s", text);
	}
	snprintf(text, sizeof(text), "$2b$16$%s", tail);
	cr_expect_not_null(strstr(bcrypt_fault(text), "cost above 15"));
	snprintf(text, sizeof(text), "$2b$1x$%s", tail);
	cr_expect_not_null(bcrypt_fault(text));
	snprintf(text, sizeof(text), "$2c$10$%s", tail);
	cr_expect_not_null(bcrypt_fault(text));
	snprintf(text, sizeof(text), "$2b$10$%s", tail + 1);
	cr_expect_not_null(bcrypt_fault(text));
	cr_expect_not_null(bcrypt_fault(""));
	cr_expect_not_null(bcrypt_fault("$6$salt$hash"));
}
