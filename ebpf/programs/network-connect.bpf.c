// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * network.connect: a program connected a socket, or tried to: one record an attempt, with its final result.
 *
 * Hooks: cgroup/connect4 and connect6 on the root see every connect before it starts, whoever asks for it: connect(2),
 * int 0x80, socketcall, io_uring, sendto(MSG_FASTOPEN), MPTCP subflows; they run in the caller and see the address as
 * the kernel copied it. tp_btf/inet_sock_set_state tells how it ended, non-blocking ones too. tp_btf/tcp_retransmit_skb
 * fires with each repeated SYN, so an attempt that stays open is found without a timer. cgroup/sock_release ends the
 * attempts that never changed state (ENETUNREACH). Hooks on the system call miss io_uring, see port 0 after a refusal
 * and slow every other call; security_socket_connect misses MSG_FASTOPEN.
 * Kernels: 5.11 (socket storage in tracing programs). Escapes: AF_PACKET and raw sockets; unconnected sendto over UDP.
 */
#include "../lib/sock.h"

static __always_inline void report(enum program program, struct sock *sk, struct connect_attempt *a, u64 now, u32 flags,
				   int result, bool timed)
{
	struct network_connect *e;
	u32 key = EVENT_NETWORK_CONNECT;
	struct counters *c = bpf_map_lookup_elem(&counts, &key);
	u64 waiting, sequence;

	if (!c || !attempt(EVENT_NETWORK_CONNECT, a->who.pid) || !admit(a->admission, EVENT_NETWORK_CONNECT))
		return;
	sequence = next_sequence();
	waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (waiting > ring_bytes - ring_bytes / 8) {
		COUNT(c->reserved);
		return;
	}
	/* Reserved and not built in scratch: this runs in softirq and in programs that can be preempted. */
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e) {
		COUNT(c->ring_full);
		return;
	}
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
	bpf_ringbuf_submit(e, wake_flags(waiting));
	COUNT(c->submitted);
}

/* An attempt that nothing more will be heard of: it failed, nobody knows how; its time is when it was made. */
static __always_inline void give_up(enum program program, struct connect_attempt *a)
{
	if (a->state == ATTEMPT_NONE)
		return;
	a->state = ATTEMPT_NONE;
	report(program, NULL, a, a->time, CONNECT_FAILED, 0, false);
}

/* Everything but the state. */
static __always_inline void attempt__fill(struct bpf_sock_addr *ctx, struct connect_attempt *a, u16 family, const u32 *address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int fd;

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
				    EVENT_NETWORK_CONNECT, task, a->time);
	a->protocol = ctx->protocol;
	a->tid = task->pid;
	bpf_core_read(a->comm, sizeof(a->comm), &task->comm);
	who__fill(&a->who, task);
	fd = connect_fd(task);
	a->fd = fd;
	if (fd >= 0)
		a->flags |= CONNECT_FD_KNOWN;
}

static __always_inline int begin(enum program program, struct bpf_sock_addr *ctx, u16 family, const u32 *address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_sock *sk = ctx->sk;
	struct connect_attempt *a;

	if (!sk)
		return 1;
	TIMED(EVENT_NETWORK_CONNECT);
	introduce_current(task);
	/* A datagram socket has no handshake: that the call was made is all that will be known, and nothing is kept. */
	if (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_MPTCP) {
		struct connect_attempt once;

		attempt__fill(ctx, &once, family, address);
		report(program, NULL, &once, once.time, 0, 0, false);
		return 1;
	}
	a = bpf_sk_storage_get(&attempts, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!a) {
		lose(EVENT_NETWORK_CONNECT, task->tgid);
		return 1;
	}
	give_up(program, a);
	attempt__fill(ctx, a, family, address);
	a->state = ATTEMPT_OPEN;
	return 1;
}

SEC("cgroup/connect4")
int network_connect4(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip4 };

	return begin(PROGRAM_network_connect4, ctx, AF_INET, address);
}

SEC("cgroup/connect6")
int network_connect6(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	return begin(PROGRAM_network_connect6, ctx, AF_INET6, address);
}

/* TRACE_EVENT(inet_sock_set_state): include/trace/events/sock.h */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_connect_state, struct sock *sk, int before, int after)
{
	struct connect_attempt *a;
	u32 flags;
	int err;

	if (after != TCP_ESTABLISHED && after != TCP_CLOSE)
		return 0;
	a = bpf_sk_storage_get(&attempts, sk, NULL, 0);
	if (!a || a->state == ATTEMPT_NONE)
		return 0;
	TIMED(EVENT_NETWORK_CONNECT);
	a->state = ATTEMPT_NONE;
	err = sk->sk_err;
	if (after == TCP_ESTABLISHED)
		flags = CONNECT_RESULT_KNOWN;
	else if (err)
		flags = CONNECT_RESULT_KNOWN | CONNECT_FAILED;
	else /* EADDRNOTAVAIL, or closed by its owner: CLOSE without an error is a failure all the same */
		flags = CONNECT_FAILED;
	report(PROGRAM_network_connect_state, sk, a, bpf_ktime_get_boot_ns(), flags, after == TCP_ESTABLISHED ? 0 : -err,
	       true);
	return 0;
}

/* TRACE_EVENT(tcp_retransmit_skb): include/trace/events/tcp.h; 6.14 added a third argument that we do not read */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(network_connect_pending, struct sock *sk)
{
	struct connect_attempt *a = bpf_sk_storage_get(&attempts, sk, NULL, 0);
	u64 now;

	if (!a || a->state != ATTEMPT_OPEN)
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (now - a->time < pending_after)
		return 0;
	a->state = ATTEMPT_REPORTED_PENDING;
	report(PROGRAM_network_connect_pending, sk, a, now, CONNECT_PENDING, 0, true);
	return 0;
}

SEC("cgroup/sock_release")
int network_connect_release(struct bpf_sock *sk)
{
	struct connect_attempt *a = bpf_sk_storage_get(&attempts, sk, NULL, 0);

	/* Given up while its SYN is out: closing changes the state next, and that tells more. */
	if (a && sk->state != TCP_SYN_SENT)
		give_up(PROGRAM_network_connect_release, a);
	return 1;
}
