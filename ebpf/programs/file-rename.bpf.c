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

SEC("fentry/security_path_rename")
int BPF_PROG(file_rename_begin, const struct path *old_dir, struct dentry *dentry)
{
	struct file_call call = { .dentry = dentry, .other = old_dir->dentry, .mnt = old_dir->mnt };

	bpf_probe_read_kernel_str(call.name, sizeof(call.name), BPF_CORE_READ(dentry, d_name.name));
	file_call__begin(&call);
	return 0;
}

SEC("fexit/vfs_rename")
int BPF_PROG(file_rename, struct renamedata *data)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = BPF_CORE_READ(data, old_dentry);
	struct file_call *call = file_call__on(dentry);
	struct file_change *e;
	struct builder b = {};

	if (!call)
		return 0;
	if (!file_call__succeeded(ctx) || !is_enabled_on_A(EVENT_FILE_RENAME))
		;
	else if (!scratch__borrow(&b)) {
		lose(EVENT_FILE_RENAME, task->tgid);
	} else {
		e = file__begin(&b, task, EVENT_FILE_RENAME);
		if (e) {
			file__inode(e, BPF_CORE_READ(dentry, d_inode));
			path__append(&b, &e->path, dentry, call->mnt);
			file__kernel_text(&b, &e->old_name, (u64)call->name);
			path__append(&b, &e->old_path, call->other, call->mnt);
			file__emit(&b, e, EVENT_FILE_RENAME, PROGRAM_file_rename);
		}
		scratch__return(&b);
	}
	file_call__end();
	return 0;
}
