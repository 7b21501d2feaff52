// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.create, link, rename, symlink, delete, directory.create and node.create, tier B: what is done to names.
 *
 * Hook: the exit of the system calls that do it, when they succeeded (lib/syscall.h). They leave no descriptor, so the
 * path is what the caller wrote (its pages are resident, and may have been changed meanwhile), behind the real path of
 * the directory that it is relative to, and marked as unresolved. A socket remembers where it was bound: its path is real.
 * A file without a name (O_TMPFILE) that gets its first one by linkat is file.create; it is known by the descriptor.
 * Kernels: 5.13. Escapes: a caller that changes the path during its call is believed; a file without a name that is linked
 * through another way than its descriptor or /proc/self/fd is file.link. io_uring is left to file-uring.
 */
#include "../lib/file.h"
#include "../lib/syscall.h"

#define SYS_BIND 2              /* of socketcall */
#define SOCKFS_MAGIC 0x534f434b
#define TMPFILE 020000000       /* __O_TMPFILE */
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000
#define PROC_FD "/proc/self/fd/"
#define PROC_FD_LENGTH 14
#define FD_DIGITS 7             /* fs.nr_open is 1 Mi */

/* What the call did, in the terms of its *at form. */
struct deed {
	u64 a[5];                   /* the arguments of the call */
	u64 name;
	u64 old_name;
	u64 target;
	struct file *file;          /* the file behind the name, where a descriptor shows it */
	u32 type;                   /* enum event_type; 0 = nothing to report */
	int dfd;
	int old_dfd;
	u32 is_placed;              /* `file` is a socket that knows its path */
};

static __noinline int deed__arguments(struct deed *d, const struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();

	d->a[0] = call_argument(task, regs, 0);
	d->a[1] = call_argument(task, regs, 1);
	d->a[2] = call_argument(task, regs, 2);
	d->a[3] = call_argument(task, regs, 3);
	d->a[4] = call_argument(task, regs, 4);
	return 0;
}

/* The descriptor that linkat was pointed to, -1 when it was not. */
static __always_inline int linked_descriptor(struct deed *d, u64 flags)
{
	char text[24] = {};
	long n = bpf_probe_read_user_str(text, sizeof(text), (void *)d->old_name);
	int fd = 0;

	if (flags & AT_EMPTY_PATH && !text[0])
		return d->old_dfd;
	if (!(flags & AT_SYMLINK_FOLLOW) || n <= PROC_FD_LENGTH + 1)
		return -1;
#pragma unroll
	for (int i = 0; i < PROC_FD_LENGTH; i++)
		if (text[i] != PROC_FD[i])
			return -1;
	for (int i = PROC_FD_LENGTH; i < PROC_FD_LENGTH + FD_DIGITS && text[i]; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		fd = fd * 10 + text[i] - '0';
	}
	return fd;
}

static __noinline int deed__link(struct deed *d, u64 flags)
{
	int fd = linked_descriptor(d, flags);
	struct file *file = fd < 0 ? NULL : descriptor__file(fd);

	d->type = EVENT_FILE_LINK;
	/* A second name makes it a link. */
	if (file && BPF_CORE_READ(file, f_flags) & TMPFILE && BPF_CORE_READ(file, f_inode, i_nlink) == 1) {
		d->type = EVENT_FILE_CREATE;
		d->file = file;
		d->old_name = 0;
	}
	return 0;
}

static __noinline int deed__bind(struct deed *d, u64 fd, u64 address)
{
	struct file *file = descriptor__file(fd);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	struct { u16 family; char path; } head = {};

	if (file && BPF_CORE_READ(file, f_inode, i_sb, s_magic) == SOCKFS_MAGIC) {
		if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX ||
		    !BPF_CORE_READ((struct unix_sock *)sk, path.dentry))
			return 0;
		d->is_placed = 1;
		d->file = file;
	} else {
		/* The descriptor is gone. An abstract name starts with NUL. */
		bpf_probe_read_user(&head, 3, (void *)address);
		if (head.family != AF_UNIX || !head.path)
			return 0;
		d->name = address + 2;
	}
	d->type = EVENT_FILE_CREATE;
	return 0;
}

/* A device, a pipe, or a file like those that open and bind make. */
static __always_inline u32 type_of_node(u64 mode)
{
	u32 format = mode & S_IFMT;

	return !format || format == S_IFREG || format == S_IFSOCK ? EVENT_FILE_CREATE : EVENT_FILE_NODE_CREATE;
}

/* Global, so that what follows is verified once and not for each call: 6.1 took 47 k instructions to do so. */
__weak __noinline int deed__of(struct deed *d, u32 call)
{
	u32 words[2] = {};

	if (!d)
		return 0;
	d->dfd = d->old_dfd = AT_FDCWD;
	switch (call) {
	case CALL_LINK:
	case CALL_RENAME:
		d->old_name = d->a[0];
		d->name = d->a[1];
		break;
	case CALL_LINKAT:
	case CALL_RENAMEAT:
	case CALL_RENAMEAT2:
		d->old_dfd = d->a[0];
		d->old_name = d->a[1];
		d->dfd = d->a[2];
		d->name = d->a[3];
		break;
	case CALL_SYMLINK:
		d->target = d->a[0];
		d->name = d->a[1];
		break;
	case CALL_SYMLINKAT:
		d->target = d->a[0];
		d->dfd = d->a[1];
		d->name = d->a[2];
		break;
	case CALL_UNLINKAT:
	case CALL_MKDIRAT:
	case CALL_MKNODAT:
		d->dfd = d->a[0];
		d->name = d->a[1];
		break;
	default:
		d->name = d->a[0];
	}
	switch (call) {
	case CALL_LINK:
		d->type = EVENT_FILE_LINK;
		break;
	case CALL_LINKAT:
		deed__link(d, d->a[4]);
		break;
	case CALL_RENAME:
	case CALL_RENAMEAT:
	case CALL_RENAMEAT2:
		d->type = EVENT_FILE_RENAME;
		break;
	case CALL_SYMLINK:
	case CALL_SYMLINKAT:
		d->type = EVENT_FILE_SYMLINK;
		break;
	case CALL_UNLINK:
	case CALL_UNLINKAT:
	case CALL_RMDIR:
		d->type = EVENT_FILE_DELETE;
		break;
	case CALL_MKDIR:
	case CALL_MKDIRAT:
		d->type = EVENT_FILE_DIRECTORY_CREATE;
		break;
	case CALL_MKNOD:
		d->type = type_of_node(d->a[1]);
		break;
	case CALL_MKNODAT:
		d->type = type_of_node(d->a[2]);
		break;
	case CALL_BIND:
		deed__bind(d, d->a[0], d->a[1]);
		break;
	case CALL_SOCKETCALL:
		if (d->a[0] == SYS_BIND && !bpf_probe_read_user(words, sizeof(words), (void *)d->a[1]))
			deed__bind(d, words[0], words[1]);
		break;
	}
	return 0;
}

static __always_inline void deed__report(struct builder *b, struct task_struct *task, struct deed *d)
{
	TIMED(d->type);
	struct file_change *e = file__begin(b, task, d->type);
	/* A local variable: a CO-RE read through d would record a relocation against struct deed. */
	struct file *file = d->file;

	if (!e)
		return;
	if (d->is_placed) {
		struct socket *socket = BPF_CORE_READ(file, private_data);
		struct unix_sock *sk = (void *)BPF_CORE_READ(socket, sk);
		struct dentry *dentry = BPF_CORE_READ(sk, path.dentry);

		file__inode(e, BPF_CORE_READ(dentry, d_inode));
		path__append(b, &e->path, dentry, BPF_CORE_READ(sk, path.mnt));
	} else {
		if (file)
			file__inode(e, BPF_CORE_READ(file, f_inode));
		e->flags = FILE_UNRESOLVED;
		file__user_text(b, &e->name, d->name);
		file__base(b, &e->path, &e->name, d->dfd);
		if (d->old_name) {
			file__user_text(b, &e->old_name, d->old_name);
			file__base(b, &e->old_path, &e->old_name, d->old_dfd);
		}
		if (d->target)
			file__user_text(b, &e->target, d->target);
	}
	file__emit(b, e, d->type, PROGRAM_file_path_exit);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file_path_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 call = call_of(regs);
	struct builder b = {};
	struct deed d = {};

	if (!ret) {
		deed__arguments(&d, regs);
		deed__of(&d, call);
		if (!d.type || !is_enabled_on_B(d.type))
			;
		else if (scratch__own(&b))
			deed__report(&b, task, &d);
		else
			lose(d.type, task->tgid);
	}
	syscall_next(ctx, call, SLOT_file_path_exit);
	return 0;
}
