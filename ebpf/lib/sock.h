/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket remembers of the connect that runs on it, and its addresses. */
#ifndef AGENTSMITH_SOCK_H
#define AGENTSMITH_SOCK_H

#include "task.h"

/*
 * Results come in softirq, where the current task is a stranger: the whole actor is kept with the socket. Freed with
 * the socket, so nothing needs a size or can leak; a key by address of the socket matched a reused one (seen).
 */
struct connect_attempt {
	struct who who;
	char comm[16];
	u64 time;
	u64 cookie;
	u8 daddr[16];
	u32 tid;
	u32 fd;
	u32 flags;                  /* enum connect_flag, as far as it is known when the call is made */
	u16 dport;
	u16 family;
	u16 protocol;
	u16 state;                  /* enum attempt_state */
	u32 unused;
};

enum attempt_state { ATTEMPT_NONE, ATTEMPT_OPEN, ATTEMPT_REPORTED_PENDING };

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connect_attempt);
} attempts SEC(".maps") __weak;

/* ::ffff:a.b.c.d */
static __always_inline bool is_mapped(const u32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

/* The socket behind a descriptor of `task`, the current one; NULL when it is none. */
static __always_inline struct sock *socket_of(struct task_struct *task, u32 fd)
{
	struct file *file = task__file(task, fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

#endif
