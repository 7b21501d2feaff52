// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel.module.load: a module was loaded, or somebody tried to. What the kernel loads by itself is done by modprobe,
 * which it starts, and is told as modprobe's act.
 *
 * Hooks: the end of init_module and finit_module, because the result of a load is known nowhere earlier and refusals are
 * told too (EPERM, ENOKEY, ENOEXEC, ENOSYS): fexit on the functions of the system calls on tier A, sys_exit on tier B.
 * tp_btf/module_load in between knows the name, the taints and the signature; load_module ends when these are freed.
 * On tier A fentry/security_kernel_read_file sees which file the kernel reads: a caller that has meanwhile put another
 * one behind the descriptor gets no path. No other file is read for anything that is told.
 * Kernels: 5.13; x86-64 on tier A. Escapes: on tier B a descriptor that was replaced during the call shows its new file;
 * from 6.5 on who loads a file that is just being loaded gets the other's result and has no name.
 */
#include "../lib/act.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"

struct module_load {
	struct inode *inode;        /* of the file that the kernel read */
	u64 taints;
	u32 flags;
	u32 unused;
	char name[56];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);                     /* loads that run at this moment; by thread */
	__type(key, struct process_key);
	__type(value, struct module_load);
} module_loads SEC(".maps");

static __always_inline struct process_key thread_key(struct task_struct *task)
{
	return (struct process_key){ .start = task->start_boottime, .pid = task->pid };
}

static __always_inline int on_call(enum program program, enum where where, struct pt_regs *regs, long ret, u32 call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_key key = thread_key(task);
	struct module_load *load = bpf_map_lookup_elem(&module_loads, &key);
	struct builder b = {};
	struct kernel_module_load *e;
	struct path_text *path;
	struct file *file = NULL;
	TIMED(EVENT_KERNEL_MODULE_LOAD);

	if (act__begin(&b, where, EVENT_KERNEL_MODULE_LOAD, sizeof(*e), task)) {
		e = (void *)b.scratch->bytes;
		path = &e->file;
		e->result = ret < 0 ? ret : 0;
		e->flags = 0;
		e->taints = 0;
		e->unused = 0;
		if (call == CALL_INIT_MODULE)
			e->flags = MODULE_FROM_MEMORY;
		else
			file = descriptor__file(call_argument(task, regs, 0));
		if (load && load->flags & MODULE_KNOWN) {
			e->flags |= load->flags;
			e->taints = load->taints;
			__builtin_memcpy(e->name, load->name, sizeof(e->name));
		}
		if (load && load->inode && load->inode != BPF_CORE_READ(file, f_inode))
			file = NULL;
		path__append_at(&b, path, &file->f_path);
		act__send(&b, where, EVENT_KERNEL_MODULE_LOAD, program);
	}
	bpf_map_delete_elem(&module_loads, &key);
	return 0;
}

#define ON_CALL(name, function, call)                                              \
	SEC("fexit/" function)                                                     \
	int BPF_PROG(name, struct pt_regs *regs, long ret)                         \
	{                                                                          \
		return on_call(PROGRAM_##name, IN_TRAMPOLINE, regs, ret, call);    \
	}

ON_CALL(kernel_module_init_native, "__x64_sys_init_module", CALL_INIT_MODULE)
ON_CALL(kernel_module_init_compat, "__ia32_sys_init_module", CALL_INIT_MODULE)
ON_CALL(kernel_module_finit_native, "__x64_sys_finit_module", CALL_FINIT_MODULE)
ON_CALL(kernel_module_finit_compat, "__ia32_sys_finit_module", CALL_FINIT_MODULE)

SEC("tp_btf/sys_exit")
int BPF_PROG(kernel_module_exit, struct pt_regs *regs, long ret)
{
	return on_call(PROGRAM_kernel_module_exit, IN_TRACEPOINT, regs, ret,
		       call_of(regs));
}

SEC("fentry/security_kernel_read_file")
int BPF_PROG(kernel_module_file, struct file *file, enum kernel_read_file_id id)
{
	struct process_key key = thread_key(bpf_get_current_task_btf());
	struct module_load load = { .inode = file->f_inode };

	if (id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE))
		bpf_map_update_elem(&module_loads, &key, &load, BPF_ANY);
	return 0;
}

/* TRACE_EVENT(module_load): include/trace/events/module.h */
SEC("tp_btf/module_load")
int BPF_PROG(kernel_module_named, struct module *module)
{
	struct process_key key = thread_key(bpf_get_current_task_btf());
	struct module_load *known = bpf_map_lookup_elem(&module_loads, &key);
	struct module_load load = { .inode = known ? known->inode : NULL, .flags = MODULE_KNOWN };

	load.taints = module->taints;
	/* Without CONFIG_MODULE_SIG nobody looks for a signature. */
	if (bpf_core_field_exists(module->sig_ok) && module->sig_ok)
		load.flags |= MODULE_SIGNED;
	bpf_core_read_str(load.name, sizeof(load.name), &module->name);
	bpf_map_update_elem(&module_loads, &key, &load, BPF_ANY);
	return 0;
}
