/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a recording and makes the calls on a model that were made when it was written: the same
 * snapshots, and no process needed. The file may come from anywhere: everything in it is checked,
 * memory is bounded. One that is damaged is played up to the damage, which is then named.
 *
 * 	r = player__open(&p, path, &err);
 * 	resolver = player__resolver(p);
 * 	r = model__new(&m, &resolver, on_stall, ctx);
 * 	while ((r = player__next(p, m, &at_ns)) > 0)
 * 		...;
 */
#ifndef LOOPSTALL_RECORD_PLAYER_H
#define LOOPSTALL_RECORD_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"
#include "record/meta.h"

struct player;

/*
 * 0, or -errno with err filled: what open() says, -EINVAL (not a plain file), -ENODATA (empty),
 * -EBADMSG (no recording, or damaged at its beginning), -EPROTO (written by a newer loopstall),
 * -ENOMEM.
 */
int player__open(struct player **ret_player, const char *path, struct err *err);
/* Free the models first: their strings belong to the player. */
void player__free(struct player *p);
static inline void player__freep(struct player **p)
{
	player__free(*p);
}

/*
 * The resolver for the model that is fed. It returns the recorded answers; a question that was not
 * asked while recording has none.
 */
struct resolver player__resolver(struct player *p);

/*
 * Feeds one input, and sets *ret_at_ns (NULL is allowed) to the time it was made. 1; 0 at the end
 * or at damage; or -errno: -ENOMEM, what read() or the model returned.
 */
int player__next(struct player *p, struct model *model, uint64_t *ret_at_ns);
/* Feeds all inputs that come before the first one made later than `at_ns`. As player__next(). */
int player__until(struct player *p, struct model *model, uint64_t at_ns);
/* The time of the input that player__next() would feed. As player__next(). */
int player__peek(struct player *p, uint64_t *ret_at_ns);

/* Back to the beginning, for a new model. 0 or -errno. */
int player__rewind(struct player *p);

/* What the file says about itself; keys in docs/recording.md. Grows while it is played. */
const struct meta *player__meta(const struct player *p);
/* Of the first and the last input, CLOCK_MONOTONIC of where it was made; 0 if there is none. */
uint64_t player__first_ns(const struct player *p);
uint64_t player__last_ns(const struct player *p);
/*
 * What is wrong with the file, as far as is known: that it was cut shows at once, other damage when
 * it is reached. "cut at 81 %: ...". NULL if nothing is. The file of a recorder that was killed, or
 * still runs, is not damaged.
 */
const char *player__damage(const struct player *p);
/* False for a recorder that was killed or still runs: up to a second may be missing at its end. */
bool player__is_complete(const struct player *p);

#endif
