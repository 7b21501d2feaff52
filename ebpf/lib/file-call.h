/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread is doing to a name, between the two hooks of tier A: security_path_* knows the mount and what the call is
 * about to change, the exit of vfs_* whether it did. One call at a time for each thread.
 */
#ifndef AGENTSMITH_FILE_CALL_H
#define AGENTSMITH_FILE_CALL_H

#include "file.h"

struct file_call {
	struct dentry *dentry;      /* on which the second hook is to be called; NULL after that */
	struct dentry *parent;      /* its directory, before the call */
	struct vfsmount *mnt;
	struct dentry *other;       /* link: the old name */
	u64 inode;                  /* delete: the file, which the name loses */
	u32 mode;                   /* mknod: as it was asked for */
	u32 owner;
};

/* Threads that are in such a call at the same time. LRU, because a call that is refused in between has no second hook. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct file_call);
} file_calls SEC(".maps") __weak;

static __always_inline struct file_call file_call__of(const struct path *dir, struct dentry *dentry)
{
	return (struct file_call){ .dentry = dentry, .parent = dir->dentry, .mnt = dir->mnt };
}

static __always_inline void file_call__begin(struct file_call *call)
{
	u64 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&file_calls, &thread, call, BPF_ANY);
}

/*
 * What this thread began on this name, when it succeeded. File systems that lie on others (overlayfs) call vfs_* for their
 * layers once more, also unasked; those names are others. `result` is an errno, or of vfs_mkdir since 6.15 the directory.
 */
static __always_inline struct file_call *file_call__end(struct dentry *dentry, u64 result)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct file_call *call = bpf_map_lookup_elem(&file_calls, &thread);
	bool is_pointer = result >> 32 && result < -4095ull;

	if (!call || call->dentry != dentry || (!is_pointer && (u32)result))
		return NULL;
	/* Not twice, should its pointers be those of another name some day. */
	call->dentry = NULL;
	return call;
}

/* The result of the function that a fexit program is on, whatever its arguments are on this kernel. */
static __always_inline u64 file_call__result(void *ctx)
{
	u64 result = 1;

	bpf_get_func_ret(ctx, &result);
	return result;
}

#endif
