// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.create, link, symlink, directory.create and node.create, tier A: a name that was made otherwise than by an open.
 *
 * Hooks: fentry/security_path_{mknod,mkdir,symlink,link} know the mount, before it is known whether the call succeeds;
 * fexit/vfs_{mknod,create,mkdir,symlink,link} know that, but no mount. They are paired by thread and name. The system
 * calls, their 32-bit forms, io_uring and the bind of a unix socket all come by both. done_path_create() would have name,
 * mount and result at once, but compilers inline it into its callers (Debian's 6.1).
 * vfs_create is what mknod calls for a regular file; an open does not call it, and leaves a beginning that is overwritten.
 * Kernels: 5.17 (bpf_get_func_ret), with BPF trampolines and CONFIG_SECURITY_PATH. Escapes: names that are made inside the
 * kernel (nfsd, overlayfs's own layers).
 */
#include "../lib/file-call.h"

static __always_inline int begin(const struct path *dir, struct dentry *dentry, u32 mode, struct dentry *other)
{
	struct file_call call = file_call__of(dir, dentry);

	call.mode = mode;
	call.other = other;
	file_call__begin(&call);
	return 0;
}

static __always_inline u32 type_of_node(u32 mode)
{
	u32 format = mode & S_IFMT;

	return !format || format == S_IFREG || format == S_IFSOCK ? EVENT_FILE_CREATE : EVENT_FILE_NODE_CREATE;
}

/* `made` has the file behind it, where the file system does not leave that to the next look (cgroup directories). */
static __always_inline int report(enum program program, u32 type, struct file_call *call, struct dentry *made,
				  const char *target)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = BPF_CORE_READ(made, d_inode);
	struct file_change *e;
	struct builder b = {};

	if (!is_enabled_on_A(type))
		return 0;
	TIMED(type);
	if (!scratch__borrow(&b)) {
		lose(type, task->tgid);
		return 0;
	}
	e = file__begin(&b, task, type);
	if (e) {
		if (inode)
			file__inode(e, inode);
		path__append(&b, &e->path, made, call->mnt);
		if (type == EVENT_FILE_LINK)
			path__append(&b, &e->old_path, call->other, call->mnt);
		if (type == EVENT_FILE_SYMLINK)
			file__kernel_text(&b, &e->target, (u64)target);
		file__emit(&b, e, type, program);
	}
	scratch__return(&b);
	return 0;
}

SEC("fentry/security_path_mknod")
int BPF_PROG(file_mknod_begin, const struct path *dir, struct dentry *dentry, u16 mode)
{
	return begin(dir, dentry, mode, NULL);
}

SEC("fexit/vfs_mknod")
int BPF_PROG(file_mknod, void *idmap, struct inode *dir, struct dentry *dentry)
{
	struct file_call *call = file_call__end(dentry, file_call__result(ctx));

	return call ? report(PROGRAM_file_mknod, type_of_node(call->mode), call, dentry, NULL) : 0;
}

/* The name is its third argument, or since 7.0 the second. */
SEC("fexit/vfs_create")
int BPF_PROG(file_mknod_regular, void *idmap, struct dentry *second, struct dentry *third)
{
	u64 result = file_call__result(ctx);
	struct file_call *call = file_call__end(third, result);
	struct dentry *dentry = third;

	if (!call) {
		call = file_call__end(second, result);
		dentry = second;
	}
	return call ? report(PROGRAM_file_mknod_regular, EVENT_FILE_CREATE, call, dentry, NULL) : 0;
}

SEC("fentry/security_path_mkdir")
int BPF_PROG(file_mkdir_begin, const struct path *dir, struct dentry *dentry)
{
	return begin(dir, dentry, 0, NULL);
}

SEC("fexit/vfs_mkdir")
int BPF_PROG(file_mkdir, void *idmap, struct inode *dir, struct dentry *dentry)
{
	u64 result = file_call__result(ctx);
	struct file_call *call = file_call__end(dentry, result);

	if (!call)
		return 0;
	return report(PROGRAM_file_mkdir, EVENT_FILE_DIRECTORY_CREATE, call, result ? (void *)result : dentry, NULL);
}

SEC("fentry/security_path_symlink")
int BPF_PROG(file_symlink_begin, const struct path *dir, struct dentry *dentry)
{
	return begin(dir, dentry, 0, NULL);
}

SEC("fexit/vfs_symlink")
int BPF_PROG(file_symlink, void *idmap, struct inode *dir, struct dentry *dentry, const char *target)
{
	struct file_call *call = file_call__end(dentry, file_call__result(ctx));

	return call ? report(PROGRAM_file_symlink, EVENT_FILE_SYMLINK, call, dentry, target) : 0;
}

SEC("fentry/security_path_link")
int BPF_PROG(file_link_begin, struct dentry *old_dentry, const struct path *dir, struct dentry *dentry)
{
	return begin(dir, dentry, 0, old_dentry);
}

SEC("fexit/vfs_link")
int BPF_PROG(file_link, struct dentry *old_dentry, void *idmap, struct inode *dir, struct dentry *dentry)
{
	struct file_call *call = file_call__end(dentry, file_call__result(ctx));
	/* The first name of a file that had none (O_TMPFILE) makes it. */
	u32 type = BPF_CORE_READ(old_dentry, d_inode, i_nlink) == 1 ? EVENT_FILE_CREATE : EVENT_FILE_LINK;

	return call ? report(PROGRAM_file_link, type, call, dentry, NULL) : 0;
}
