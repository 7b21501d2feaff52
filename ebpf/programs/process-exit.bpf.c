// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.exit: a whole process ended, told once, by its last thread.
 *
 * Hook: tp_btf/sched_process_exit, which fires for every thread; signal->live is 0 from the moment the last one is on
 * its way. Two threads that leave together can both see 0: when the group still counts more than one, the first to
 * enter the process into `exiting` tells. The leader may be gone long before (pthread_exit); its identity, which
 * group_leader still holds, is the process's.
 * Kernels: 5.10 (tp_btf). Escapes: nothing known.
 */
#include "../lib/filter.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);                   /* processes whose last threads are leaving at this moment */
	__type(key, struct process_key);
	__type(value, u32);
} exiting SEC(".maps");

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *leader = task->group_leader;
	struct process_key key = { .start = leader->start_boottime, .pid = task->tgid };
	struct known_process *known = NULL;
	struct known_set *set;
	struct builder b = {};
	struct process_exit *e;
	u32 one = 1;
	struct reservation room;
	u64 now, sequence;
	u32 way;

	if (signal->live.counter || (task->flags & PF_KTHREAD))
		return 0;
	way = known__way(key.pid, key.start);
	set = known__set(key.pid);
	if (set && way < KNOWN_WAYS)
		known = &set->ways[MASK(way, KNOWN_WAYS - 1)];
	/* The one that told may have been released since: then the other is alone, and finds what was written down. */
	if (signal->nr_threads > 1 ? bpf_map_update_elem(&exiting, &key, &one, BPF_NOEXIST) != 0
				   : known && known->image == KNOWN_ENDED)
		return 0;
	TIMED(EVENT_PROCESS_EXIT);
	now = bpf_ktime_get_boot_ns();
	if (!is_enabled(EVENT_PROCESS_EXIT) || !attempt_by(EVENT_PROCESS_EXIT, task, now))
		goto ended;
	/* From 6.16 on the memory map still stands here; before, only the fork or exec record could tell. */
	if (task->mm && (!known || known->image != (u32)task->self_exec_id + 1) && scratch__own(&b))
		introduce(&b, task);
	sequence = next_sequence();
	e = ring__reserve(&room, sizeof(*e), EVENT_PROCESS_EXIT);
	if (!e)
		goto ended;
	header__fill(&e->header, EVENT_PROCESS_EXIT, PROGRAM_process_exit, sizeof(*e));
	e->header.time = now;
	e->header.sequence = sequence;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
	/* wait(2) tells the group's code when one was set (exit_group, a signal), else the leader's own. */
	e->status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	e->unused = 0;
	ring__submit(&room, e);
ended:
	/* Unless another took the place meanwhile. */
	if (known && known->start == key.start && known->pid == key.pid)
		known->image = KNOWN_ENDED;
	else
		known__put(key.pid, key.start, KNOWN_ENDED);
	return 0;
}
