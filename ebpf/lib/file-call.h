/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread is doing to a name, between two hooks of tier A: one knows the mount, or the old name, the other the
 * result. One call at a time for each thread; what a call that failed in between has left is overwritten by the next.
 */
#ifndef AGENTSMITH_FILE_CALL_H
#define AGENTSMITH_FILE_CALL_H

#include "file.h"

struct file_call {
	struct dentry *dentry;      /* on which the second hook is to be called: file systems that are stacked call it too */
	struct dentry *other;       /* link: the old name; rename: the directory that it is in */
	struct vfsmount *mnt;
	const char *target;         /* of a symbolic link, in the kernel's memory until the call ends */
	u64 inode;
	u32 mode;
	u32 owner;
	char name[256];             /* rename: the old name, which the move overwrites */
};

/* Threads that are in such a call at the same time; 320 bytes each. LRU, because a refused call has no second hook. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct file_call);
} file_calls SEC(".maps") __weak;

static __always_inline void file_call__begin(struct file_call *call)
{
	u64 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&file_calls, &thread, call, BPF_ANY);
}

/* What this thread began on this name; the caller ends it. */
static __always_inline struct file_call *file_call__on(struct dentry *dentry)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct file_call *call = bpf_map_lookup_elem(&file_calls, &thread);

	return call && call->dentry == dentry ? call : NULL;
}

static __always_inline void file_call__end(void)
{
	u64 thread = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&file_calls, &thread);
}

/* The result of the function that a fexit program is on, whatever its arguments are on this kernel. */
static __always_inline bool file_call__succeeded(void *ctx)
{
	u64 result = 1;

	return !bpf_get_func_ret(ctx, &result) && !(u32)result;
}

#endif
