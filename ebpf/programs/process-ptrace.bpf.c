// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.ptrace: a process reached into another one, or tried to: the requests of ptrace(2) that attach or write,
 * process_vm_readv and _writev, pidfd_getfd, and /proc/PID/mem opened for writing. What debuggers do all day (PEEK*,
 * CONT, SYSCALL, GETREGS) ends at its request number and counts nowhere.
 *
 * Hooks, tier A: fexit on the functions of the system calls themselves, one for each ABI. They see exactly what sys_exit
 * sees, with every refusal and its errno, and cost other system calls nothing. What lies deeper says less:
 * security_ptrace_access_check knows neither request nor result and fires for readers too, arch_ptrace misses ATTACH,
 * TRACEME and requests to a stranger (ESRCH), process_vm_rw has more arguments than a trampoline of 6.1 takes. All that
 * is told are arguments that were passed in registers. fexit/mem_open sees the file of /proc whoever opens it (io_uring
 * too), and that it was refused. Tier B: the exit of the system calls.
 * The target is found by the caller's number when the call ends, its executable by its memory map. An open for writing
 * is what is seen of /proc/PID/mem, not each write.
 * Kernels: 5.13; x86-64 on tier A. Escapes: a /proc/PID/mem that the file's mode refuses, on tier B any that is refused
 * or opened by io_uring; on tier A ptrace of x32 programs, which stock kernels do not run; the executable of a target
 * that is gone before the call ends.
 */
#include "../lib/act.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"
#include "../lib/target.h"

/*
 * include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h; behind the old requests stand SETREGSET and SEIZE.
 * A table and no switch, each case of which the verifier would follow to the end of the record.
 */
#define OLD_REQUESTS 32
#define REQUEST_SETREGSET 0x4205
static const u8 injections[2 * OLD_REQUESTS] = {
	[0] = INJECTION_TRACEME, [4] = INJECTION_POKETEXT, [5] = INJECTION_POKEDATA, [6] = INJECTION_POKEUSER,
	[13] = INJECTION_SETREGS, [15] = INJECTION_SETFPREGS, [16] = INJECTION_ATTACH,
	[OLD_REQUESTS] = INJECTION_SETREGSET, INJECTION_SEIZE,
};

/* Elsewhere address and data mean nothing, or point into the caller's memory. */
static const u8 known_of[16] = {
	[INJECTION_POKETEXT ... INJECTION_POKEUSER] = PTRACE_ADDRESS_KNOWN | PTRACE_DATA_KNOWN,
	[INJECTION_SETREGSET] = PTRACE_ADDRESS_KNOWN,
	[INJECTION_SEIZE] = PTRACE_DATA_KNOWN,
};

static __always_inline u32 injection_of(u64 request)
{
	if (request - REQUEST_SETREGSET < 2)
		request -= REQUEST_SETREGSET - OLD_REQUESTS;
	else if (request >= OLD_REQUESTS)
		return INJECTION_NONE;
	return injections[MASK(request, 2 * OLD_REQUESTS - 1)];
}

struct deed {
	struct task_struct *target;
	u64 address;
	u64 data;
	u32 injection;
	u32 request;
	u32 number;                 /* of the target, as the host knows it; 0 = not known */
	u32 flags;
	long result;
};

static __always_inline int report(enum program program, enum where where, struct deed *d)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct builder b = {};
	struct process_ptrace *e;
	/* A local variable: a CO-RE read through d would record a relocation against struct deed. */
	struct task_struct *target = d->target;
	TIMED(EVENT_PROCESS_PTRACE);

	if (!act__begin(&b, where, EVENT_PROCESS_PTRACE, sizeof(*e), task))
		return 0;
	e = (void *)b.scratch->bytes;
	e->executable.offset = e->executable.length = 0;
	e->target_start = e->target_exec_id = 0;
	e->flags = d->flags;
	e->address = d->address;
	e->data = d->data;
	e->injection = d->injection;
	e->request = d->request;
	e->result = d->result < 0 ? d->result : 0;
	if (target)
		b.end = target__put(b.slot, (u64)target);
	else
		e->target = d->number;
	if (e->target)
		e->flags |= PTRACE_TARGET_KNOWN;
	act__send(&b, where, EVENT_PROCESS_PTRACE, program);
	return 0;
}

/* Global functions are verified once and by themselves, not with every request of every call (6.1: 34 k instructions). */
__noinline int process_ptrace__traced(u32 program, struct deed *d)
{
	return d ? report(program, IN_TRACEPOINT, d) : 0;
}

__noinline int process_ptrace__called(u32 program, struct deed *d)
{
	return d ? report(program, IN_TRAMPOLINE, d) : 0;
}

static __always_inline void aim(struct deed *d, struct task_struct *task, u32 number)
{
	d->target = (void *)target__of_number(number);
	/* A number that nobody has can be told where it is the host's. */
	if (!d->target && number < PID_MAX_LIMIT && !BPF_CORE_READ(task, thread_pid, level))
		d->number = number;
}

static __always_inline int on_call(enum program program, enum where where, struct pt_regs *regs, long ret, u32 call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 first = call_argument(task, regs, 0);
	struct deed d = { .result = ret };

	switch (call) {
	case CALL_PTRACE:
		d.injection = injection_of(first);
		if (d.injection == INJECTION_NONE)
			return 0;
		d.request = first;
		d.address = call_argument(task, regs, 2);
		d.data = call_argument(task, regs, 3);
		d.flags = known_of[MASK(d.injection, 15)];
		if (d.injection == INJECTION_TRACEME)
			d.target = task;
		else
			aim(&d, task, call_argument(task, regs, 1));
		break;
	case CALL_PROCESS_VM_READV:
	case CALL_PROCESS_VM_WRITEV:
		d.injection = call == CALL_PROCESS_VM_READV ? INJECTION_VM_READV : INJECTION_VM_WRITEV;
		aim(&d, task, first);
		break;
	case CALL_PIDFD_GETFD:
		d.injection = INJECTION_GETFD;
		d.target = target__task(target__of_pidfd(descriptor__file(first)));
		break;
	default:
		return 0;
	}
	return where == IN_TRACEPOINT ? process_ptrace__traced(program, &d) : process_ptrace__called(program, &d);
}

static __always_inline int on_memory(enum program program, enum where where, struct file *file, long ret)
{
	struct deed d = { .result = ret, .injection = INJECTION_MEM_WRITE };

	d.target = target__task(target__of_proc(BPF_CORE_READ(file, f_inode)));
	return where == IN_TRACEPOINT ? process_ptrace__traced(program, &d) : process_ptrace__called(program, &d);
}

#define ON_CALL(name, function, call)                                              \
	SEC("fexit/" function)                                                     \
	int BPF_PROG(name, struct pt_regs *regs, long ret)                         \
	{                                                                          \
		return on_call(PROGRAM_##name, IN_TRAMPOLINE, regs, ret, call);    \
	}

ON_CALL(process_ptrace_native, "__x64_sys_ptrace", CALL_PTRACE)
ON_CALL(process_ptrace_compat, "__ia32_compat_sys_ptrace", CALL_PTRACE)
ON_CALL(process_readv_native, "__x64_sys_process_vm_readv", CALL_PROCESS_VM_READV)
ON_CALL(process_readv_compat, "__ia32_sys_process_vm_readv", CALL_PROCESS_VM_READV)
ON_CALL(process_writev_native, "__x64_sys_process_vm_writev", CALL_PROCESS_VM_WRITEV)
ON_CALL(process_writev_compat, "__ia32_sys_process_vm_writev", CALL_PROCESS_VM_WRITEV)
ON_CALL(process_getfd_native, "__x64_sys_pidfd_getfd", CALL_PIDFD_GETFD)
ON_CALL(process_getfd_compat, "__ia32_sys_pidfd_getfd", CALL_PIDFD_GETFD)

/* fs/proc/base.c: the open of /proc/PID/mem and /proc/PID/task/TID/mem, of nothing else */
SEC("fexit/mem_open")
int BPF_PROG(process_memory_open, struct inode *inode, struct file *file, int ret)
{
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	return on_memory(PROGRAM_process_memory_open, IN_TRAMPOLINE, file, ret);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(process_ptrace_exit, struct pt_regs *regs, long ret)
{
	return on_call(PROGRAM_process_ptrace_exit, IN_TRACEPOINT, regs, ret,
		       call_of(regs));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(process_memory_exit, struct pt_regs *regs, long ret)
{
	struct builder b = {};

	/* syscall-exit.bpf.c has seen that it is one. */
	if (!scratch__own(&b))
		return 0;
	return on_memory(PROGRAM_process_memory_exit, IN_TRACEPOINT, (struct file *)b.scratch->file, 0);
}
