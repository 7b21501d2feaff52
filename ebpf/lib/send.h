/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which descriptor the current task sends by. */
#ifndef AGENTSMITH_SEND_H
#define AGENTSMITH_SEND_H

#include "compat.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs___send { unsigned long bx, dx, di, orig_ax; };
#pragma clang attribute pop

/* The descriptor of the call that sends; -1 when it names none (io_uring, socketcall) or is not one that we know. */
static __always_inline int send_fd(struct task_struct *task)
{
	void *at = BPF_CORE_READ(task, stack);

	if (!pt_regs_offset)
		return -1;
	at += pt_regs_offset;
	if (bpf_core_field_exists(struct pt_regs___send, orig_ax)) {
		struct pt_regs___send *regs = at;
		u32 nr = BPF_CORE_READ(regs, orig_ax);

		if (task->thread_info.status & TS_COMPAT) {
			/* write, writev, sendmmsg, sendto, sendmsg of i386 */
			if (nr == 4 || nr == 146 || nr == 345 || nr == 369 || nr == 370)
				return BPF_CORE_READ(regs, bx);
			return -1;
		}
		nr &= ~0x40000000;
		/* write, writev, sendfile, sendto, sendmsg, sendmmsg */
		if (nr == 1 || nr == 20 || nr == 40 || nr == 44 || nr == 46 || nr == 307)
			return BPF_CORE_READ(regs, di);
		if (nr == 275) /* splice: the third argument */
			return BPF_CORE_READ(regs, dx);
		return -1;
	}
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno)) {
		struct pt_regs___arm64 *regs = at;
		int nr = BPF_CORE_READ(regs, syscallno);

		if (nr == 64 || nr == 66 || nr == 71 || nr == 206 || nr == 211 || nr == 269)
			return BPF_CORE_READ(regs, regs[0]);
		if (nr == 76)
			return BPF_CORE_READ(regs, regs[2]);
	}
	return -1;
}

#endif
