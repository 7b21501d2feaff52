// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.rename, tier A.
 *
 * Hooks: fentry/security_path_rename knows the mount and the old name, fexit/vfs_rename the result; they are paired by
 * thread and by the name that is moved, because overlayfs calls vfs_rename once more for its layers. An exchange is one
 * record: its two paths are those that changed places.
 * Kernels: 5.17 (bpf_get_func_ret), with BPF trampolines and CONFIG_SECURITY_PATH. Escapes: renames inside the kernel
 * (nfsd).
 */
#include "../lib/file-call.h"

/* The old name, which the move overwrites. */
struct old_name {
	char bytes[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct old_name);
} old_names SEC(".maps");

SEC("fentry/security_path_rename")
int BPF_PROG(file_rename_begin, const struct path *old_dir, struct dentry *dentry)
{
	struct file_call call = file_call__of(old_dir, dentry);
	u64 thread = bpf_get_current_pid_tgid();
	struct old_name name = {};

	bpf_probe_read_kernel_str(name.bytes, sizeof(name.bytes), BPF_CORE_READ(dentry, d_name.name));
	bpf_map_update_elem(&old_names, &thread, &name, BPF_ANY);
	file_call__begin(&call);
	return 0;
}

SEC("fexit/vfs_rename")
int BPF_PROG(file_rename, struct renamedata *data)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = BPF_CORE_READ(data, old_dentry);
	struct file_call *call = file_call__end(dentry, file_call__result(ctx));
	u64 thread = bpf_get_current_pid_tgid();
	struct old_name *name = bpf_map_lookup_elem(&old_names, &thread);
	struct file_change *e;
	struct builder b = {};

	if (!call || !name || !is_enabled_on_A(EVENT_FILE_RENAME))
		return 0;
	TIMED(EVENT_FILE_RENAME);
	if (!scratch__borrow(&b)) {
		lose(EVENT_FILE_RENAME, task->tgid);
		return 0;
	}
	e = file__begin(&b, task, EVENT_FILE_RENAME);
	if (e) {
		file__inode(e, BPF_CORE_READ(dentry, d_inode));
		path__append(&b, &e->path, dentry, call->mnt);
		file__kernel_text(&b, &e->old_name, (u64)name->bytes);
		path__append(&b, &e->old_path, call->parent, call->mnt);
		file__emit(&b, e, EVENT_FILE_RENAME, PROGRAM_file_rename);
	}
	scratch__return(&b);
	return 0;
}
