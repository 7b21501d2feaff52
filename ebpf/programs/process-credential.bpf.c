// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.credential.change: a process may do more than before: an id became root's, or it gained capabilities.
 *
 * By exec of a set-id file or of one with capabilities (every tier): tp_btf/task_rename fires in each exec right before
 * the new credentials are installed, so the old ones are noted there; process_exec, in the new image, compares.
 * By system call, tier A: fentry/commit_creds, which has old and new, and which exploits in the kernel call as well.
 * Tier B: the exit of set*id, capset, unshare and setns, where they are watched anyway; the old credentials are those of
 * the thread's birth, its exec or its last such call.
 * Kernels: 5.11 (current task as a typed pointer). Escapes: on tier B the first change of a thread that is older than the
 * agent and did not exec since; credentials that are overwritten in place; a child born into a user namespace (clone).
 */
#include "../lib/compat.h"
#include "../lib/credential.h"
#include "../lib/syscall.h"

/* TRACE_EVENT(task_rename): include/trace/events/task.h; prctl(PR_SET_NAME) comes by too, and does no harm */
SEC("tp_btf/task_rename")
int BPF_PROG(process_credential_rename, struct task_struct *task)
{
	struct credentials now;

	credentials__read(&now, task, task->cred);
	credentials__note(task, &now, credentials__noted(task));
	return 0;
}

/* Threads too: each has credentials of its own. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_credential_fork, struct task_struct *origin, struct task_struct *child)
{
	struct credentials born;

	credentials__read(&born, child, child->cred);
	/* A thread that was just born has no entry. */
	credentials__note(child, &born, NULL);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(process_credential_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();

	/* setfsuid and setfsgid give the old id. */
	if (ret >= 0) {
		introduce_current(task);
		credentials__compare(PROGRAM_process_credential_exit, task);
	}
	syscall_next(ctx, call_of(regs), SLOT_process_credential_exit);
	return 0;
}

SEC("fentry/commit_creds")
int BPF_PROG(process_credential_commit, struct cred *new)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct credentials *noted, old, now;
	const struct cred *cred = task->cred;

	if (task->flags & PF_KTHREAD)
		return 0;
	credentials__read(&old, task, cred);
	credentials__read(&now, task, new);
	if (!credentials__gained(&old, &now))
		return 0;
	/* In the middle of an exec its own program tells, when the image is known. */
	noted = credentials__noted(task);
	if (noted && noted->exec_id + 1 == now.exec_id)
		return 0;
	introduce_current(task);
	credentials__report(PROGRAM_process_credential_commit, task, new, &old, &now);
	return 0;
}
