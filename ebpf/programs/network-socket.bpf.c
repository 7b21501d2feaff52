// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * network.socket.connect: a socket of another kind than TCP and UDP was connected, or was to be: UNIX, netlink, raw, vsock.
 *
 * Hooks, tier A: fexit on the connect of each kind, which io_uring and socketcall reach too: unix_stream_connect,
 * unix_dgram_connect, netlink_connect, and for raw sockets __ip4_datagram_connect and its twin. They have the result, and
 * the address as the kernel copied it. vsock is a module, so there fentry/security_socket_connect is all there is: the
 * attempt, without its result. Tier B: the exit of connect. After a success the peer is read from the socket itself; of
 * an attempt that failed, and of vsock, the address is the caller's memory, and marked so.
 * Kernels: 5.13. Escapes: datagrams without a connect; on tier B io_uring, and a descriptor that another thread replaces.
 */
#include "../lib/act.h"
#include "../lib/file.h"
#include "../lib/sock.h"
#include "../lib/syscall.h"

/* include/uapi/linux/vm_sockets.h, netlink.h: what lies where in their addresses */
struct other_address {
	u16 family;
	u16 unused;
	u32 first;                  /* vsock: port; netlink: port id; IPv4: address */
	u32 second;                 /* vsock: context id */
	u32 rest[3];
};

struct made {
	struct sock *sk;
	u64 address;                /* as it was asked for; 0 = not known */
	u32 size;
	u32 flags;                  /* enum socket_flag */
	long result;
	enum program program;
};

static __always_inline long read_address(const struct made *m, enum where where, void *to, u32 size, u32 skip)
{
	void *from = (void *)(m->address + skip);

	return where == IN_TRACEPOINT ? bpf_probe_read_user(to, size, from) : bpf_probe_read_kernel(to, size, from);
}

/* Names of no file have a length, and no NUL at their end; they may have some within. `size` is that of the address. */
#define ABSTRACT_MAX 127
static __always_inline void put_abstract(struct builder *b, struct network_socket_connect *e, u64 from, u32 size,
					 enum where where)
{
	void *to = b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1);
	u32 n = size - 3;
	long err;

	if (size <= 3 || n > 107)
		return;
	err = where == IN_TRACEPOINT ? bpf_probe_read_user(to, MASK(n, ABSTRACT_MAX), (void *)from)
				     : bpf_probe_read_kernel(to, MASK(n, ABSTRACT_MAX), (void *)from);
	if (err)
		return;
	e->flags |= SOCKET_ABSTRACT | SOCKET_PEER_KNOWN;
	e->name.offset = b->end;
	e->name.length = n;
	b->end += n;
}

/* The name that a UNIX socket was to be connected to. */
static __always_inline void put_asked_name(struct builder *b, struct network_socket_connect *e, const struct made *m,
					   enum where where)
{
	u64 name = m->address + 2;
	char first = 0;

	if (m->size < 4 || read_address(m, where, &first, 1, 2))
		return;
	if (!first) {
		put_abstract(b, e, name + 1, m->size, where);
		return;
	}
	if (where == IN_TRACEPOINT)
		file__user_text(b, &e->name, name);
	else
		file__kernel_text(b, &e->name, name);
	file__base(b, &e->path, &e->name, AT_FDCWD);
	e->flags |= SOCKET_PEER_KNOWN;
}

/* The peer's own name: where its file lies, or which one it chose. */
static __always_inline void put_unix_peer(struct builder *b, struct network_socket_connect *e, struct sock *sk)
{
	struct unix_sock *peer = (void *)BPF_CORE_READ((struct unix_sock *)sk, peer);
	struct unix_address *address = BPF_CORE_READ(peer, addr);
	struct path_text *path = &e->path;

	if (!address)
		return;
	if (BPF_CORE_READ(peer, path.dentry)) {
		path__append_at(b, path, &peer->path);
		e->flags |= SOCKET_PEER_KNOWN;
		return;
	}
	put_abstract(b, e, (u64)address + bpf_core_field_offset(struct unix_address, name) + 3, BPF_CORE_READ(address, len),
		     IN_TRAMPOLINE);
}

static __always_inline void put_number(struct network_socket_connect *e, const struct made *m, enum where where)
{
	struct other_address asked = {};
	struct sock *sk = m->sk;

	if (e->family == AF_NETLINK && m->result >= 0) {
		e->peer = BPF_CORE_READ((struct netlink_sock *)sk, dst_portid);
	} else if (m->size < 8 || read_address(m, where, &asked, m->size < 12 ? 8 : 12, 0)) {
		return;
	} else if (e->family == AF_VSOCK) {
		e->peer = asked.second;
		e->peer_port = asked.first;
	} else {
		e->peer = asked.first;
	}
	e->flags |= SOCKET_PEER_KNOWN;
}

static __always_inline void put_internet(struct network_socket_connect *e, const struct made *m, enum where where)
{
	u32 *to = (u32 *)e->addr;
	struct sock *sk = m->sk;

	if (m->result >= 0 && e->family == AF_INET)
		to[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	else if (m->result >= 0)
		BPF_CORE_READ_INTO(&e->addr, sk, __sk_common.skc_v6_daddr);
	else if (e->family == AF_INET ? m->size < 8 || read_address(m, where, to, 4, 4)
				      : m->size < 24 || read_address(m, where, to, 16, 8))
		return;
	e->flags |= SOCKET_PEER_KNOWN;
}

static __always_inline int report(const struct made *m, enum where where)
{
	struct sock *sk = m->sk;
	struct builder b = {};
	struct network_socket_connect *e;

	TIMED(EVENT_NETWORK_SOCKET_CONNECT);
	if (!act__begin(&b, where, EVENT_NETWORK_SOCKET_CONNECT, sizeof(*e), bpf_get_current_task_btf()))
		return 0;
	b.scratch->leaf_end = 0;
	e = (void *)b.scratch->bytes;
	__builtin_memset(e->addr, 0, sizeof(*e) - __builtin_offsetof(struct network_socket_connect, addr));
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->type = BPF_CORE_READ(sk, sk_type);
	e->protocol = BPF_CORE_READ(sk, sk_protocol);
	e->result = m->result < 0 ? m->result : 0;
	e->flags = m->flags | (m->result < 0 ? SOCKET_FAILED : 0);
	if (e->family == AF_UNIX && m->result >= 0)
		put_unix_peer(&b, e, sk);
	else if (e->family == AF_UNIX)
		put_asked_name(&b, e, m, where);
	else if (e->family == AF_NETLINK || e->family == AF_VSOCK)
		put_number(e, m, where);
	else if (e->family == AF_INET || e->family == AF_INET6)
		put_internet(e, m, where);
	/* What is the kernel's own is no matter of trust. */
	if (where == IN_TRACEPOINT && (m->result < 0 || e->family == AF_VSOCK))
		e->flags |= SOCKET_UNVERIFIED;
	act__send(&b, where, EVENT_NETWORK_SOCKET_CONNECT, m->program);
	return 0;
}

/* Global functions are verified once, not for each hook that leads to them. */
__noinline int network_socket__called(struct made *m)
{
	return m ? report(m, IN_TRAMPOLINE) : 0;
}

__noinline int network_socket__traced(struct made *m)
{
	return m ? report(m, IN_TRACEPOINT) : 0;
}

#define ON_CONNECT(name, function)                                                                         \
	SEC("fexit/" function)                                                                             \
	int BPF_PROG(name, struct socket *socket, void *address, int size, int flags, int ret)             \
	{                                                                                                  \
		struct made m = { .sk = socket->sk, .address = (u64)address, .size = size, .result = ret,  \
				  .program = PROGRAM_##name };                                             \
                                                                                                           \
		return network_socket__called(&m);                                                         \
	}

ON_CONNECT(network_socket_stream, "unix_stream_connect")
ON_CONNECT(network_socket_datagram, "unix_dgram_connect")
ON_CONNECT(network_socket_netlink, "netlink_connect")

#define ON_RAW(name, function)                                                                             \
	SEC("fexit/" function)                                                                             \
	int BPF_PROG(name, struct sock *sk, void *address, int size, int ret)                              \
	{                                                                                                  \
		struct made m = { .sk = sk, .address = (u64)address, .size = size, .result = ret,          \
				  .program = PROGRAM_##name };                                             \
                                                                                                           \
		return sk->sk_type == SOCK_RAW ? network_socket__called(&m) : 0;                            \
	}

ON_RAW(network_socket_raw4, "__ip4_datagram_connect")
ON_RAW(network_socket_raw6, "__ip6_datagram_connect")

SEC("fentry/security_socket_connect")
int BPF_PROG(network_socket_vsock, struct socket *socket, void *address, int size)
{
	struct made m = {
		.sk = socket->sk,
		.address = (u64)address,
		.size = size,
		.flags = SOCKET_RESULT_UNKNOWN,
		.program = PROGRAM_network_socket_vsock,
	};

	return socket->sk->__sk_common.skc_family == AF_VSOCK ? network_socket__called(&m) : 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(network_socket_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call = call_of(regs), nested[3], fd = call_argument(task, regs, 0);
	struct made m = {
		.address = call_argument(task, regs, 1),
		.size = call_argument(task, regs, 2),
		.result = ret,
		.program = PROGRAM_network_socket_exit,
	};
	struct sock *sk;
	u16 family;

	if (call == CALL_SOCKETCALL) {
		if (fd != SOCKETCALL_CONNECT || bpf_probe_read_user(nested, sizeof(nested), (void *)m.address))
			return 0;
		fd = nested[0];
		m.address = nested[1];
		m.size = nested[2];
	}
	sk = socket_of(task, fd);
	if (!sk)
		return 0;
	m.sk = sk;
	/* A local variable: a CO-RE read through m would record a relocation against struct made. */
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_type) != SOCK_RAW)
		return 0;
	return network_socket__traced(&m);
}
