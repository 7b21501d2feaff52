/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An attempt to connect: what is kept of it, and its record. */
#ifndef AGENTSMITH_CONNECT_H
#define AGENTSMITH_CONNECT_H

#include "sock.h"

/* `turn` of an attempt on the socket with this cookie. */
static __always_inline u64 attempt__turn(u64 cookie, enum attempt_state state)
{
	return cookie << ATTEMPT_STATE_BITS | state;
}

/* The cookie of the socket whose attempt it is. */
static __always_inline u64 attempt__cookie(const struct connect_attempt *a)
{
	return a->turn >> ATTEMPT_STATE_BITS;
}

/* ATTEMPT_NONE also when the place is another socket's by now. */
static __always_inline enum attempt_state attempt__state(const struct connect_attempt *a, u64 cookie)
{
	u64 turn = *(const volatile u64 *)&a->turn;

	return turn >> ATTEMPT_STATE_BITS == cookie ? turn & ATTEMPT_STATES : ATTEMPT_NONE;
}

/* False when the attempt is not in this state (any more), or the place another socket's. */
static __always_inline bool attempt__take(struct connect_attempt *a, u64 cookie, enum attempt_state from,
					  enum attempt_state to)
{
	u64 turn = attempt__turn(cookie, from);

	return __sync_val_compare_and_swap(&a->turn, turn, attempt__turn(cookie, to)) == turn;
}

/*
 * What is kept of the attempt on a socket; NULL when it has none. A macro, because programs have their socket as different types.
 * One that is held ends where it is held.
 */
#define attempt__of(sk, cookie)                                                                            \
	({                                                                                                 \
		struct connect_attempt *_a = attempt__in_set(cookie);                                      \
		if (!_a && sockets_keep_attempts)                                                          \
			_a = bpf_sk_storage_get(&attempts_of_sockets, sk, NULL, 0);                        \
		_a;                                                                                        \
	})

static __always_inline struct attempt_set *attempt__set(u64 cookie)
{
	u32 key = cookie & (ATTEMPT_SETS - 1);

	return bpf_map_lookup_elem(&attempts, &key);
}

static __always_inline struct connect_attempt *attempt__in_set(u64 cookie)
{
	struct attempt_set *set = attempt__set(cookie);

	for (int i = 0; i < ATTEMPT_WAYS && set; i++)
		if (attempt__state(&set->ways[i], cookie) > ATTEMPT_HELD)
			return &set->ways[i];
	return NULL;
}

/* A place for an attempt, which is held; NULL when all places of the set are taken. */
static __always_inline struct connect_attempt *attempt__claim(u64 cookie)
{
	struct attempt_set *set = attempt__set(cookie);

	for (int i = 0; i < ATTEMPT_WAYS && set; i++) {
		struct connect_attempt *a = &set->ways[i];
		u64 turn = a->turn;

		if ((turn & ATTEMPT_STATES) == ATTEMPT_NONE &&
		    __sync_val_compare_and_swap(&a->turn, turn, attempt__turn(cookie, ATTEMPT_HELD)) == turn)
			return a;
	}
	return NULL;
}

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
	e->cookie = attempt__cookie(a);
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

/* Everything but its turn. */
static __always_inline void attempt__fill(struct bpf_sock_addr *ctx, struct connect_attempt *a, u16 family, const u32 *address)
{
	struct task_struct *task = bpf_get_current_task_btf();

	a->time = bpf_ktime_get_boot_ns();
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
