/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of files: who, which, and under which name. */
#ifndef AGENTSMITH_FILE_H
#define AGENTSMITH_FILE_H

#include "filter.h"
#include "opened.h"

#define AT_FDCWD -100

/* Both paths of the longest record, each with the name behind it, and the target of a link. */
_Static_assert(sizeof(struct file_change) + 2 * (PATH_ROOM + PATH_TEXT_MAX) + PATH_TEXT_MAX + 16 < SCRATCH_SIZE,
	       "the longest file record must fit into the scratch buffer");

/* A record in the scratch of `b`; NULL when the actor is one that nobody wants to see. */
static __always_inline struct file_change *file__begin(struct builder *b, struct task_struct *task, enum event_type type)
{
	struct file_change *e = (void *)b->scratch->bytes;
	enum decision decision;

	if (!attempt(type, task->tgid))
		return NULL;
	decision = filters ? filter__actor(type, task) : DECISION_OPEN;
	if (decision == DECISION_DROP) {
		admit(FILTERED, type);
		return NULL;
	}
	who__current(&e->who, task);
	/* An introduction is built in the same place, and begins with the same actor. */
	if (!who__is_known(&e->who))
		introduce(b, task);
	b->end = sizeof(*e);
	b->scratch->leaf_end = 0;
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = decision; /* until file__emit, which knows the path */
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	__builtin_memset(&e->inode, 0, sizeof(*e) - __builtin_offsetof(struct file_change, inode));
	return e;
}

static __always_inline void file__inode(struct file_change *e, struct inode *inode)
{
	e->inode = FIELD(inode, i_ino);
	e->mode = FIELD(inode, i_mode);
	e->owner = FIELD(inode, i_uid.val);
}

static __always_inline void file__emit(struct builder *b, struct file_change *e, enum event_type type,
				       enum program program)
{
	enum decision decision = e->header.sequence;
	u32 size = (b->end + 7) & ~7;

	/* Of what the caller wrote the real path is not known: rather too much is seen than too little. */
	if (e->flags & FILE_UNRESOLVED)
		decision = filters & FILTER_PATH ? DECISION_KEPT : decision;
	else
		decision = filter__path(decision, type, b, &e->path);
	if (!admit(admission_of(decision, type, e->header.time), type))
		return;
	e->header.sequence = next_sequence();
	__builtin_memset(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), 0, 8);
	header__fill(&e->header, type, program, size);
	emit(b->scratch->bytes, MASK(size, SCRATCH_SIZE - 1), type);
}

/*
 * The inode and the path of the scratch's file, in the record that is built there; returns where the record ends.
 * (shared.bpf.c)
 */
SHARED int file__put(u32 slot);

/* The record of a file that is open. */
static __always_inline void file__report_open(struct builder *b, struct task_struct *task, struct file *file,
					      enum program program)
{
	struct file_change *e = file__begin(b, task, EVENT_FILE_CREATE);

	if (!e)
		return;
	b->scratch->file = (u64)file;
	b->end = file__put(b->slot);
	file__emit(b, e, EVENT_FILE_CREATE, program);
}

/* The kernel began to look for `name` here: at the root, in a directory that is open, or in the working directory. */
__attribute__((unused)) static __noinline int file__base(struct builder *b, struct path_text *path, struct text *name, int dfd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_struct *fs = task->fs;
	struct file *file;

	if (name->length && b->scratch->bytes[MASK(name->offset, SCRATCH_SIZE - 1)] == '/') {
		path__append_at(b, path, &fs->root);
	} else if (dfd == AT_FDCWD) {
		path__append_at(b, path, &fs->pwd);
	} else {
		file = descriptor__file(dfd);
		path__append_at(b, path, &file->f_path);
	}
	return 0;
}

static __always_inline void file__keep(struct builder *b, struct text *t, long n)
{
	t->offset = b->end;
	t->length = 0;
	if (n > 1 && n <= PATH_TEXT_MAX) {
		t->length = n - 1;
		b->end += n - 1;
	}
}

/* A string of the caller, as it is by now. */
__attribute__((unused)) static __noinline int file__user_text(struct builder *b, struct text *t, u64 from)
{
	file__keep(b, t, bpf_probe_read_user_str(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), PATH_TEXT_MAX,
						 (void *)from));
	return 0;
}

__attribute__((unused)) static __noinline int file__kernel_text(struct builder *b, struct text *t, u64 from)
{
	file__keep(b, t, bpf_probe_read_kernel_str(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), PATH_TEXT_MAX,
						   (void *)from));
	return 0;
}

#endif
