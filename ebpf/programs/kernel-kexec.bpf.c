// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel.kexec.load: another kernel was loaded beside the running one, or somebody tried to: it runs next, without the
 * firmware's checks, and this one ends without a word.
 *
 * Hooks: the end of kexec_load and kexec_file_load, as for modules: fexit on the functions of the system calls on tier A,
 * sys_exit on tier B. Nothing deeper has the result of both. What is told are register arguments and descriptors; the
 * command line lies in the caller's memory.
 * Kernels: 5.13; x86-64 on tier A. Escapes: a descriptor that another thread replaces during the call shows its new file.
 */
#include "../lib/act.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"

/* include/uapi/linux/kexec.h */
#define KEXEC_LOAD_ON_CRASH 1
#define KEXEC_FILE_UNLOAD 1
#define KEXEC_FILE_ON_CRASH 2
#define KEXEC_FILE_NO_INITRAMFS 4

static __always_inline void put_file(struct builder *b, struct path_text *path, struct file *file)
{
	path__append_at(b, path, &file->f_path);
}

static __always_inline int on_call(enum program program, enum where where, u32 call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct builder b = {};
	struct kernel_kexec_load *e;
	u32 flags;

	TIMED(EVENT_KERNEL_KEXEC_LOAD);
	if (!act__begin(&b, where, EVENT_KERNEL_KEXEC_LOAD, sizeof(*e), task))
		return 0;
	e = (void *)b.scratch->bytes;
	e->result = ret < 0 ? ret : 0;
	e->file.offset = e->file.length = e->initrd.offset = e->initrd.length = 0;
	if (call == CALL_KEXEC_LOAD) {
		flags = call_argument(task, regs, 3);
		/* Without a segment it forgets what was loaded. */
		e->flags = KEXEC_FROM_MEMORY | (flags & KEXEC_LOAD_ON_CRASH ? KEXEC_ON_CRASH : 0) |
			   (call_argument(task, regs, 1) ? 0 : KEXEC_UNLOAD);
	} else {
		flags = call_argument(task, regs, 4);
		e->flags = (flags & KEXEC_FILE_ON_CRASH ? KEXEC_ON_CRASH : 0) |
			   (flags & KEXEC_FILE_UNLOAD ? KEXEC_UNLOAD : 0);
		if (!(flags & KEXEC_FILE_UNLOAD)) {
			put_file(&b, &e->file, descriptor__file(call_argument(task, regs, 0)));
			if (!(flags & KEXEC_FILE_NO_INITRAMFS))
				put_file(&b, &e->initrd, descriptor__file(call_argument(task, regs, 1)));
		}
	}
	act__send(&b, where, EVENT_KERNEL_KEXEC_LOAD, program);
	return 0;
}

#define ON_CALL(name, function, call)                                              \
	SEC("fexit/" function)                                                     \
	int BPF_PROG(name, struct pt_regs *regs, long ret)                         \
	{                                                                          \
		return on_call(PROGRAM_##name, IN_TRAMPOLINE, call, regs, ret);    \
	}

ON_CALL(kernel_kexec_native, "__x64_sys_kexec_load", CALL_KEXEC_LOAD)
ON_CALL(kernel_kexec_compat, "__ia32_compat_sys_kexec_load", CALL_KEXEC_LOAD)
ON_CALL(kernel_kexec_file_native, "__x64_sys_kexec_file_load", CALL_KEXEC_FILE_LOAD)

SEC("tp_btf/sys_exit")
int BPF_PROG(kernel_kexec_exit, struct pt_regs *regs, long ret)
{
	return on_call(PROGRAM_kernel_kexec_exit, IN_TRACEPOINT, call_of(regs), regs, ret);
}
