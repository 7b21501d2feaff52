// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.create, link, symlink, directory.create and node.create, tier A: a name that was made otherwise than by an open.
 *
 * Hook: fentry/done_path_create (end_creating_path since 6.18). mkdir, mknod, symlink, link and the bind of a unix socket
 * all begin with filename_create(), which gives a name without a file behind it and locks the directory, and end here,
 * with mount and name: if there is a file now, this call made it. security_path_* run before it is known whether the
 * call succeeds; vfs_* know no mount, are called by overlayfs for its layers once more, and their arguments change.
 * fexit/vfs_link and vfs_symlink leave word of what cannot be seen any more: the old name, and where a link leads to.
 * Kernels: 5.17 (bpf_get_func_ret), with BPF trampolines. Escapes: names made inside the kernel (nfsd, overlayfs's own
 * layers); file systems that find a new file only when it is next looked for (cgroup directories).
 */
#include "../lib/file-call.h"

SEC("fexit/vfs_link")
int BPF_PROG(file_link, struct dentry *old_dentry, void *idmap, struct inode *dir, struct dentry *dentry)
{
	struct file_call call = { .dentry = dentry, .other = old_dentry };

	if (file_call__succeeded(ctx))
		file_call__begin(&call);
	return 0;
}

SEC("fexit/vfs_symlink")
int BPF_PROG(file_symlink, void *idmap, struct inode *dir, struct dentry *dentry, const char *target)
{
	struct file_call call = { .dentry = dentry, .target = target };

	if (file_call__succeeded(ctx))
		file_call__begin(&call);
	return 0;
}

static __always_inline u32 type_of(struct inode *inode, bool linked)
{
	u32 links = BPF_CORE_READ(inode, i_nlink);

	/* The first name of a file that had none (O_TMPFILE) makes it. */
	if (linked && links != 1)
		return EVENT_FILE_LINK;
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFDIR: return EVENT_FILE_DIRECTORY_CREATE;
	case S_IFLNK: return EVENT_FILE_SYMLINK;
	case S_IFREG: case S_IFSOCK: return EVENT_FILE_CREATE;
	default: return EVENT_FILE_NODE_CREATE;
	}
}

static __always_inline int made(enum program program, const struct path *path, struct dentry *dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	/* mkdir may pass an error as a pointer (6.15): nothing can be read there. */
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct file_call *call;
	struct file_change *e;
	struct builder b = {};
	u32 type;

	if (!inode)
		return 0;
	call = file_call__on(dentry);
	type = type_of(inode, call && call->other);
	if (!is_enabled_on_A(type))
		;
	else if (!scratch__borrow(&b)) {
		lose(type, task->tgid);
	} else {
		e = file__begin(&b, task, type);
		if (e) {
			file__inode(e, inode);
			path__append(&b, &e->path, dentry, path->mnt);
			if (call && type == EVENT_FILE_LINK)
				path__append(&b, &e->old_path, call->other, path->mnt);
			if (call && call->target)
				file__kernel_text(&b, &e->target, (u64)call->target);
			file__emit(&b, e, type, program);
		}
		scratch__return(&b);
	}
	if (call)
		file_call__end();
	return 0;
}

SEC("fentry/done_path_create")
int BPF_PROG(file_made, const struct path *path, struct dentry *dentry)
{
	return made(PROGRAM_file_made, path, dentry);
}

SEC("fentry/end_creating_path")
int BPF_PROG(file_made_ending, const struct path *path, struct dentry *dentry)
{
	return made(PROGRAM_file_made_ending, path, dentry);
}
