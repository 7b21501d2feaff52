// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * filesystem.mount: something was mounted, bound, moved, remounted, or became the root, or somebody tried to.
 *
 * Hooks, tier A: fexit/path_mount, to which every mount(2) comes with strings that the kernel has copied and with the place
 * that it found; of the newer calls fexit on their functions. move_mount is given its mount by security_move_mount, because
 * another thread may replace the descriptor meanwhile. Tier B: the exit of the calls. Which mount came of a mount(2) cannot
 * be asked there: strings are the caller's, and marked so; what hangs on a descriptor or became the root is the kernel's.
 * Kernels: 5.13; x86-64 on tier A. Escapes: on tier A a mount(2) whose place does not exist; on both umount, mount_setattr,
 * the options of fsconfig, and mounts that are copied with a mount namespace.
 */
#include "../lib/act.h"
#include "../lib/file.h"
#include "../lib/syscall.h"

#define MS_RDONLY 1
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_MOVE 8192
#define MS_PROPAGATION (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20)
#define MS_MAGIC_MASK 0xffff0000
#define MS_MAGIC 0xc0ed0000
#define MOVE_MOUNT_F_EMPTY_PATH 4
#define OPEN_TREE_CLONE 1
#define TYPE_MAX 64             /* of the name of a file system */

/* Mounts that are being moved at this moment; by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, struct vfsmount *);
} moved_mounts SEC(".maps");

/* As path_mount reads them. */
static __always_inline u32 operation_of(u32 flags)
{
	if (flags & MS_REMOUNT)
		return MOUNT_REMOUNT;
	if (flags & MS_BIND)
		return MOUNT_BIND;
	if (flags & MS_PROPAGATION)
		return MOUNT_PROPAGATION;
	return flags & MS_MOVE ? MOUNT_MOVE : MOUNT_MOUNT;
}

static __always_inline struct filesystem_mount *begin(struct builder *b, enum where where, u32 operation, long ret)
{
	struct filesystem_mount *e;

	if (!act__begin(b, where, EVENT_FILESYSTEM_MOUNT, sizeof(*e), bpf_get_current_task_btf()))
		return NULL;
	b->scratch->leaf_end = 0;
	e = (void *)b->scratch->bytes;
	__builtin_memset(&e->operation, 0, sizeof(*e) - __builtin_offsetof(struct filesystem_mount, operation));
	e->operation = operation;
	e->result = ret < 0 ? ret : 0;
	return e;
}

static __always_inline void put_flags(struct filesystem_mount *e, u32 flags)
{
	if ((flags & MS_MAGIC_MASK) == MS_MAGIC)
		flags &= ~MS_MAGIC_MASK;
	e->operation = operation_of(flags);
	e->flags = flags;
	e->facts |= MOUNT_FLAGS_KNOWN;
}

/* What the kernel knows of a mount, wherever it hangs. */
static __always_inline void put_mount(struct builder *b, struct filesystem_mount *e, struct vfsmount *mnt)
{
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	struct text *source = &e->source, *type = &e->type;

	if (!mnt)
		return;
	text__append(b, source, BPF_CORE_READ(mount, mnt_devname), PATH_TEXT_MAX);
	text__append(b, type, BPF_CORE_READ(mnt, mnt_sb, s_type, name), TYPE_MAX);
}

/* A mount that hangs somewhere, with where. */
static __always_inline void put_attached(struct builder *b, struct filesystem_mount *e, struct vfsmount *mnt)
{
	struct path_text *path = &e->path;

	put_mount(b, e, mnt);
	path__append(b, path, BPF_CORE_READ(mnt, mnt_root), mnt);
}

static __always_inline struct vfsmount *mount_behind(struct task_struct *task, u32 fd)
{
	struct file *file = descriptor__file(fd);

	return BPF_CORE_READ(file, f_path.mnt);
}

static __always_inline void put_callers_path(struct builder *b, struct filesystem_mount *e, int dfd, u64 from)
{
	e->facts |= MOUNT_UNRESOLVED;
	file__user_text(b, &e->name, from);
	file__base(b, &e->path, &e->name, dfd);
}

static __always_inline void put_callers_text(struct builder *b, struct text *t, u64 from, u32 max)
{
	long n = bpf_probe_read_user_str(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), max, (void *)from);

	t->offset = b->end;
	t->length = 0;
	if (n > 1 && n <= max) {
		t->length = n - 1;
		b->end += n - 1;
	}
}

SEC("fexit/path_mount")
int BPF_PROG(filesystem_mount, const char *source, struct path *path, const char *type, unsigned long flags, void *data,
	     int ret)
{
	struct builder b = {};
	struct filesystem_mount *e;

	TIMED(EVENT_FILESYSTEM_MOUNT);
	e = begin(&b, IN_TRAMPOLINE, MOUNT_MOUNT, ret);
	if (!e)
		return 0;
	put_flags(e, flags);
	path__append_at(&b, &e->path, path);
	text__append(&b, &e->source, source, PATH_TEXT_MAX);
	text__append(&b, &e->type, type, TYPE_MAX);
	act__send(&b, IN_TRAMPOLINE, EVENT_FILESYSTEM_MOUNT, PROGRAM_filesystem_mount);
	return 0;
}

SEC("fentry/security_move_mount")
int BPF_PROG(filesystem_move_begin, const struct path *from)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct vfsmount *mnt = BPF_CORE_READ(from, mnt);

	bpf_map_update_elem(&moved_mounts, &thread, &mnt, BPF_ANY);
	return 0;
}

/* A system call that has ended, for functions that cannot be given its registers. */
struct called {
	u64 arguments[5];
	long result;
	u32 program;
	u32 call;
};

static __always_inline void on_mount(struct builder *b, struct filesystem_mount *e, const struct called *c)
{
	put_flags(e, c->arguments[3]);
	e->facts |= MOUNT_UNVERIFIED;
	put_callers_path(b, e, AT_FDCWD, c->arguments[1]);
	put_callers_text(b, &e->source, c->arguments[0], PATH_TEXT_MAX);
	put_callers_text(b, &e->type, c->arguments[2], TYPE_MAX);
}

static __always_inline void on_move(struct builder *b, struct filesystem_mount *e, struct task_struct *task,
				    const struct called *c, enum where where)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct vfsmount **noted = bpf_map_lookup_elem(&moved_mounts, &thread), *mnt = NULL;

	if (where == IN_TRAMPOLINE && noted)
		mnt = *noted;
	else if (where == IN_TRACEPOINT && c->arguments[4] & MOVE_MOUNT_F_EMPTY_PATH)
		mnt = mount_behind(task, c->arguments[0]);
	if (c->result >= 0 && mnt)
		put_attached(b, e, mnt);
	else
		put_callers_path(b, e, c->arguments[2], c->arguments[3]);
}

static const u8 operations[8] = {
	[CALL_MOUNT - CALL_MOUNT] = MOUNT_MOUNT,
	[CALL_MOVE_MOUNT - CALL_MOUNT] = MOUNT_MOVE_MOUNT,
	[CALL_FSMOUNT - CALL_MOUNT] = MOUNT_FSMOUNT,
	[CALL_OPEN_TREE - CALL_MOUNT] = MOUNT_OPEN_TREE,
	[CALL_PIVOT_ROOT - CALL_MOUNT] = MOUNT_PIVOT_ROOT,
};

static __always_inline int report(const struct called *c, enum where where)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct builder b = {};
	struct filesystem_mount *e;
	u32 call = c->call;

	/* Without a copy it is an open. */
	if (call == CALL_OPEN_TREE && !(c->arguments[2] & OPEN_TREE_CLONE))
		return 0;
	TIMED(EVENT_FILESYSTEM_MOUNT);
	e = begin(&b, where, operations[MASK(call - CALL_MOUNT, 7)], c->result);
	if (!e)
		return 0;
	switch (call) {
	case CALL_MOUNT:
		on_mount(&b, e, c);
		break;
	case CALL_MOVE_MOUNT:
		on_move(&b, e, task, c, where);
		break;
	case CALL_PIVOT_ROOT:
		if (c->result >= 0)
			put_mount(&b, e, BPF_CORE_READ(task, fs, root.mnt));
		else
			put_callers_path(&b, e, AT_FDCWD, c->arguments[0]);
		break;
	default:
		if (call == CALL_OPEN_TREE)
			put_callers_path(&b, e, c->arguments[0], c->arguments[1]);
		if (c->result >= 0)
			put_mount(&b, e, mount_behind(task, c->result));
	}
	act__send(&b, where, EVENT_FILESYSTEM_MOUNT, c->program);
	return 0;
}

/* Global functions are verified once, not for each call that leads to them. */
__noinline int filesystem_mount__traced(struct called *c)
{
	return c ? report(c, IN_TRACEPOINT) : 0;
}

__noinline int filesystem_mount__called(struct called *c)
{
	return c ? report(c, IN_TRAMPOLINE) : 0;
}

static __always_inline struct called called(u32 program, u32 call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct called c = { .result = ret, .program = program, .call = call };

	for (int i = 0; i < 5; i++)
		c.arguments[i] = call_argument(task, regs, i);
	return c;
}

#define ON_CALL(name, function, number)                                            \
	SEC("fexit/" function)                                                     \
	int BPF_PROG(name, struct pt_regs *regs, long ret)                         \
	{                                                                          \
		struct called c = called(PROGRAM_##name, number, regs, ret);       \
                                                                                   \
		return filesystem_mount__called(&c);                               \
	}

ON_CALL(filesystem_move_native, "__x64_sys_move_mount", CALL_MOVE_MOUNT)
ON_CALL(filesystem_move_compat, "__ia32_sys_move_mount", CALL_MOVE_MOUNT)
ON_CALL(filesystem_detached_native, "__x64_sys_fsmount", CALL_FSMOUNT)
ON_CALL(filesystem_detached_compat, "__ia32_sys_fsmount", CALL_FSMOUNT)
ON_CALL(filesystem_clone_native, "__x64_sys_open_tree", CALL_OPEN_TREE)
ON_CALL(filesystem_clone_compat, "__ia32_sys_open_tree", CALL_OPEN_TREE)
ON_CALL(filesystem_pivot_native, "__x64_sys_pivot_root", CALL_PIVOT_ROOT)
ON_CALL(filesystem_pivot_compat, "__ia32_sys_pivot_root", CALL_PIVOT_ROOT)

SEC("tp_btf/sys_exit")
int BPF_PROG(filesystem_mount_exit, struct pt_regs *regs, long ret)
{
	u32 call = call_of(regs);
	struct called c = called(PROGRAM_filesystem_mount_exit, call, regs, ret);

	return filesystem_mount__traced(&c);
}
