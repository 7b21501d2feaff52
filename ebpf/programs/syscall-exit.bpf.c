// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The one program on system calls, for tier B only: which call ended, and whose it is (lib/syscall.h).
 *
 * Hook: tp_btf/sys_exit. It puts every task on the slow path of system calls (getpid x1.19), and it alone: a second
 * program would cost about as much again, an entry hook x1.33 together. It also sees int 0x80 and x32, for which the
 * named syscall tracepoints do not fire. Attached only while an event that needs it is on.
 * Kernels: 5.10 (tp_btf). Escapes: io_uring, which makes no system call for what it does; 32-bit programs on arm64.
 */
#include "../lib/ring.h"
#include "../lib/syscall.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long ret)
{
	u32 call = call_of(bpf_get_current_task_btf(), regs);

	if (call)
		syscall_next(ctx, call, SLOT_NONE);
	return 0;
}
