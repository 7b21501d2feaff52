// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File events of tier B that are asked for through io_uring, which makes no system call for them.
 *
 * Hooks: tp_btf/io_uring_submit_req (io_uring_submit_sqe until 6.3) shows a request before it starts, with the kernel's own
 * copy of its names; tp_btf/io_uring_complete its result, when the names are gone. What is between is kept by request. A
 * descriptor leads to the file that an open made, also one in the ring's own table; without it the open is reported as
 * unresolved, as in file-open-exit. A request that asks for no completion when it succeeds, or that finds no place to be
 * kept, is reported when it is submitted, unresolved, because nothing would be heard of it any more.
 * The thread that submits or completes is of the process that made the ring, with SQPOLL too.
 * Kernels: 6.0 to 6.19; before, the arguments were others, and 7.0 keeps names otherwise: there the programs do not load, which
 * is told.
 * Escapes: an O_TMPFILE file that is linked through io_uring is file.link.
 */
#include "../lib/file.h"

enum {
	OP_OPENAT = 18, OP_OPENAT2 = 28, OP_RENAMEAT = 35, OP_UNLINKAT = 36, OP_MKDIRAT = 37, OP_SYMLINKAT = 38,
	OP_LINKAT = 39, OP_BIND = 56, /* enum io_uring_op */
};
#define CQE_SKIP_SUCCESS (1 << 6) /* the flag of the request, and the kernel's of the same bit */
#define SLOT_ALLOCATED (~0u)      /* IORING_FILE_INDEX_ALLOC: the kernel chose the place, the result is its number */
#define FIXED_FILE_MASK (~7ul)    /* the low bits of a file in the ring's table are flags */

#define URING_SCRATCH (16 << 10)
struct uring_request {
	u32 type;                   /* enum event_type */
	u32 is_open;
	int dfd;
	int old_dfd;
	char name[PATH_TEXT_MAX];
	char old_name[PATH_TEXT_MAX]; /* the target, of a symbolic link */
};

/*
 * Requests between submission and completion. Not preallocated: it would be 8 MiB that are hardly ever used. A ring that
 * has more in flight is reported at once.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

_Static_assert(sizeof(struct uring_request) < SCRATCH_MARGIN, "a request is put together in scratch");

static __noinline int report_names(struct builder *b, struct uring_request *r, enum program program)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 type = r->type;
	TIMED(type);
	struct file_change *e = file__begin(b, task, type);

	if (!e)
		return 0;
	e->flags = FILE_UNRESOLVED;
	file__kernel_text(b, &e->name, (u64)r->name);
	file__base(b, &e->path, &e->name, r->dfd);
	if (type == EVENT_FILE_SYMLINK) {
		file__kernel_text(b, &e->target, (u64)r->old_name);
	} else if (type == EVENT_FILE_LINK || type == EVENT_FILE_RENAME) {
		file__kernel_text(b, &e->old_name, (u64)r->old_name);
		file__base(b, &e->old_path, &e->old_name, r->old_dfd);
	}
	file__emit(b, e, type, program);
	return 0;
}

static __always_inline void keep_name(char *to, struct filename *from)
{
	bpf_probe_read_kernel_str(to, PATH_TEXT_MAX, BPF_CORE_READ(from, name));
}

/* Fills what is to be kept of the request; its type is 0 when nothing is. */
static __always_inline void describe(struct uring_request *r, struct io_kiocb *req, u32 op)
{
	void *at = req;
	struct io_open *open = at;
	struct io_rename *rename = at;
	struct io_unlink *unlink = at;
	struct io_mkdir *mkdir = at;
	struct io_link *link = at;

	r->type = r->is_open = 0;
	r->old_name[0] = 0;
	switch (op) {
	case OP_OPENAT:
	case OP_OPENAT2:
		if (!(BPF_CORE_READ(open, how.flags) & O_CREAT))
			return;
		r->type = EVENT_FILE_CREATE;
		r->is_open = 1;
		r->dfd = BPF_CORE_READ(open, dfd);
		keep_name(r->name, BPF_CORE_READ(open, filename));
		return;
	case OP_UNLINKAT:
		r->type = EVENT_FILE_DELETE;
		r->dfd = BPF_CORE_READ(unlink, dfd);
		keep_name(r->name, BPF_CORE_READ(unlink, filename));
		return;
	case OP_MKDIRAT:
		r->type = EVENT_FILE_DIRECTORY_CREATE;
		r->dfd = BPF_CORE_READ(mkdir, dfd);
		keep_name(r->name, BPF_CORE_READ(mkdir, filename));
		return;
	case OP_RENAMEAT:
		r->type = EVENT_FILE_RENAME;
		r->old_dfd = BPF_CORE_READ(rename, old_dfd);
		r->dfd = BPF_CORE_READ(rename, new_dfd);
		keep_name(r->old_name, BPF_CORE_READ(rename, oldpath));
		keep_name(r->name, BPF_CORE_READ(rename, newpath));
		return;
	case OP_SYMLINKAT:
	case OP_LINKAT:
		r->type = op == OP_LINKAT ? EVENT_FILE_LINK : EVENT_FILE_SYMLINK;
		r->old_dfd = BPF_CORE_READ(link, old_dfd);
		r->dfd = BPF_CORE_READ(link, new_dfd);
		keep_name(r->old_name, BPF_CORE_READ(link, oldpath));
		keep_name(r->name, BPF_CORE_READ(link, newpath));
		return;
	}
}

static __always_inline int submitted(struct io_kiocb *req, enum program program)
{
	u32 op = req->opcode;
	u64 key = (u64)req, flags = req->flags;
	struct builder b = {};
	struct uring_request *r;

	if (op != OP_OPENAT && op != OP_OPENAT2 && (op < OP_RENAMEAT || op > OP_LINKAT))
		return 0;
	if (!scratch__own(&b))
		return 0;
	/* Behind all that a record and an introduction take: what is reported at once is read from there. */
	r = (void *)b.scratch->bytes + SCRATCH_SIZE + URING_SCRATCH;
	describe(r, req, op);
	if (!r->type || !is_enabled_on_B(r->type))
		return 0;
	if (flags & CQE_SKIP_SUCCESS || bpf_map_update_elem(&uring_requests, &key, r, BPF_ANY))
		report_names(&b, r, program);
	return 0;
}

/* The file that an open has put into the process's or the ring's table. */
static __always_inline struct file *opened(struct task_struct *task, struct io_kiocb *req, int result)
{
	struct io_open *open = (void *)req;
	u32 slot = BPF_CORE_READ(open, file_slot);
	struct io_ring_ctx *ring = BPF_CORE_READ(req, ctx);
	unsigned long pointer = 0;

	if (!slot)
		return descriptor__file(result);
	slot = slot == SLOT_ALLOCATED ? result : slot - 1;
	if (bpf_core_field_exists(ring->file_table.data)) {
		struct io_rsrc_node **nodes = BPF_CORE_READ(ring, file_table.data.nodes), *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node), nodes + slot);
		pointer = BPF_CORE_READ(node, file_ptr);
	} else {
		struct io_fixed_file *files = BPF_CORE_READ(ring, file_table.files);

		bpf_probe_read_kernel(&pointer, sizeof(pointer), files + slot);
	}
	return (struct file *)(pointer & FIXED_FILE_MASK);
}

/* A socket remembers where it was bound. */
static __noinline int bound(struct io_kiocb *req, enum program program)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = BPF_CORE_READ(req, file);
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	struct unix_sock *bound = (void *)sk;
	struct file_change *e;
	struct builder b = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX || !is_enabled_on_B(EVENT_FILE_CREATE))
		return 0;
	if (!BPF_CORE_READ(bound, path.dentry))
		return 0;
	TIMED(EVENT_FILE_CREATE);
	if (!scratch__own(&b)) {
		lose(EVENT_FILE_CREATE, task->tgid);
		return 0;
	}
	e = file__begin(&b, task, EVENT_FILE_CREATE);
	if (!e)
		return 0;
	file__inode(e, BPF_CORE_READ(bound, path.dentry, d_inode));
	path__append_at(&b, &e->path, &bound->path);
	file__emit(&b, e, EVENT_FILE_CREATE, program);
	return 0;
}

/* A function of its own, because of the stack that it needs. */
static __noinline int report_open(struct builder *b, struct file *file, enum program program)
{
	TIMED(EVENT_FILE_CREATE);
	file__report_open(b, bpf_get_current_task_btf(), file, program);
	return 0;
}

static __always_inline int completed(struct io_kiocb *req, int result, enum program program)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 key = (u64)req;
	struct uring_request *r = bpf_map_lookup_elem(&uring_requests, &key);
	struct builder b = {};

	if (!r) {
		if (!result && BPF_CORE_READ(req, opcode) == OP_BIND)
			bound(req, program);
		return 0;
	}
	if (result >= 0) {
		struct file *file = r->is_open ? opened(task, req, result) : NULL;

		if (file && !(BPF_CORE_READ(file, f_mode) & FMODE_CREATED))
			;
		else if (!scratch__own(&b))
			lose(r->type, task->tgid);
		else if (file)
			report_open(&b, file, program);
		else
			report_names(&b, r, program);
	}
	bpf_map_delete_elem(&uring_requests, &key);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(file_uring_submit, struct io_kiocb *req)
{
	return submitted(req, PROGRAM_file_uring_submit);
}

SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(file_uring_submit_sqe, struct io_kiocb *req)
{
	return submitted(req, PROGRAM_file_uring_submit_sqe);
}

/* The completion as one pointer (6.15), or as its members: only one of the two loads. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(file_uring_complete, struct io_ring_ctx *ring, struct io_kiocb *req, struct io_uring_cqe *completion)
{
	return req ? completed(req, completion->res, PROGRAM_file_uring_complete) : 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(file_uring_complete_res, struct io_ring_ctx *ring, struct io_kiocb *req, u64 user_data, int result)
{
	return req ? completed(req, result, PROGRAM_file_uring_complete_res) : 0;
}
