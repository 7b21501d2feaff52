// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * network.bind: a program gave a socket its local address.
 *
 * Hooks: cgroup/post_bind4 and post_bind6 on the root. They run in the caller, for whatever asked: bind(2), int 0x80,
 * socketcall, io_uring, MPTCP; after the port was chosen, and only for an explicit bind: connect, sendto and listen choose
 * a port without them. Where system calls are watched anyway, their exit tells the binds that failed: socket and protocol
 * are the kernel's, the address that was asked for is only in the caller's memory any more.
 * Kernels: 5.10 (cgroup); 5.13 as part of the object. Escapes: raw sockets and SCTP, which have a bind of their own;
 * IP_BIND_ADDRESS_NO_PORT with port 0, whose port is chosen by connect; a later cgroup program may still refuse.
 */
#include "../lib/sock.h"
#include "../lib/syscall.h"

#define BIND_CALL 2                  /* of socketcall: include/uapi/linux/net.h */

static __always_inline struct network_bind *begin(struct task_struct *task, struct reservation *room)
{
	struct network_bind *e;
	u64 sequence;

	if (!attempt_by(EVENT_NETWORK_BIND, task, bpf_ktime_get_boot_ns()))
		return NULL;
	sequence = next_sequence();
	e = ring__reserve(room, sizeof(*e), EVENT_NETWORK_BIND);
	if (!e)
		return NULL;
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = sequence;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
	__builtin_memset(e->addr, 0, sizeof(e->addr));
	e->unused = 0;
	return e;
}

/* `address` has the words of an IPv6 address, or an IPv4 address in the first. */
static __always_inline void put_address(struct network_bind *e, u16 family, const u32 *address, u16 port)
{
	u32 *to = (u32 *)e->addr;

	e->flags |= BIND_ADDRESS_KNOWN;
	e->family = family;
	e->port = port;
	if (family == AF_INET) {
		to[0] = address[0];
	} else if (is_mapped(address)) {
		e->family = AF_INET;
		e->flags |= BIND_MAPPED;
		to[0] = address[3];
	} else {
		to[0] = address[0];
		to[1] = address[1];
		to[2] = address[2];
		to[3] = address[3];
	}
}

static __always_inline int bound(enum program program, struct bpf_sock *sk, u16 family, const u32 *address)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct network_bind *e;
	struct reservation room;
	TIMED(EVENT_NETWORK_BIND);

	introduce_current(task);
	e = begin(task, &room);
	if (!e)
		return 1;
	header__fill(&e->header, EVENT_NETWORK_BIND, program, sizeof(*e));
	e->result = 0;
	e->flags = 0;
	e->protocol = sk->protocol;
	put_address(e, family, address, sk->src_port);
	ring__submit(&room, e);
	return 1;
}

SEC("cgroup/post_bind4")
int network_bind4(struct bpf_sock *sk)
{
	u32 address[4] = { sk->src_ip4 };

	return bound(PROGRAM_network_bind4, sk, AF_INET, address);
}

SEC("cgroup/post_bind6")
int network_bind6(struct bpf_sock *sk)
{
	u32 address[4] = { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] };

	return bound(PROGRAM_network_bind6, sk, AF_INET6, address);
}

/* struct sockaddr_in6; sockaddr_in has its address in the place of `flow`. */
struct asked {
	u16 family;
	u16 port;
	u32 flow;
	u32 address[4];
};

static __always_inline void failed(struct task_struct *task, struct sock *sk, u64 from, u64 size, long ret)
{
	struct asked asked = {};
	struct network_bind *e;
	struct reservation room;
	TIMED(EVENT_NETWORK_BIND);

	introduce_current(task);
	e = begin(task, &room);
	if (!e)
		return;
	header__fill(&e->header, EVENT_NETWORK_BIND, PROGRAM_network_bind_exit, sizeof(*e));
	e->result = ret;
	e->flags = BIND_FAILED;
	e->port = 0;
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (size >= sizeof(asked) && !bpf_probe_read_user(&asked, sizeof(asked), (void *)from) && asked.family == AF_INET6)
		put_address(e, AF_INET6, asked.address, bpf_ntohs(asked.port));
	else if (size >= 16 && !bpf_probe_read_user(&asked, 16, (void *)from) && asked.family == AF_INET)
		put_address(e, AF_INET, &asked.flow, bpf_ntohs(asked.port));
	ring__submit(&room, e);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(network_bind_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call = call_of(regs), nested[3];
	u64 fd = call_argument(task, regs, 0), from = call_argument(task, regs, 1), size = call_argument(task, regs, 2);
	struct sock *sk;
	u16 family;

	if (ret >= 0)
		goto next;
	if (call == CALL_SOCKETCALL) {
		if (fd != BIND_CALL || bpf_probe_read_user(nested, sizeof(nested), (void *)from))
			goto next;
		fd = nested[0];
		from = nested[1];
		size = nested[2];
	}
	sk = socket_of(task, fd);
	if (!sk)
		goto next;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_INET || family == AF_INET6)
		failed(task, sk, from, (u32)size, ret);
next:
	syscall_next(ctx, call, SLOT_network_bind_exit);
	return 0;
}
