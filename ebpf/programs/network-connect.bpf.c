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
 * Why a call fails at once only its return tells: fexit on tcp_v4_connect and its like (tier A; of UDP the source port as
 * well), or the exit of connect where system calls are watched anyway (tier B).
 * UDP without a connect: network-datagram.bpf.c.
 * Kernels: 5.12 (socket storage in tracing programs, compare-and-swap). Escapes: AF_PACKET and raw sockets, ping sockets.
 */
#include "../lib/call-fd.h"
#include "../lib/connect.h"
#include "../lib/syscall.h"

/* Takes an attempt that has not ended, to end it. */
static __always_inline bool attempt__hold(struct connect_attempt *a, u64 cookie)
{
	enum attempt_state state = attempt__state(a, cookie);

	return state > ATTEMPT_HELD && attempt__take(a, cookie, state, ATTEMPT_HELD);
}

/* Its place is anybody's. */
static __always_inline void attempt__end(struct connect_attempt *a, u64 cookie)
{
	attempt__take(a, cookie, ATTEMPT_HELD, ATTEMPT_NONE);
}

/* An attempt that nothing more will be heard of: it failed, nobody knows how; its time is when it was made. */
static __always_inline void give_up(enum program program, struct connect_attempt *a, u64 cookie)
{
	struct connect_error *known;

	if (!attempt__hold(a, cookie))
		return;
	known = bpf_map_lookup_elem(&connect_errors, &cookie);
	/* One of an earlier attempt on the same socket says nothing of this. */
	if (known && known->time >= a->time)
		connect__report(program, NULL, a, known->time, CONNECT_FAILED | CONNECT_RESULT_KNOWN, known->result, true);
	else
		connect__report(program, NULL, a, a->time, CONNECT_FAILED, 0, false);
	attempt__end(a, cookie);
}

static __always_inline bool is_stream(const struct connect_attempt *a)
{
	return a->protocol == IPPROTO_TCP || a->protocol == IPPROTO_MPTCP;
}

/* Tier A: the return of the kernel's own function will tell. */
static __always_inline bool is_return_seen(const struct connect_attempt *a)
{
	if (is_stream(a))
		return is_attached(a->family == AF_INET ? PROGRAM_network_connect_tcp4 : PROGRAM_network_connect_tcp6);
	return is_attached(a->family == AF_INET ? PROGRAM_network_connect_udp4 : PROGRAM_network_connect_udp6);
}

/* Tier B: the exit of the call will tell. */
static __always_inline bool is_exit_seen(const struct connect_attempt *a)
{
	return (a->flags & CONNECT_FD_KNOWN) && is_attached(PROGRAM_network_connect_exit);
}

static __always_inline void attempt__find_fd(struct connect_attempt *a)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int fd = connect_fd();

	attempt__put_fd(a, fd < 0 ? socketcall_fd(task, attempt__cookie(a)) : fd);
}

/*
 * A datagram socket has no handshake: where its end is not seen, the call is all that is known, and nothing is kept. A
 * function of its own, because of the stack that it needs.
 */
static __noinline int begin_datagram(struct bpf_sock_addr *ctx, const u32 *address, u16 family)
{
	u64 call = bpf_get_current_pid_tgid();
	struct connect_attempt once;

	once.turn = attempt__turn(bpf_get_socket_cookie(ctx), ATTEMPT_NONE);
	attempt__fill(ctx, &once, family, address);
	attempt__find_fd(&once);
	if (!is_exit_seen(&once) || bpf_map_update_elem(&datagram_calls, &call, &once, BPF_ANY))
		connect__report(family == AF_INET ? PROGRAM_network_connect4 : PROGRAM_network_connect6, NULL, &once,
				once.time, 0, 0, false);
	return 1;
}

static __noinline int begin_stream(struct bpf_sock_addr *ctx, const u32 *address, u16 family)
{
	enum program program = family == AF_INET ? PROGRAM_network_connect4 : PROGRAM_network_connect6;
	struct connect_attempt *a;
	struct bpf_sock *sk = ctx->sk;
	u64 cookie;

	if (!sk)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	a = attempt__of(sk, cookie);
	if (a)
		give_up(program, a, cookie);
	a = attempt__claim(cookie);
	if (!a) {
		sockets_keep_attempts = 1;
		a = bpf_sk_storage_get(&attempts_of_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!a) {
			lose(EVENT_NETWORK_CONNECT, bpf_get_current_task_btf()->tgid);
			return 1;
		}
		a->turn = attempt__turn(cookie, ATTEMPT_HELD);
	}
	attempt__fill(ctx, a, family, address);
	/* Before its record, which may come at any time and from anywhere once the attempt is open. */
	if (!who__is_known(&a->who))
		introduce_now(bpf_get_current_task_btf());
	attempt__find_fd(a);
	attempt__take(a, cookie, ATTEMPT_HELD, ATTEMPT_OPEN);
	return 1;
}

static __always_inline int begin(struct bpf_sock_addr *ctx, u16 family, const u32 *address)
{
	bool stream = ctx->protocol == IPPROTO_TCP || ctx->protocol == IPPROTO_MPTCP;

	if (!ctx->sk)
		return 1;
	TIMED(EVENT_NETWORK_CONNECT);
	if (!stream && !is_attached(family == AF_INET || is_mapped(address) ? PROGRAM_network_connect_udp4
									     : PROGRAM_network_connect_udp6)) {
		introduce_current(bpf_get_current_task_btf());
		return begin_datagram(ctx, address, family);
	}
	return begin_stream(ctx, address, family);
}

SEC("cgroup/connect4")
int network_connect4(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip4 };

	return begin(ctx, AF_INET, address);
}

SEC("cgroup/connect6")
int network_connect6(struct bpf_sock_addr *ctx)
{
	u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

	return begin(ctx, AF_INET6, address);
}

/* A socket that is further has told how its attempt ended. */
static __always_inline bool may_be_open(u32 state)
{
	return state == TCP_SYN_SENT || state == TCP_SYN_RECV || state == TCP_CLOSE;
}

/* TRACE_EVENT(inet_sock_set_state): include/trace/events/sock.h */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(network_connect_state, struct sock *sk, int before, int after)
{
	struct connect_attempt *a;
	u64 cookie;
	u32 flags;
	int err;

	if ((after != TCP_ESTABLISHED && after != TCP_CLOSE) || !may_be_open(before))
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	if (!cookie)
		return 0;
	a = attempt__of(sk, cookie);
	if (!a)
		return 0;
	TIMED(EVENT_NETWORK_CONNECT);
	err = sk->sk_err;
	/* Nothing was sent: the call, which is still running, knows why. */
	if (after == TCP_CLOSE && !err && attempt__state(a, cookie) == ATTEMPT_OPEN && (is_return_seen(a) || is_exit_seen(a)))
		return 0;
	if (!attempt__hold(a, cookie))
		return 0;
	if (after == TCP_ESTABLISHED)
		flags = CONNECT_RESULT_KNOWN;
	else if (err)
		flags = CONNECT_RESULT_KNOWN | CONNECT_FAILED;
	else /* EADDRNOTAVAIL, or closed by its owner: CLOSE without an error is a failure all the same */
		flags = CONNECT_FAILED;
	connect__report(PROGRAM_network_connect_state, sk, a, bpf_ktime_get_boot_ns(), flags,
			after == TCP_ESTABLISHED ? 0 : -err, true);
	attempt__end(a, cookie);
	return 0;
}

/* TRACE_EVENT(tcp_retransmit_skb): include/trace/events/tcp.h; 6.14 added a third argument that we do not read */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(network_connect_pending, struct sock *sk)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter, now;
	struct connect_attempt *a;

	if (sk->__sk_common.skc_state != TCP_SYN_SENT || !cookie)
		return 0;
	a = attempt__of(sk, cookie);
	if (!a || attempt__state(a, cookie) == ATTEMPT_REPORTED_PENDING)
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (now - a->time < pending_after || !attempt__hold(a, cookie))
		return 0;
	connect__report(PROGRAM_network_connect_pending, sk, a, now, CONNECT_PENDING, 0, true);
	attempt__take(a, cookie, ATTEMPT_HELD, ATTEMPT_REPORTED_PENDING);
	return 0;
}

SEC("cgroup/sock_release")
int network_connect_release(struct bpf_sock *sk)
{
	struct connect_attempt *a;
	u64 cookie;

	if (!may_be_open(sk->state))
		return 1;
	cookie = bpf_get_socket_cookie(sk);
	a = attempt__of(sk, cookie);
	if (!a)
		return 1;
	/* Given up while its SYN is out: closing changes the state next, and that tells more. */
	if (sk->state == TCP_SYN_SENT)
		attempt__take(a, cookie, ATTEMPT_OPEN, ATTEMPT_SENT);
	else
		give_up(PROGRAM_network_connect_release, a, cookie);
	return 1;
}

static __always_inline int returned(enum program program, struct sock *sk, int ret)
{
	u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct connect_attempt *a = attempt__of(sk, cookie);

	/* It may have ended meanwhile: over loopback the answer comes before the return. */
	if (!a || attempt__state(a, cookie) != ATTEMPT_OPEN)
		return 0;
	if (!ret && is_stream(a)) {
		attempt__take(a, cookie, ATTEMPT_OPEN, ATTEMPT_SENT);
		return 0;
	}
	if (!attempt__hold(a, cookie))
		return 0;
	if (ret)
		connect__report(program, NULL, a, bpf_ktime_get_boot_ns(), CONNECT_FAILED | CONNECT_RESULT_KNOWN, ret, true);
	else
		connect__report(program, sk, a, bpf_ktime_get_boot_ns(), CONNECT_RESULT_KNOWN, 0, true);
	attempt__end(a, cookie);
	return 0;
}

SEC("fexit/tcp_v4_connect")
int BPF_PROG(network_connect_tcp4, struct sock *sk, void *address, int size, int ret)
{
	return returned(PROGRAM_network_connect_tcp4, sk, ret);
}

SEC("fexit/tcp_v6_connect")
int BPF_PROG(network_connect_tcp6, struct sock *sk, void *address, int size, int ret)
{
	return returned(PROGRAM_network_connect_tcp6, sk, ret);
}

SEC("fexit/__ip4_datagram_connect")
int BPF_PROG(network_connect_udp4, struct sock *sk, void *address, int size, int ret)
{
	return returned(PROGRAM_network_connect_udp4, sk, ret);
}

SEC("fexit/__ip6_datagram_connect")
int BPF_PROG(network_connect_udp6, struct sock *sk, void *address, int size, int ret)
{
	return returned(PROGRAM_network_connect_udp6, sk, ret);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(network_connect_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call = call_of(regs), fd = call_argument(task, regs, 0);
	u64 now = bpf_ktime_get_boot_ns(), id = bpf_get_current_pid_tgid(), cookie;
	struct connect_error error = { .time = now, .result = ret };
	struct connect_attempt *a;
	struct sock *sk;

	if (call == CALL_SOCKETCALL &&
	    (fd != SOCKETCALL_CONNECT || bpf_probe_read_user(&fd, sizeof(fd), (void *)call_argument(task, regs, 1))))
		goto next;
	sk = socket_of(task, fd);
	if (!sk)
		goto next;
	cookie = cookie_of(sk);
	a = bpf_map_lookup_elem(&datagram_calls, &id);
	if (a) {
		if (attempt__cookie(a) == cookie)
			connect__report(PROGRAM_network_connect_exit, NULL, a, now,
					CONNECT_RESULT_KNOWN | (ret < 0 ? CONNECT_FAILED : 0), ret, true);
		bpf_map_delete_elem(&datagram_calls, &id);
	} else if (ret < 0 && cookie && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE) {
		/* Neither refused by the peer, which was told, nor still open: told when the socket is closed or tried again. */
		bpf_map_update_elem(&connect_errors, &cookie, &error, BPF_ANY);
	}
next:
	syscall_next(ctx, call, SLOT_network_connect_exit);
	return 0;
}
