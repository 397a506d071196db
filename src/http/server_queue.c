/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to the child: sent as far as its socket takes them, the rest waits in a bounded queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/server_impl.h"

/* Short messages always find room: a reply that says that there is none must be sent. */
#define SHORT_BYTES 1024

int http_server__send(struct http_server *s, struct wire_out *message)
{
	struct out_queue *q = &s->queue;
	struct out_message *m;

	if (message->n > SHORT_BYTES && q->bytes + message->n > s->limits.held_bytes)
		return -EMSGSIZE;
	m = malloc(sizeof(*m) + message->n);
	if (!m)
		return -ENOMEM;
	*m = (struct out_message){ .n = message->n };
	memcpy(m->data, message->data, message->n);
	if (q->last)
		q->last->next = m;
	else
		q->first = m;
	q->last = m;
	q->bytes += m->n;
	http_server__flush(s);
	return 0;
}

static void remove_first(struct out_queue *q)
{
	struct out_message *m = q->first;

	q->first = m->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= m->n;
	free(m);
}

void http_server__flush(struct http_server *s)
{
	while (s->queue.first && s->channel_fd >= 0) {
		struct out_message *m = s->queue.first;
		const ssize_t n = send(s->channel_fd, m->data + m->sent, m->n - m->sent,
				       MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* Full, or the child has ended, which its descriptor tells. */
		if (n < 0)
			return;
		m->sent += (size_t)n;
		if (m->sent == m->n)
			remove_first(&s->queue);
	}
}

void out_queue__done(struct out_queue *q)
{
	while (q->first)
		remove_first(q);
}
