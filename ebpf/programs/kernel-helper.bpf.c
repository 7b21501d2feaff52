// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel.helper.change: a file was opened for writing that tells the kernel which program to start as root:
 * release_agent (control groups), uevent_helper (devices), register (binfmt_misc). Those below /proc/sys are told with
 * their values by kernel-parameter.bpf.c.
 *
 * Hook, tier A: fentry/security_file_open, where every open comes by; tier B: the exit of open and its like. The file is
 * known by its file system and its own name, so no mount, link or working directory hides it.
 * Kernels: 5.13. Escapes: release_agent as an option of the mount (filesystem.mount tells a mount of type cgroup); on
 * tier B an open by io_uring, and a descriptor that another thread closes or replaces during the call.
 */
#include "../lib/act.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"

/* `file` is the address of one. */
static __always_inline int report(enum program program, enum where where, u64 file)
{
	struct builder b = {};
	struct kernel_helper_change *e;

	TIMED(EVENT_KERNEL_HELPER_CHANGE);
	if (!act__begin(&b, where, EVENT_KERNEL_HELPER_CHANGE, sizeof(*e), bpf_get_current_task_btf()))
		return 0;
	e = (void *)b.scratch->bytes;
	e->unused = 0;
	path__append_at(&b, &e->path, (void *)file + bpf_core_field_offset(struct file, f_path));
	act__send(&b, where, EVENT_KERNEL_HELPER_CHANGE, program);
	return 0;
}

SEC("fentry/security_file_open")
int BPF_PROG(kernel_helper_open, struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE) || !opened__is_helper(file, opened__magic(file)))
		return 0;
	return report(PROGRAM_kernel_helper_open, IN_TRAMPOLINE, (u64)file);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(kernel_helper_exit, struct pt_regs *regs, long ret)
{
	struct builder b = {};

	/* syscall-exit.bpf.c has seen that it is one. */
	if (!scratch__own(&b))
		return 0;
	return report(PROGRAM_kernel_helper_exit, IN_TRACEPOINT, b.scratch->file);
}
