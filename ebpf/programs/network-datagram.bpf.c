// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * network.connect of UDP without a connect: the first datagram of a process, by a socket, to an address.
 *
 * Hooks: cgroup/sendmsg4 and sendmsg6 see each datagram that has an address of its own; those behind the first cost one
 * lookup each. Whoever has written to the socket before (cgroup/recvmsg4 and recvmsg6) is answered and not connected to:
 * else each answer of a resolver were a connect.
 * Kernels: 5.13. Escapes: ping sockets; datagrams to an address from which the socket has received one, be it forged by
 * who may send raw packets.
 */
#include "../lib/call-fd.h"
#include "../lib/connect.h"

static __noinline int report_send(struct bpf_sock_addr *ctx, const u32 *address, u16 family)
{
	struct connect_attempt once;

	once.turn = attempt__turn(bpf_get_socket_cookie(ctx), ATTEMPT_NONE);
	attempt__fill(ctx, &once, family, address);
	attempt__put_fd(&once, send_fd());
	if (family == AF_INET && ctx->family == AF_INET6)
		once.flags |= CONNECT_MAPPED;
	connect__report(family == AF_INET ? PROGRAM_network_connect_send4 : PROGRAM_network_connect_send6, NULL, &once,
			once.time, CONNECT_UNCONNECTED, 0, false);
	return 1;
}

static __always_inline void datagram_key(struct datagram_key *key, struct bpf_sock_addr *ctx, const u32 *address,
					 u16 family, u32 tgid)
{
	*key = (struct datagram_key){
		.cookie = bpf_get_socket_cookie(ctx),
		.tgid = tgid,
		.port = ctx->user_port,
		.family = family,
	};
	__builtin_memcpy(key->address, address, sizeof(key->address));
}

/* Not inlined, as what follows: each needs stack of its own. */
static __noinline int is_first(struct bpf_sock_addr *ctx, const u32 *address, u16 family)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, seen = 1;
	struct datagram_key key;

	datagram_key(&key, ctx, address, family, tgid);
	if (bpf_map_lookup_elem(&datagrams, &key))
		return false;
	key.tgid = WROTE_FIRST;
	if (bpf_map_lookup_elem(&datagrams, &key))
		return false;
	key.tgid = tgid;
	bpf_map_update_elem(&datagrams, &key, &seen, BPF_ANY);
	introduce_current(bpf_get_current_task_btf());
	return true;
}

static __always_inline int send(struct bpf_sock_addr *ctx, u16 family, const u32 *address)
{
	if (!is_first(ctx, address, family))
		return 1;
	TIMED(EVENT_NETWORK_CONNECT);
	return report_send(ctx, address, family);
}

SEC("cgroup/sendmsg4")
int network_connect_send4(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip4 };

	return send(ctx, AF_INET, address);
}

SEC("cgroup/sendmsg6")
int network_connect_send6(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	return send(ctx, AF_INET6, address);
}

static __always_inline int receive(struct bpf_sock_addr *ctx, u16 family, const u32 *address)
{
	struct datagram_key key;
	u32 seen = 1;

	datagram_key(&key, ctx, address, family, WROTE_FIRST);
	if (!bpf_map_lookup_elem(&datagrams, &key))
		bpf_map_update_elem(&datagrams, &key, &seen, BPF_ANY);
	return 1;
}

SEC("cgroup/recvmsg4")
int network_connect_receive4(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip4 };

	return receive(ctx, AF_INET, address);
}

SEC("cgroup/recvmsg6")
int network_connect_receive6(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	u32 mapped[4] = { address[3] };

	return is_mapped(address) ? receive(ctx, AF_INET, mapped) : receive(ctx, AF_INET6, address);
}
