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
#include "../lib/syscall.h"

static __always_inline bool is_helper(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	u64 magic = BPF_CORE_READ(file, f_inode, i_sb, s_magic);
	union {
		char bytes[16];
		u64 words[2];
	} name = {};

	if (magic != CGROUP_SUPER_MAGIC && magic != SYSFS_MAGIC && magic != BINFMTFS_MAGIC)
		return false;
	bpf_probe_read_kernel_str(name.bytes, sizeof(name.bytes), BPF_CORE_READ(dentry, d_name.name));
	switch (magic) {
	case CGROUP_SUPER_MAGIC: return name.words[0] == *(u64 *)"release_" && name.words[1] == *(u64 *)"agent\0\0";
	case SYSFS_MAGIC: return name.words[0] == *(u64 *)"uevent_h" && name.words[1] == *(u64 *)"elper\0\0";
	default: return name.words[0] == *(u64 *)"register" && !name.words[1];
	}
}

static __always_inline int report(enum program program, enum where where, struct file *file)
{
	struct builder b = {};
	struct kernel_helper_change *e;

	TIMED(EVENT_KERNEL_HELPER_CHANGE);
	if (!act__begin(&b, where, EVENT_KERNEL_HELPER_CHANGE, sizeof(*e), bpf_get_current_task_btf()))
		return 0;
	e = (void *)b.scratch->bytes;
	e->unused = 0;
	path__append_at(&b, &e->path, &file->f_path);
	act__send(&b, where, EVENT_KERNEL_HELPER_CHANGE, program);
	return 0;
}

SEC("fentry/security_file_open")
int BPF_PROG(kernel_helper_open, struct file *file)
{
	if (!(file->f_mode & FMODE_WRITE) || !is_helper(file))
		return 0;
	return report(PROGRAM_kernel_helper_open, IN_TRAMPOLINE, file);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(kernel_helper_exit, struct pt_regs *regs, long ret)
{
	struct file *file;

	if (ret < 0)
		return 0;
	file = task__file(bpf_get_current_task_btf(), ret);
	if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE) || !is_helper(file))
		return 0;
	return report(PROGRAM_kernel_helper_exit, IN_TRACEPOINT, file);
}
