// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel.bpf.load: a BPF program was loaded, or refused.
 *
 * Hooks, tier A: fentry/perf_event_bpf_event, which the kernel calls with each program that it has just taken, whoever
 * loads it: bpf(2), or a loader that is itself a BPF program (light skeletons), which no system call shows. Refusals
 * come from fexit on bpf(2). security_bpf_prog_load is of 6.9, its forerunners do not have the result; bpf_prog_load
 * takes a struct by value, which trampolines before 6.1 refuse. Tier B: the exit of bpf(2), whose descriptor leads to
 * the program.
 * Name, type and id are the kernel's own. What was refused has none: bpf_attr lies in memory that the caller can change.
 * Kernels: 5.13; x86-64 on tier A. Escapes: on tier B what a loader program loads (the loader itself is seen), and a
 * descriptor that was closed or replaced during the call: told without name, or with that of the other program.
 */
#include "../lib/act.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"

#define PERF_BPF_EVENT_PROG_LOAD 1 /* include/uapi/linux/perf_event.h */

static __always_inline int report(enum program program, enum where where, struct bpf_prog *prog, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);
	struct builder b = {};
	struct kernel_bpf_load *e;
	TIMED(EVENT_KERNEL_BPF_LOAD);

	if (!act__begin(&b, where, EVENT_KERNEL_BPF_LOAD, sizeof(*e), task))
		return 0;
	e = (void *)b.scratch->bytes;
	e->id = BPF_CORE_READ(aux, id);
	e->type = BPF_CORE_READ(prog, type);
	e->result = result < 0 ? result : 0;
	e->unused = 0;
	__builtin_memset(e->name, 0, sizeof(e->name));
	bpf_core_read_str(e->name, sizeof(e->name), &aux->name);
	act__send(&b, where, EVENT_KERNEL_BPF_LOAD, program);
	return 0;
}

/* The program behind a descriptor; NULL when it is none, for another thread can close and open. */
static __always_inline struct bpf_prog *prog_of(struct file *file)
{
	char name[16] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (*(u64 *)name != *(u64 *)"bpf-prog" || name[8])
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

static __always_inline bool is_load(struct pt_regs *regs)
{
	return (u32)call_argument(bpf_get_current_task_btf(), regs, 0) == BPF_PROG_LOAD;
}

SEC("fentry/perf_event_bpf_event")
int BPF_PROG(kernel_bpf_loaded, struct bpf_prog *prog, u32 event)
{
	if (event != PERF_BPF_EVENT_PROG_LOAD)
		return 0;
	return report(PROGRAM_kernel_bpf_loaded, IN_TRAMPOLINE, prog, 0);
}

SEC("fexit/__x64_sys_bpf")
int BPF_PROG(kernel_bpf_native, struct pt_regs *regs, long ret)
{
	if (ret >= 0 || !is_load(regs))
		return 0;
	return report(PROGRAM_kernel_bpf_native, IN_TRAMPOLINE, NULL, ret);
}

SEC("fexit/__ia32_sys_bpf")
int BPF_PROG(kernel_bpf_compat, struct pt_regs *regs, long ret)
{
	if (ret >= 0 || !is_load(regs))
		return 0;
	return report(PROGRAM_kernel_bpf_compat, IN_TRAMPOLINE, NULL, ret);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(kernel_bpf_exit, struct pt_regs *regs, long ret)
{
	struct bpf_prog *prog = NULL;

	if (!is_load(regs))
		return 0;
	if (ret >= 0)
		prog = prog_of(descriptor__file(ret));
	return report(PROGRAM_kernel_bpf_exit, IN_TRACEPOINT, prog, ret);
}
