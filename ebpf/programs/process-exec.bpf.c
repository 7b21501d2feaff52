// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.exec: a program was started.
 *
 * Hook: tp_btf/sched_process_exec. It runs in the new image, after the point of no return: argv and environment were
 * copied by the kernel and no other thread is left to change them, so what is read here is what the program gets.
 * A hook on the system call sees pointers into memory that the caller can still rewrite, misses execveat, int 0x80 and
 * kernel_execve, and slows every other system call.
 * Kernels: 5.10 (tp_btf). Escapes: failed execs (there is no new image).
 */
#include "../lib/filter.h"
#include "../lib/credential.h"

/* A set-id file, or one with capabilities: told behind the exec, so that user space knows the image. */
static __always_inline void tell_credentials(struct task_struct *task)
{
#ifndef AGENTSMITH_LEGACY
	if (is_enabled(EVENT_PROCESS_CREDENTIAL_CHANGE))
		credentials__compare(PROGRAM_process_exec, task);
#endif
}

/* What TRACE_EVENT(sched_process_exec) hands over: include/trace/events/sched.h */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	u64 now = bpf_ktime_get_boot_ns();
	struct builder b = {};
	struct process_exec *e;
	const char *filename, *interp;
	/* When nobody wants exec events it is still the introduction of the new image. */
	bool wanted = is_enabled(EVENT_PROCESS_EXEC);
	enum event_type type = wanted ? EVENT_PROCESS_EXEC : EVENT_PROCESS;
	TIMED(type);

	if (!(wanted ? attempt_by(type, task, now) : attempt(type, task->tgid)) || !scratch__own(&b))
		return 0;
	e = (void *)b.scratch->bytes;
	b.end = sizeof(*e);
	e->header.time = now;
	e->header.sequence = wanted ? next_sequence() : 0;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
#ifdef AGENTSMITH_LEGACY
	image__fill(&b, e, task);
#else
	b.end = image__put(b.slot);
#endif
	e->argc = bprm->argc;
	filename = BPF_CORE_READ(bprm, filename);
	interp = BPF_CORE_READ(bprm, interp);
	if (filename != interp) {
		text__append(&b, &e->script, filename, PATH_TEXT_MAX);
		text__append(&b, &e->interpreter, interp, INTERPRETER_MAX);
	}
	/* When the record is lost `known` keeps the old image, and the next event introduces the new one. */
	if (!builder__emit(&b, &e->header, type, PROGRAM_process_exec))
		remember(task, e->who.exec_id);
	tell_credentials(task);
	return 0;
}
