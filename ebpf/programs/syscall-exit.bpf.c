// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The one program on system calls, for tier B only: which call ended, and whose it is (lib/syscall.h).
 *
 * Hook: tp_btf/sys_exit. It puts every task on the slow path of system calls (getpid x1.19), and it alone: a second
 * program would cost about as much again, an entry hook x1.33 together. It also sees int 0x80 and x32, for which the
 * named syscall tracepoints do not fire. Attached only while an event that needs it is on.
 * Kernels: 5.10 (tp_btf). Escapes: io_uring, which makes no system call for what it does; 32-bit programs on arm64.
 */
#include "../lib/opened.h"
#include "../lib/syscall.h"
#include "../lib/task.h"

/*
 * Opens are looked at here, once: most ask neither for a new file nor for writing, and of the others most find an ordinary
 * file that was there before. No file is of two kinds. What the descriptor leads to is handed over in scratch.
 */
static __always_inline void opened_next(void *ctx, struct task_struct *task, struct pt_regs *regs, u32 call, long fd)
{
	bool creates = call_asks_for_creation(task, regs, call);
	struct builder b = {};
	u64 file;
	u32 kind;

	if (fd < 0 || (!creates && call_only_reads(task, regs, call)) || !scratch__own(&b))
		return;
	file = descriptor__address(fd);
	kind = file ? opened__kind(file) : OPENED_GONE;
	b.scratch->file = file;
	if (kind & OPENED_MADE || (creates && kind & OPENED_GONE))
		bpf_tail_call(ctx, &syscall_exits, SLOT_file_open_exit);
	else if (kind & OPENED_MEMORY)
		bpf_tail_call(ctx, &syscall_exits, SLOT_process_memory_exit);
	else if (kind & OPENED_HELPER)
		bpf_tail_call(ctx, &syscall_exits, SLOT_kernel_helper_exit);
}

/* Not inlined: what nearly all calls run has one register to save, and no stack. */
static __noinline int named(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	u32 call = call_of(regs);

	if (call != CALL_NONE && call <= CALL_OPENAT2)
		opened_next(ctx, bpf_get_current_task_btf(), regs, call, ctx[1]);
	else if (call)
		syscall_next(ctx, call, SLOT_NONE);
	return 0;
}

SEC("tp_btf/sys_exit")
int syscall_exit(u64 *ctx)
{
	return call_is_named((void *)ctx[0]) ? named(ctx) : 0;
}
