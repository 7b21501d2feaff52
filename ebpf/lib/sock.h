/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket remembers of the connect that runs on it, and its addresses. */
#ifndef AGENTSMITH_SOCK_H
#define AGENTSMITH_SOCK_H

#include "filter.h"
#include "opened.h"

/* Results come in softirq, where the current task is a stranger: the whole actor is kept with the attempt. */
struct connect_attempt {
	u64 turn;                   /* attempt__turn(): whose this place is, and how far the attempt has come */
	struct who who;
	char comm[16];
	u64 time;
	u8 daddr[16];
	u32 tid;
	u32 fd;
	u32 flags;                  /* enum connect_flag, as far as it is known when the call is made */
	u16 dport;
	u16 family;
	u16 protocol;
	u16 admission;              /* enum admission */
};

/*
 * HELD: by who fills or tells it; nobody else looks at it. SENT: the call is over and its handshake is not; only told apart where
 * the end of the call is seen.
 */
enum attempt_state { ATTEMPT_NONE, ATTEMPT_HELD, ATTEMPT_OPEN, ATTEMPT_SENT, ATTEMPT_REPORTED_PENDING };
#define ATTEMPT_STATE_BITS 3
#define ATTEMPT_STATES ((1 << ATTEMPT_STATE_BITS) - 1)

/*
 * Open attempts, in sets by the cookie of their socket, which no other socket ever has (a key by the socket's address matched a
 * reused one). Cookies follow one another, so the low bits spread them evenly. Places are taken and left by compare-and-swap;
 * the storage of the socket, which needs two allocations that a control group is charged for, took three quarters of the
 * program on connect(2).
 */
#define ATTEMPT_SETS 128
#define ATTEMPT_WAYS 4
struct attempt_set {
	struct connect_attempt ways[ATTEMPT_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ATTEMPT_SETS);           /* 120 KiB, which stay in the cache; what is more, its socket keeps */
	__type(key, u32);
	__type(value, struct attempt_set);
} attempts SEC(".maps") __weak;

/* Bounded by what sockets there are, and freed with them: no flood of attempts hides another. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connect_attempt);
} attempts_of_sockets SEC(".maps") __weak;

u32 sockets_keep_attempts __weak = 0;            /* one did, so all are asked */

/* Why a call failed whose attempt is still open: the exit of system calls cannot reach the storage of a socket. */
struct connect_error {
	u64 time;
	s32 result;
	u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);                   /* sockets that failed and are not closed yet; one less exact when evicted */
	__type(key, u64);                            /* cookie */
	__type(value, struct connect_error);
} connect_errors SEC(".maps") __weak;

/* A datagram socket is connected when its call returns: until then the attempt waits here for its result. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);                   /* threads that are inside the call at this moment */
	__type(key, u64);                            /* pid and tid */
	__type(value, struct connect_attempt);
} datagram_calls SEC(".maps") __weak;

/*
 * Where a process has sent datagrams without a connect, by which socket, and who has written to a socket of its own accord.
 * Who is evicted is told again.
 */
#define WROTE_FIRST 0           /* for the process */
struct datagram_key {
	u64 cookie;
	u8 address[16];
	u32 tgid;
	u16 port;
	u16 family;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);                  /* destinations in use at the same time */
	__type(key, struct datagram_key);
	__type(value, u32);
} datagrams SEC(".maps") __weak;

/* ::ffff:a.b.c.d */
static __always_inline bool is_mapped(const u32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

/* The socket behind a descriptor of `task`, the current one; NULL when it is none. */
static __always_inline struct sock *socket_of(struct task_struct *task, u32 fd)
{
	struct file *file = descriptor__file(fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline u64 cookie_of(struct sock *sk)
{
	u64 cookie = 0;

	bpf_core_read(&cookie, sizeof(cookie), &sk->__sk_common.skc_cookie);
	return cookie;
}

#define SOCKETCALL_CONNECT 3         /* include/uapi/linux/net.h */

/* The descriptor that was passed to the socketcall that is running; its memory may lie, so the socket must be this one. */
static __always_inline int socketcall_fd(struct task_struct *task, u64 cookie)
{
	struct pt_regs___x86 *x86 = BPF_CORE_READ(task, stack) + pt_regs_offset;
	struct sock *sk;
	u32 fd;

	if (!bpf_core_field_exists(struct pt_regs___x86, orig_ax) || !pt_regs_offset ||
	    !(task->thread_info.status & TS_COMPAT) || (u32)BPF_CORE_READ(x86, orig_ax) != 102 ||
	    (u32)BPF_CORE_READ(x86, bx) != SOCKETCALL_CONNECT ||
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)(u64)(u32)BPF_CORE_READ(x86, cx)))
		return -1;
	sk = socket_of(task, fd);
	return sk && cookie_of(sk) == cookie ? (int)fd : -1;
}

#endif
