// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Sockets with data that the loop has not read: from the ready list of the loop's own epoll
 * descriptor, which the kernel keeps up to date while the loop is stuck.
 */
#include "core/maps.h"
#include "core/files.h"
#include "stall/sockets.h"

#define FAMILY_UNIX 1

struct socket_context {
	struct thread_state *ts;
};

/* A pair of unnamed sockets, like the one a loop wakes itself with, is no connection. */
static __always_inline int is_own_pair(struct sock *sk)
{
	struct unix_sock *unix_sk = (struct unix_sock *)sk;
	struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ(unix_sk, peer);

	return !BPF_CORE_READ(unix_sk, addr) && (!peer || !BPF_CORE_READ(peer, addr));
}

/*
 * Level-triggered descriptors stay on the ready list until the next epoll_wait, so the socket
 * itself is checked.
 */
static __always_inline int has_unread(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk;

	if (file_type(file) != MODE_SOCKET || !socket)
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk ||
	    (!BPF_CORE_READ(sk, sk_receive_queue.qlen) && !BPF_CORE_READ(sk, sk_ack_backlog)))
		return 0;
	return BPF_CORE_READ(sk, __sk_common.skc_family) != FAMILY_UNIX || !is_own_pair(sk);
}

/* bpf_loop() callback: the next entry of the ready list. */
static long socket_of_ready(__u32 i, struct socket_context *context)
{
	struct thread_state *ts = context->ts;
	struct list_head *node;
	struct epitem *item;

	if (!ts)
		return 1;
	node = (struct list_head *)ts->sockets.node;
	if (!node || (__u64)node == ts->sockets.head)
		return 1;
	item = (struct epitem *)((__u64)node - bpf_core_field_offset(struct epitem, rdllink));
	ts->sockets.n += has_unread(BPF_CORE_READ(item, ffd.file));
	ts->sockets.node = (__u64)BPF_CORE_READ(node, next);
	return 0;
}

LS_SUBPROG int sockets_look(struct thread_state *ts)
{
	struct socket_context context = { .ts = ts };
	struct eventpoll *poll;
	struct file *file;

	if (!ts)
		return 0;
	ts->sockets.n = 0;
	ts->sockets.is_known = 0;
	if (ts->epoll_fd < 0)
		return 0;
	file = file_of((struct task_struct *)ts->sockets.task, ts->epoll_fd);
	if (!file)
		return 0;
	poll = BPF_CORE_READ(file, private_data);
	/* Only an epoll descriptor points back to its own file from there. */
	if (!poll || BPF_CORE_READ(poll, file) != file)
		return 0;
	ts->sockets.is_known = 1;
	ts->sockets.head = (__u64)poll + bpf_core_field_offset(struct eventpoll, rdllist);
	ts->sockets.node = (__u64)BPF_CORE_READ(poll, rdllist.next);
	bpf_loop(LS_MAX_SOCKETS, socket_of_ready, &context, 0);
	return 0;
}
