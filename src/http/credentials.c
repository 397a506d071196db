/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See credentials.h. One lock guards users, queue, results and what is remembered; it is not held
 * while a password is checked.
 */
#include "http/credentials.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "base/time.h"

#define MAX_JOBS 16
#define MAX_JOBS_OF_CLIENT 4
#define N_GOOD 64
#define N_BAD 256
#define LOWEST_PRIORITY 19
/* Pauses after a wrong password, as a multiple of the time that it took. */
#define PAUSE_FACTOR 3
#define KEY_BYTES 32 /* of SHA-256 */
/* "$2b$12$", 22 characters of salt, 31 of hash. */
#define BCRYPT_LENGTH 60
#define BCRYPT_SETTING 7

struct key {
	uint8_t bytes[KEY_BYTES];
};

struct remembered {
	struct key *keys;
	size_t size, n, next; /* the oldest is overwritten */
};

struct job {
	uint32_t ticket;
	uint64_t client;
	struct key key;
	char *user, *password;
	bool is_good;
};

struct credentials {
	pthread_mutex_t lock;
	pthread_cond_t is_there; /* a job, or the end */
	sem_t is_started;
	pthread_t thread;
	bool is_running, is_ending;
	int event_fd;
	uint8_t secret[KEY_BYTES]; /* of the keyed hash: random, in this process only */
	struct web_user *users;
	size_t n_users;
	unsigned int generation; /* of the users */
	struct remembered good, bad;
	struct job jobs[MAX_JOBS]; /* the first is the one that is checked */
	size_t n_jobs;
	struct job ended[MAX_JOBS];
	size_t n_ended;
};

static bool is_bcrypt_text(const char *text)
{
	static const char alphabet[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return strspn(text, alphabet) == strlen(text);
}

const char *bcrypt_fault(const char *hash)
{
	const bool has_form = strlen(hash) == BCRYPT_LENGTH && hash[0] == '$' && hash[1] == '2' &&
		strchr("aby", hash[2]) && hash[3] == '$' && hash[6] == '$' &&
		is_bcrypt_text(hash + BCRYPT_SETTING);
	int cost;

	if (!has_form || strspn(hash + 4, "0123456789") != 2)
		return "is not one of bcrypt, as `htpasswd -nBC 10 USER` makes it";
	cost = (hash[4] - '0') * 10 + hash[5] - '0';
	if (cost > WEB_MAX_COST)
		return "has a cost above 15: each check would take seconds";
	return crypt_checksalt(hash) == CRYPT_SALT_OK ?
		NULL :
		"is none that this machine's crypt(3) takes";
}

static bool remembered__has(const struct remembered *r, const struct key *key)
{
	for (size_t i = 0; i < r->n; i++)
		if (!memcmp(&r->keys[i], key, sizeof(*key)))
			return true;
	return false;
}

static void remembered__add(struct remembered *r, const struct key *key)
{
	if (remembered__has(r, key))
		return;
	r->keys[r->next] = *key;
	r->next = (r->next + 1) % r->size;
	if (r->n < r->size)
		r->n++;
}

static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void job__done(struct job *job)
{
	free(job->user);
	free_secret(job->password);
	job->user = job->password = NULL;
}

static void free_users(struct web_user *users, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(users[i].name);
		free_secret(users[i].hash);
	}
	free(users);
}

/* The hash of this user; for one that is not there that of another, so that it takes as long. */
static bool copy_hash(const struct credentials *c, const char *user, char hash[BCRYPT_LENGTH + 1])
{
	const struct web_user *found = NULL;

	for (size_t i = 0; i < c->n_users; i++)
		if (!strcmp(c->users[i].name, user))
			found = &c->users[i];
	if (c->n_users)
		memcpy(hash, found ? found->hash : c->users[0].hash, BCRYPT_LENGTH + 1);
	return found;
}

/* All bytes are compared, however many are the same. */
static bool is_same_hash(const char *a, const char *b)
{
	return strlen(a) == BCRYPT_LENGTH && !gnutls_memcmp(a, b, BCRYPT_LENGTH);
}

static bool is_right(const char *password, const char *hash)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = data ? crypt_rn(password, hash, data, sizeof(*data)) : NULL;
	const bool is_same = made && is_same_hash(made, hash);

	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return is_same;
}

/* With the lock held before and after. Another request may have had the same password, and users
 * may become others meanwhile. */
static bool check_first(struct credentials *c, uint64_t *ret_cpu_ns)
{
	struct job *job = &c->jobs[0];
	const uint64_t begin = time_now_ns(CLOCK_THREAD_CPUTIME_ID);
	unsigned int generation;
	bool is_good;

	if (remembered__has(&c->good, &job->key))
		return true;
	if (remembered__has(&c->bad, &job->key))
		return false;
	do {
		char hash[BCRYPT_LENGTH + 1] = "";
		const bool is_known = copy_hash(c, job->user, hash);

		generation = c->generation;
		pthread_mutex_unlock(&c->lock);
		is_good = is_right(job->password, hash) && is_known;
		pthread_mutex_lock(&c->lock);
	} while (generation != c->generation);
	*ret_cpu_ns = time_now_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	remembered__add(is_good ? &c->good : &c->bad, &job->key);
	return is_good;
}

static void end_first(struct credentials *c, bool is_good)
{
	const uint64_t one = 1;

	job__done(&c->jobs[0]);
	c->jobs[0].is_good = is_good;
	c->ended[c->n_ended++] = c->jobs[0];
	c->n_jobs--;
	memmove(&c->jobs[0], &c->jobs[1], c->n_jobs * sizeof(c->jobs[0]));
	if (write(c->event_fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable already */
}

/* After a wrong password; the end does not wait for it. */
static void pause_for(struct credentials *c, uint64_t ns)
{
	const uint64_t until = time_now_ns(CLOCK_MONOTONIC) + ns;
	const struct timespec due = { .tv_sec = (time_t)(until / NS_PER_S),
				      .tv_nsec = (long)(until % NS_PER_S) };

	while (!c->is_ending && time_now_ns(CLOCK_MONOTONIC) < until)
		pthread_cond_clockwait(&c->is_there, &c->lock, CLOCK_MONOTONIC, &due);
}

static void *run(void *ctx)
{
	struct credentials *c = ctx;

	/* Of this thread only (setpriority(2), C library/kernel differences). */
	setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
	sem_post(&c->is_started);
	pthread_mutex_lock(&c->lock);
	while (!c->is_ending) {
		uint64_t cpu_ns = 0;
		bool is_good;

		/* A result has room as soon as one that was read before it. */
		if (!c->n_jobs || c->n_ended == MAX_JOBS) {
			pthread_cond_wait(&c->is_there, &c->lock);
			continue;
		}
		is_good = check_first(c, &cpu_ns);
		end_first(c, is_good);
		if (!is_good)
			pause_for(c, cpu_ns * PAUSE_FACTOR);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static int set_up(struct credentials *c)
{
	c->good = (struct remembered){ .keys = calloc(N_GOOD, sizeof(struct key)), .size = N_GOOD };
	c->bad = (struct remembered){ .keys = calloc(N_BAD, sizeof(struct key)), .size = N_BAD };
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!c->good.keys || !c->bad.keys)
		return -ENOMEM;
	if (c->event_fd < 0)
		return -errno;
	return gnutls_rnd(GNUTLS_RND_KEY, c->secret, sizeof(c->secret)) ? -EIO : 0;
}

int credentials__new(struct credentials **ret_credentials)
{
	struct credentials *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->is_there, NULL);
	sem_init(&c->is_started, 0, 0);
	r = set_up(c);
	if (!r)
		r = thread_start(&c->thread, run, c);
	c->is_running = !r;
	if (r) {
		credentials__free(c);
		return r;
	}
	/* What the thread does first may be forbidden to it later. */
	while (sem_wait(&c->is_started) && errno == EINTR)
		;
	*ret_credentials = c;
	return 0;
}

void credentials__free(struct credentials *c)
{
	if (!c)
		return;
	if (c->is_running) {
		pthread_mutex_lock(&c->lock);
		c->is_ending = true;
		pthread_cond_signal(&c->is_there);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	for (size_t i = 0; i < c->n_jobs; i++)
		job__done(&c->jobs[i]);
	free_users(c->users, c->n_users);
	free(c->good.keys);
	free(c->bad.keys);
	fd_close(&c->event_fd);
	sem_destroy(&c->is_started);
	pthread_cond_destroy(&c->is_there);
	pthread_mutex_destroy(&c->lock);
	explicit_bzero(c->secret, sizeof(c->secret));
	free(c);
}

static int copy_users(struct web_user **ret_users, const struct web_user *users, size_t n)
{
	struct web_user *copy = calloc(n ? n : 1, sizeof(*copy));
	bool is_whole = copy;

	for (size_t i = 0; is_whole && i < n; i++) {
		copy[i].name = strdup(users[i].name);
		copy[i].hash = strdup(users[i].hash);
		is_whole = copy[i].name && copy[i].hash;
	}
	if (!is_whole) {
		if (copy)
			free_users(copy, n);
		return -ENOMEM;
	}
	*ret_users = copy;
	return 0;
}

int credentials__set_users(struct credentials *c, const struct web_user *users, size_t n)
{
	struct web_user *copy, *before;
	size_t n_before;
	int r = copy_users(&copy, users, n);

	if (r)
		return r;
	pthread_mutex_lock(&c->lock);
	before = c->users;
	n_before = c->n_users;
	c->users = copy;
	c->n_users = n;
	c->generation++;
	c->good.n = c->good.next = c->bad.n = c->bad.next = 0;
	pthread_mutex_unlock(&c->lock);
	free_users(before, n_before);
	return 0;
}

static int make_key(const struct credentials *c, const char *user, const char *password,
		    struct key *ret_key)
{
	const size_t n_user = strlen(user) + 1, n = n_user + strlen(password);
	char *text = malloc(n + 1);
	int r;

	if (!text)
		return -ENOMEM;
	memcpy(text, user, n_user);
	strcpy(text + n_user, password);
	r = gnutls_hmac_fast(GNUTLS_MAC_SHA256, c->secret, sizeof(c->secret), text, n,
			     ret_key->bytes);
	explicit_bzero(text, n);
	free(text);
	return r ? -EIO : 0;
}

static bool has_room(const struct credentials *c, uint64_t client)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_jobs; i++)
		n += c->jobs[i].client == client;
	return c->n_jobs < MAX_JOBS && n < MAX_JOBS_OF_CLIENT;
}

static enum credentials_verdict add_job(struct credentials *c, struct job *job, const char *user,
					const char *password)
{
	if (!has_room(c, job->client))
		return CREDENTIALS_BUSY;
	job->user = strdup(user);
	job->password = strdup(password);
	if (!job->user || !job->password) {
		job__done(job);
		return CREDENTIALS_BUSY;
	}
	c->jobs[c->n_jobs++] = *job;
	pthread_cond_signal(&c->is_there);
	return CREDENTIALS_PENDING;
}

enum credentials_verdict credentials__check(struct credentials *c, uint64_t client, uint32_t ticket,
					    const char *user, const char *password)
{
	struct job job = { .ticket = ticket, .client = client };
	enum credentials_verdict verdict;

	if (make_key(c, user, password, &job.key))
		return CREDENTIALS_BUSY;
	pthread_mutex_lock(&c->lock);
	verdict = remembered__has(&c->good, &job.key) ? CREDENTIALS_GOOD :
		remembered__has(&c->bad, &job.key)    ? CREDENTIALS_BAD :
							add_job(c, &job, user, password);
	pthread_mutex_unlock(&c->lock);
	return verdict;
}

int credentials__fd(const struct credentials *c)
{
	return c->event_fd;
}

bool credentials__next(struct credentials *c, uint32_t *ret_ticket, bool *ret_is_good)
{
	uint64_t n;
	bool is_there;

	pthread_mutex_lock(&c->lock);
	is_there = c->n_ended;
	if (is_there) {
		*ret_ticket = c->ended[0].ticket;
		*ret_is_good = c->ended[0].is_good;
		c->n_ended--;
		memmove(&c->ended[0], &c->ended[1], c->n_ended * sizeof(c->ended[0]));
		pthread_cond_signal(&c->is_there);
	} else if (read(c->event_fd, &n, sizeof(n)) < 0) {
		/* It was not readable. */
	}
	pthread_mutex_unlock(&c->lock);
	return is_there;
}
