// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.create, tier A: an open that made its file.
 *
 * Hook: fentry/security_file_open. Every open comes by here, whoever asks for it (open(2) in all its forms, int 0x80,
 * io_uring with ordinary and direct descriptors), after the file was made: FMODE_CREATED says whether this open made it.
 * Not lsm/file_open: BPF programs run there only where the kernel was started with "bpf" among its security modules.
 * Kernels: 5.13, with BPF trampolines. Escapes: a file that was made by an open that then failed before this hook.
 */
#include "../lib/file.h"

SEC("fentry/security_file_open")
int BPF_PROG(file_open, struct file *file)
{
	struct task_struct *task;
	struct builder b = {};

	if (!(file->f_mode & FMODE_CREATED) || !is_enabled_on_A(EVENT_FILE_CREATE))
		return 0;
	TIMED(EVENT_FILE_CREATE);
	task = bpf_get_current_task_btf();
	if (!scratch__borrow(&b)) {
		lose(EVENT_FILE_CREATE, task->tgid);
		return 0;
	}
	file__report_open(&b, task, file, PROGRAM_file_open);
	scratch__return(&b);
	return 0;
}
