/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An attempt to connect: what is kept of it, and its record. */
#ifndef AGENTSMITH_CONNECT_H
#define AGENTSMITH_CONNECT_H

#include "sock.h"

static __always_inline void connect__report(enum program program, struct sock *sk, struct connect_attempt *a, u64 now,
					    u32 flags, int result, bool timed)
{
	struct network_connect *e;
	struct reservation room;
	u64 sequence;

	if (!attempt(EVENT_NETWORK_CONNECT, a->who.pid) || !admit(a->admission, EVENT_NETWORK_CONNECT))
		return;
	sequence = next_sequence();
	/* This runs in softirq and in programs that can be preempted, where there is no scratch. */
	e = ring__reserve(&room, sizeof(*e), EVENT_NETWORK_CONNECT);
	if (!e)
		return;
	header__fill(&e->header, EVENT_NETWORK_CONNECT, program, sizeof(*e));
	e->header.time = now;
	e->header.sequence = sequence;
	e->header.tid = a->tid;
	__builtin_memcpy(e->header.comm, a->comm, sizeof(a->comm));
	__builtin_memcpy(&e->who, &a->who, sizeof(a->who));
	__builtin_memcpy(e->daddr, a->daddr, sizeof(a->daddr));
	__builtin_memset(e->saddr, 0, sizeof(e->saddr));
	e->cookie = a->cookie;
	e->took = timed ? now - a->time : 0;
	e->sport = 0;
	e->dport = a->dport;
	e->family = a->family;
	e->protocol = a->protocol;
	e->result = result;
	e->fd = a->fd;
	e->unused = 0;
	if (sk) {
		u32 *from = (u32 *)&sk->__sk_common.skc_v6_rcv_saddr, *to = (u32 *)e->saddr;

		/* skc_num is 0 again after a refusal; inet_sport still holds the port. */
		e->sport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
		if (a->family == AF_INET)
			to[0] = sk->__sk_common.skc_rcv_saddr;
		else
			bpf_core_read(to, 16, from);
		if (to[0] | to[1] | to[2] | to[3])
			flags |= CONNECT_LOCAL_KNOWN;
	}
	e->flags = a->flags | flags | (timed ? CONNECT_TOOK_KNOWN : 0);
	ring__submit(&room, e);
}

/* Everything but the state. */
static __always_inline void attempt__fill(struct bpf_sock_addr *ctx, struct connect_attempt *a, u16 family, const u32 *address)
{
	struct task_struct *task = bpf_get_current_task_btf();

	a->time = bpf_ktime_get_boot_ns();
	a->cookie = bpf_get_socket_cookie(ctx);
	a->flags = 0;
	a->family = family;
	if (family == AF_INET6 && is_mapped(address)) {
		a->family = AF_INET;
		a->flags |= CONNECT_MAPPED;
		address += 3;
	}
	__builtin_memset(a->daddr, 0, sizeof(a->daddr));
	((u32 *)a->daddr)[0] = address[0];
	if (a->family == AF_INET6) {
		((u32 *)a->daddr)[1] = address[1];
		((u32 *)a->daddr)[2] = address[2];
		((u32 *)a->daddr)[3] = address[3];
	}
	a->dport = bpf_ntohs(ctx->user_port);
	a->admission = admission_of(filters ? filter__network(filter__actor(EVENT_NETWORK_CONNECT, task),
							      EVENT_NETWORK_CONNECT, a->family, a->daddr)
					    : DECISION_OPEN,
				    EVENT_NETWORK_CONNECT, a->time);
	a->protocol = ctx->protocol;
	a->tid = task->pid;
	comm__copy(a->comm, task);
	who__current(&a->who, task);
}

static __always_inline void attempt__put_fd(struct connect_attempt *a, int fd)
{
	a->fd = fd;
	if (fd >= 0)
		a->flags |= CONNECT_FD_KNOWN;
}

#endif
