/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which descriptor the call that is running names. -1 = none (io_uring, socketcall), or it is no call that we know. */
#ifndef AGENTSMITH_CALL_FD_H
#define AGENTSMITH_CALL_FD_H

#include "compat.h"
#include "object.h"

/* Of a call that sends. (shared.bpf.c) */
SHARED int send_fd(void);
/* Of connect(2). (shared.bpf.c) */
SHARED int connect_fd(void);

#ifdef AGENTSMITH_SHARED
/* A register of the user; `at` is the address of all of them. */
#define REGISTER(at, arch, name) WORD((at) + bpf_core_field_offset(struct pt_regs___##arch, name))

/* Where they lie; 0 = nobody knows. */
static __always_inline u64 user_registers(struct task_struct *task)
{
	return pt_regs_offset ? (u64)FIELD(task, stack) + pt_regs_offset : 0;
}

static __always_inline int send_fd_of(struct task_struct *task)
{
	u64 at = user_registers(task);

	if (!at)
		return -1;
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax)) {
		u32 nr = REGISTER(at, x86, orig_ax);

		if (FIELD(task, thread_info.status) & TS_COMPAT) {
			/* write, writev, sendmmsg, sendto, sendmsg of i386 */
			if (nr == 4 || nr == 146 || nr == 345 || nr == 369 || nr == 370)
				return REGISTER(at, x86, bx);
			return -1;
		}
		nr &= ~0x40000000;
		/* write, writev, sendfile, sendto, sendmsg, sendmmsg */
		if (nr == 1 || nr == 20 || nr == 40 || nr == 44 || nr == 46 || nr == 307)
			return REGISTER(at, x86, di);
		if (nr == 275) /* splice: the third argument */
			return REGISTER(at, x86, dx);
		return -1;
	}
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno)) {
		int nr = REGISTER(at, arm64, syscallno);

		if (nr == 64 || nr == 66 || nr == 71 || nr == 206 || nr == 211 || nr == 269)
			return REGISTER(at, arm64, regs[0]);
		if (nr == 76)
			return REGISTER(at, arm64, regs[2]);
	}
	return -1;
}

static __always_inline int connect_fd_of(struct task_struct *task)
{
	u64 at = user_registers(task);

	if (!at)
		return -1;
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax)) {
		u32 nr = REGISTER(at, x86, orig_ax);

		if (FIELD(task, thread_info.status) & TS_COMPAT)
			return nr == 362 ? (int)REGISTER(at, x86, bx) : -1;
		return (nr & ~0x40000000) == 42 ? (int)REGISTER(at, x86, di) : -1;
	}
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno))
		return (int)REGISTER(at, arm64, syscallno) == 203 ? (int)REGISTER(at, arm64, regs[0]) : -1;
	return -1;
}
#endif

#endif
