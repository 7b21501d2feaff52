// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.delete, tier A: a name was removed. The file itself goes with its last name and its last open descriptor.
 *
 * Hooks: fentry/security_path_unlink and security_path_rmdir know the mount and the file, which the name loses;
 * fexit/vfs_unlink and vfs_rmdir know the result. They are paired by thread and name, because overlayfs calls vfs_unlink
 * once more for its layers.
 * Kernels: 5.17 (bpf_get_func_ret), with BPF trampolines and CONFIG_SECURITY_PATH. Escapes: names that go inside the
 * kernel (nfsd, POSIX message queues), and those over which another is moved.
 */
#include "../lib/file-call.h"

static __always_inline int begin(const struct path *dir, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct file_call call = file_call__of(dir, dentry);

	call.inode = BPF_CORE_READ(inode, i_ino);
	call.mode = BPF_CORE_READ(inode, i_mode);
	call.owner = BPF_CORE_READ(inode, i_uid.val);
	file_call__begin(&call);
	return 0;
}

static __always_inline int end(void *ctx, enum program program, struct dentry *dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file_call *call = file_call__end(dentry, file_call__result(ctx));
	struct file_change *e;
	struct builder b = {};

	if (!call || !is_enabled_on_A(EVENT_FILE_DELETE))
		return 0;
	TIMED(EVENT_FILE_DELETE);
	if (!scratch__borrow(&b)) {
		lose(EVENT_FILE_DELETE, task->tgid);
		return 0;
	}
	e = file__begin(&b, task, EVENT_FILE_DELETE);
	if (e) {
		e->inode = call->inode;
		e->mode = call->mode;
		e->owner = call->owner;
		path__append(&b, &e->path, dentry, call->mnt);
		file__emit(&b, e, EVENT_FILE_DELETE, program);
	}
	scratch__return(&b);
	return 0;
}

SEC("fentry/security_path_unlink")
int BPF_PROG(file_unlink_begin, const struct path *dir, struct dentry *dentry)
{
	return begin(dir, dentry);
}

SEC("fentry/security_path_rmdir")
int BPF_PROG(file_rmdir_begin, const struct path *dir, struct dentry *dentry)
{
	return begin(dir, dentry);
}

SEC("fexit/vfs_unlink")
int BPF_PROG(file_unlink, void *idmap, struct inode *dir, struct dentry *dentry)
{
	return end(ctx, PROGRAM_file_unlink, dentry);
}

SEC("fexit/vfs_rmdir")
int BPF_PROG(file_rmdir, void *idmap, struct inode *dir, struct dentry *dentry)
{
	return end(ctx, PROGRAM_file_rmdir, dentry);
}
