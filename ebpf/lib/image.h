/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything about the image that a process runs. */
#ifndef AGENTSMITH_IMAGE_H
#define AGENTSMITH_IMAGE_H

#include "environment.h"
#include "object.h"
#include "task.h"

/* An offset that passed the end would wrap onto the header: whoever sets every text must not reach it. */
_Static_assert(sizeof(struct process_exec) + 5 * PATH_ROOM + ARGV_MAX + ENVIRONMENT_ROOM + PATH_TEXT_MAX +
		       INTERPRETER_MAX + 16 < SCRATCH_SIZE,
	       "the longest exec record must fit into the scratch buffer");

/* Once more the text of a path: no two texts of a record may lie on each other. */
static __always_inline void path__again(struct builder *b, struct path_text *t, const struct path_text *before)
{
	u8 *bytes = b->scratch->bytes;

	t->offset = b->end;
	t->length = before->length;
	bpf_probe_read_kernel(bytes + MASK(b->end, SCRATCH_SIZE - 1), MASK(before->length, 2 * PATH_TEXT_MAX - 1),
			      bytes + MASK(before->offset, SCRATCH_SIZE - 1));
	b->end += t->length;
}

/* `before` is the descriptor before it, which often is the same file. */
static __always_inline void stdio__fill(struct builder *b, struct stdio *out, struct file *file,
					const struct stdio *before, const struct file *file_before)
{
	struct inode *inode;

	if (file && file == file_before) {
		out->mode = before->mode;
		out->inode = before->inode;
		path__again(b, &out->path, &before->path);
		return;
	}
	out->mode = 0;
	out->inode = 0;
	out->path.offset = out->path.length = 0;
	if (!file)
		return;
	inode = FIELD(file, f_inode);
	out->mode = FIELD(inode, i_mode);
	out->inode = FIELD(inode, i_ino);
	path__append(b, &out->path, FIELD(file, f_path.dentry), FIELD(file, f_path.mnt));
}

/* `task` is the current one. */
static __always_inline void image__fill(struct builder *b, struct process_exec *e, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct fs_struct *fs = task->fs;
	struct file *file = mm->exe_file, *files[3];
	struct inode *inode = file->f_inode;
	unsigned long arg_start = mm->arg_start;
	u64 arg_size = mm->arg_end - arg_start;

	e->flags = 0;
	e->argc = 0;
	e->script.length = e->script.offset = 0;
	e->interpreter.length = e->interpreter.offset = 0;
	e->inode = inode->i_ino;
	e->device = inode->i_sb->s_dev;
	if (file && !inode->i_nlink) /* A memfd is its own parent; a deleted file still hangs in its directory. */
		e->flags |= file->f_path.dentry == file->f_path.dentry->d_parent ? EXEC_MEMFD : EXEC_DELETED;
	path__append(b, &e->executable, file->f_path.dentry, file->f_path.mnt);
	path__append(b, &e->cwd, fs->pwd.dentry, fs->pwd.mnt);
	e->argv_size = arg_size;
	if (!text__append_user(b, &e->argv, arg_start, arg_size) || arg_size > ARGV_MAX)
		e->flags |= EXEC_ARGV_TRUNCATED;
	environment__append(b, e, mm->env_start, mm->env_end);
	/* Every table has room for more than three (NR_OPEN_DEFAULT). */
	bpf_probe_read_kernel(files, sizeof(files), task->files->fdt->fd);
	stdio__fill(b, &e->stdin, files[0], NULL, NULL);
	stdio__fill(b, &e->stdout, files[1], &e->stdin, files[0]);
	stdio__fill(b, &e->stderr, files[2], &e->stdout, files[1]);
}

static __always_inline void introduce__fill_who(struct process_exec *e, struct task_struct *task)
{
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = 0;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
}

/* Not 0 when user space knows by now. */
static __always_inline int introduce__fill_image(struct builder *b, struct task_struct *task)
{
	struct process_exec *e = (void *)b->scratch->bytes;

	if (!task->mm || !attempt(EVENT_PROCESS, task->tgid))
		return 0;
#ifdef AGENTSMITH_LEGACY
	b->end = sizeof(*e);
	image__fill(b, e, task);
#else
	b->end = image__put(b->slot);
#endif
	if (builder__emit(b, &e->header, EVENT_PROCESS, PROGRAM_NONE))
		return 0;
	remember(task, e->who.exec_id);
	return 1;
}

#endif
