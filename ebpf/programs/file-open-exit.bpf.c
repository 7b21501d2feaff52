// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.create, tier B: an open that made its file.
 *
 * Hook: the exit of open, openat, openat2 and creat (lib/syscall.h). The descriptor leads to the file, and FMODE_CREATED
 * says whether this open made it; most opens do not ask for that (O_CREAT), which the saved registers tell first: only for
 * the others syscall-exit.bpf.c comes here.
 * When another thread has closed the descriptor by then, nobody can say whether the file was there before: it is reported
 * as unresolved, with the caller's path. openat2 keeps its flags in memory that the caller may change: there a descriptor
 * that is gone is reported whatever was asked for.
 * Kernels: 5.13. Escapes: another thread replaces the descriptor (dup2) by an older file before the call returns; an open
 * that made its file and failed all the same. io_uring is left to file-uring.
 */
#include "../lib/file.h"
#include "../lib/syscall.h"

static __always_inline void report_unresolved(struct builder *b, struct task_struct *task, const struct pt_regs *regs,
					      u32 call)
{
	struct file_change *e = file__begin(b, task, EVENT_FILE_CREATE);
	bool at = call == CALL_OPENAT || call == CALL_OPENAT2;
	u64 first = call_argument(task, regs, 0), second = call_argument(task, regs, 1);

	if (!e)
		return;
	e->flags = FILE_UNRESOLVED;
	file__user_text(b, &e->name, at ? second : first);
	file__base(b, &e->path, &e->name, at ? first : AT_FDCWD);
	file__emit(b, e, EVENT_FILE_CREATE, PROGRAM_file_open_exit);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(file_open_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct builder b = {};
	struct file *file;

	if (!is_enabled_on_B(EVENT_FILE_CREATE))
		return 0;
	TIMED(EVENT_FILE_CREATE);
	if (!scratch__own(&b)) {
		lose(EVENT_FILE_CREATE, task->tgid);
		return 0;
	}
	file = (struct file *)b.scratch->file;
	if (file)
		file__report_open(&b, task, file, PROGRAM_file_open_exit);
	else
		report_unresolved(&b, task, regs, call_of(regs));
	return 0;
}
