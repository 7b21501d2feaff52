/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which process a number, a descriptor or a file of /proc stands for. */
#ifndef AGENTSMITH_TARGET_H
#define AGENTSMITH_TARGET_H

#include "object.h"

/* include/linux/xarray.h: 64 slots a node unless CONFIG_BASE_SMALL; a pointer to a node has these low bits. */
#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_MASK 63
#define XA_POINTER_BITS 3
#define XA_NODE 2
#define XA_LEVELS 4             /* PID_MAX_LIMIT is 2^22 */
#define XA_SHIFT_MAX 18         /* of the top of four */
#define PID_MAX_LIMIT (1 << 22)

/*
 * The task that has this number in the pid namespace of the current one, as an address; 0 when nobody has it.
 * (shared.bpf.c)
 */
SHARED u64 target__of_number(u32 number);

/*
 * The process and its executable, in the struct process_ptrace in the scratch of `slot`; returns where that ends. An executable that
 * user space knows is not told again: its path was a third of the program.
 */
SHARED int target__put(u32 slot, u64 task);

static __always_inline struct pid *target__of_pidfd(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	char name[8] = {};

	if (!file)
		return NULL;
	/* From 6.9 on they have a file system of their own. */
	if (BPF_CORE_READ(inode, i_sb, s_magic) == PID_FS_MAGIC)
		return BPF_CORE_READ(inode, i_private);
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return *(u64 *)name == *(u64 *)"[pidfd]" ? BPF_CORE_READ(file, private_data) : NULL;
}

static __always_inline struct pid *target__of_proc(struct inode *inode)
{
	struct proc_inode *proc = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);

	return BPF_CORE_READ(proc, pid);
}

static __always_inline struct task_struct *target__task(struct pid *pid)
{
	struct hlist_node *first = BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first);

	return first ? (void *)first - bpf_core_field_offset(struct task_struct, pid_links) : NULL;
}

#ifdef AGENTSMITH_SHARED
/*
 * The struct pid that has a number (find_pid_ns), as an address; 0 when nobody has it. By reading: the helper for it
 * (bpf_task_from_vpid) is of 6.14,
 * and the one before knows the host's numbers only.
 */
static __always_inline u64 target__find(u64 ns, u32 number)
{
	u64 entry = WORD(ns + bpf_core_field_offset(struct pid_namespace, idr.idr_rt.xa_head));
	struct xa_node *node = (void *)(entry - XA_NODE);
	u32 shift = 0;

	if (number >= PID_MAX_LIMIT)
		return 0;
	if ((entry & XA_POINTER_BITS) == XA_NODE) {
		shift = FIELD(node, shift);
		if (shift > XA_SHIFT_MAX || number >> shift > XA_CHUNK_MASK)
			return 0;
	}
	for (int i = 0; i < XA_LEVELS && (entry & XA_POINTER_BITS) == XA_NODE; i++) {
		u64 slot = number >> shift & XA_CHUNK_MASK;

		entry = WORD(entry - XA_NODE + bpf_core_field_offset(struct xa_node, slots) + slot * 8);
		if (!shift)
			break;
		shift -= XA_CHUNK_SHIFT;
	}
	return (entry & XA_POINTER_BITS) ? 0 : entry;
}
#endif

#endif
