// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.fork: a process was cloned. Not exported: user space copies what it knows of the parent to the child.
 *
 * Hook: tp_btf/sched_process_fork. A child that never execs must carry its executable, and at its exit the memory map
 * is already gone (before 6.16), so the last moment to learn it cheaply is its birth. Threads are passed over.
 * Kernels: 5.10 (tp_btf).
 */
#include "../lib/task.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *origin, struct task_struct *child)
{
	struct builder b = {};
	struct process_fork *e;
	struct reservation room;
	u64 cgroup;

	if (child->pid != child->tgid || (origin->flags & PF_KTHREAD))
		return 0;
	if (!is_known(origin) && (!scratch__own(&b) || !introduce(&b, origin)))
		return 0;
	if (!attempt(EVENT_PROCESS_FORK, origin->tgid))
		return 0;
	e = ring__reserve(&room, sizeof(*e), EVENT_PROCESS_FORK);
	if (!e)
		return 0;
	header__fill(&e->header, EVENT_PROCESS_FORK, PROGRAM_NONE, sizeof(*e));
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = 0;
	e->header.tid = child->pid;
	comm__copy(e->header.comm, child);
	/* On v1 it takes reads by helper here, and where it is that of the parent, the current task, none. */
	cgroup = memory_is_v1 && child->cgroups == origin->cgroups ? cgroup__current(origin) : who__cgroup(child);
	who__fill(&e->who, child, cgroup);
	e->origin_start = origin->group_leader->start_boottime;
	e->origin_exec_id = origin->self_exec_id;
	e->origin_pid = origin->tgid;
	e->unused = 0;
	ring__submit(&room, e);
	remember(child, child->self_exec_id);
	return 0;
}
