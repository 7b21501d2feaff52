// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.exec that failed: nothing was started, and why.
 *
 * Hooks, tier A: fexit on the functions of execve and execveat themselves, one for each ABI: other system calls cost
 * nothing, and every error is seen; bprm_execve misses those of opening the file since 6.8. Tier B: the exit of system
 * calls, where it is watched anyway. Either way path and arguments are the caller's memory (lib/exec-failed.h).
 * Kernels: 5.13; arguments behind the eighth: 5.17. Escapes: execs that the kernel itself makes; an exec that fails
 * behind the point of no return kills the process, whose exit tells.
 */
#include "../lib/exec-failed.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(process_exec_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call = call_of(regs);
	struct builder b = {};

	if (ret < 0 && is_enabled(EVENT_PROCESS_EXEC) && scratch__own(&b))
		exec_failed(&b, PROGRAM_process_exec_exit, task, regs, call, ret);
	syscall_next(ctx, call, SLOT_process_exec_exit);
	return 0;
}

/* Can be preempted. */
static __always_inline int call_failed(enum program program, const struct pt_regs *regs, u32 call, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct builder b = {};

	if (ret >= 0)
		return 0;
	if (!scratch__borrow(&b)) {
		lose(EVENT_PROCESS_EXEC, task->tgid);
		return 0;
	}
	exec_failed(&b, program, task, regs, call, ret);
	scratch__return(&b);
	return 0;
}

SEC("fexit/__x64_sys_execve")
int BPF_PROG(process_exec_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_call, regs, CALL_EXECVE, ret);
}

SEC("fexit/__x64_sys_execveat")
int BPF_PROG(process_exec_at_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_at_call, regs, CALL_EXECVEAT, ret);
}

SEC("fexit/__ia32_compat_sys_execve")
int BPF_PROG(process_exec_compat_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_compat_call, regs, CALL_EXECVE, ret);
}

SEC("fexit/__ia32_compat_sys_execveat")
int BPF_PROG(process_exec_at_compat_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_at_compat_call, regs, CALL_EXECVEAT, ret);
}

SEC("fexit/__arm64_sys_execve")
int BPF_PROG(process_exec_arm64_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_arm64_call, regs, CALL_EXECVE, ret);
}

SEC("fexit/__arm64_sys_execveat")
int BPF_PROG(process_exec_at_arm64_call, const struct pt_regs *regs, long ret)
{
	return call_failed(PROGRAM_process_exec_at_arm64_call, regs, CALL_EXECVEAT, ret);
}
