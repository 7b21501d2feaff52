// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * process.namespace.change: a process went into other namespaces (setns), made new ones (unshare), or has a child that was
 * born into new ones (clone).
 *
 * Hooks: every tier, tp_btf/sched_process_fork: parent and child are there, and most children share the very object that
 * names the namespaces. unshare and setns, tier A: fentry and fexit on the functions of the system calls; the namespaces
 * before and after are compared, so neither a descriptor that another thread replaces nor a flag can lie. Tier B: the exit
 * of the calls; what they were before is gone by then, so it is told what changed by the argument that the kernel obeyed.
 * Failures are told on both, with what was asked for.
 * Kernels: 5.13; x86-64 on tier A. Escapes: on tier B a setns without a type, of which another thread replaces the
 * descriptor during the call, is told with the type of the new one.
 */
#include "../lib/filter.h"
#include "../lib/opened.h"
#include "../lib/syscall.h"
#include "../lib/target.h"

#define CLONE_NEWTIME 0x80
#define CLONE_NEWNS 0x20000
#define CLONE_NEWCGROUP 0x2000000
#define CLONE_NEWUTS 0x4000000
#define CLONE_NEWIPC 0x8000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

/* Threads that are inside unshare or setns at this moment. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, struct namespaces);
} namespace_calls SEC(".maps");

/* A kernel without the type has none of it. */
#define INUM(from, member, kind) (bpf_core_type_exists(struct kind) ? BPF_CORE_READ(from, member, ns.inum) : 0)

static __always_inline void read_namespaces(struct namespaces *n, struct task_struct *task)
{
	struct nsproxy *ns = BPF_CORE_READ(task, nsproxy);

	n->mnt = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	n->net = BPF_CORE_READ(ns, net_ns, ns.inum);
	n->uts = BPF_CORE_READ(ns, uts_ns, ns.inum);
	n->ipc = INUM(ns, ipc_ns, ipc_namespace);
	n->pid = BPF_CORE_READ(ns, pid_ns_for_children, ns.inum);
	n->cgroup = INUM(ns, cgroup_ns, cgroup_namespace);
	n->time = INUM(ns, time_ns_for_children, time_namespace);
	n->user = BPF_CORE_READ(task, cred, user_ns, ns.inum);
}

static __always_inline u32 difference(const struct namespaces *a, const struct namespaces *b)
{
	return (a->mnt != b->mnt) * NAMESPACE_MNT | (a->net != b->net) * NAMESPACE_NET |
	       (a->uts != b->uts) * NAMESPACE_UTS | (a->ipc != b->ipc) * NAMESPACE_IPC |
	       (a->pid != b->pid) * NAMESPACE_PID | (a->cgroup != b->cgroup) * NAMESPACE_CGROUP |
	       (a->time != b->time) * NAMESPACE_TIME | (a->user != b->user) * NAMESPACE_USER;
}

static __always_inline u32 types_of(u32 flags)
{
	return (flags & CLONE_NEWNS ? NAMESPACE_MNT : 0) | (flags & CLONE_NEWNET ? NAMESPACE_NET : 0) |
	       (flags & CLONE_NEWUTS ? NAMESPACE_UTS : 0) | (flags & CLONE_NEWIPC ? NAMESPACE_IPC : 0) |
	       (flags & CLONE_NEWPID ? NAMESPACE_PID : 0) | (flags & CLONE_NEWCGROUP ? NAMESPACE_CGROUP : 0) |
	       (flags & CLONE_NEWTIME ? NAMESPACE_TIME : 0) | (flags & CLONE_NEWUSER ? NAMESPACE_USER : 0);
}

struct change {
	u64 child_start;
	u32 child;
	u32 program;
	u32 call;                   /* enum namespace_call */
	u32 types;
	s32 result;
	struct namespaces now, before; /* 0 = not known */
};

/*
 * Global: verified once and not for each way that leads to it. Reserved, because the programs of tier A can be preempted.
 * User space knows the current task by then: to tell here would need more stack than 6.1 has.
 */
__noinline int process_namespace__report(struct change *change)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_namespace_change *e;
	struct reservation room;
	u64 sequence;

	if (!change || !attempt_by(EVENT_PROCESS_NAMESPACE_CHANGE, task, bpf_ktime_get_boot_ns()))
		return 0;
	sequence = next_sequence();
	e = ring__reserve(&room, sizeof(*e), EVENT_PROCESS_NAMESPACE_CHANGE);
	if (!e)
		return 0;
	header__fill(&e->header, EVENT_PROCESS_NAMESPACE_CHANGE, change->program, sizeof(*e));
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = sequence;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
	e->child = change->child;
	e->child_start = change->child_start;
	e->call = change->call;
	e->types = change->types;
	e->result = change->result;
	e->now = change->now;
	e->before = change->before;
	ring__submit(&room, e);
	return 0;
}

/* TRACE_EVENT(sched_process_fork): include/trace/events/sched.h */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_namespace_fork, struct task_struct *origin, struct task_struct *child)
{
	struct change change = {
		.program = PROGRAM_process_namespace_fork,
		.call = NAMESPACE_CLONE,
		.child = child->tgid,
		.child_start = child->start_boottime,
	};

	if (origin->nsproxy == child->nsproxy && origin->cred->user_ns == child->cred->user_ns)
		return 0;
	TIMED(EVENT_PROCESS_NAMESPACE_CHANGE);
	read_namespaces(&change.before, origin);
	read_namespaces(&change.now, child);
	change.types = difference(&change.before, &change.now);
	if (!change.types)
		return 0;
	introduce_current(bpf_get_current_task_btf());
	process_namespace__report(&change);
	return 0;
}

static __always_inline int begin(void)
{
	struct namespaces before;
	u64 thread = bpf_get_current_pid_tgid();

	read_namespaces(&before, bpf_get_current_task_btf());
	bpf_map_update_elem(&namespace_calls, &thread, &before, BPF_ANY);
	return 0;
}

/* The type of the namespace behind a descriptor; 0 when it is none. */
static __always_inline u32 type_of_descriptor(struct task_struct *task, u32 fd)
{
	struct inode *inode = BPF_CORE_READ(descriptor__file(fd), f_inode);
	struct ns_common *ns;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != NSFS_MAGIC)
		return 0;
	ns = BPF_CORE_READ(inode, i_private);
	if (bpf_core_field_exists(ns->ns_type))
		return BPF_CORE_READ(ns, ns_type);
	return BPF_CORE_READ(ns, ops, type);
}

static __always_inline int end(enum program program, u32 call, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 thread = bpf_get_current_pid_tgid();
	struct namespaces *noted = bpf_map_lookup_elem(&namespace_calls, &thread);
	u32 flags = call_argument(task, regs, call == CALL_UNSHARE ? 0 : 1);
	struct change change = {
		.program = program,
		.call = call == CALL_UNSHARE ? NAMESPACE_UNSHARE : NAMESPACE_SETNS,
		.result = ret < 0 ? ret : 0,
	};

	if (noted) {
		change.before = *noted;
		bpf_map_delete_elem(&namespace_calls, &thread);
	}
	if (call == CALL_SETNS && !flags)
		flags = type_of_descriptor(task, call_argument(task, regs, 0));
	change.types = types_of(flags);
	/* Of unshare most other flags are about descriptors and the working directory. */
	if (call == CALL_UNSHARE && !change.types)
		return 0;
	TIMED(EVENT_PROCESS_NAMESPACE_CHANGE);
	read_namespaces(&change.now, task);
	/* It may have gone into those that it was in. */
	if (ret >= 0 && noted && difference(&change.before, &change.now))
		change.types = difference(&change.before, &change.now);
	introduce_current(task);
	process_namespace__report(&change);
	return 0;
}

#define ON_CALL(name, function, call)                                    \
	SEC("fentry/" function)                                          \
	int BPF_PROG(name##_begin, struct pt_regs *regs)                 \
	{                                                                \
		return begin();                                          \
	}                                                                \
                                                                         \
	SEC("fexit/" function)                                           \
	int BPF_PROG(name, struct pt_regs *regs, long ret)               \
	{                                                                \
		return end(PROGRAM_##name, call, regs, ret);             \
	}

ON_CALL(process_unshare_native, "__x64_sys_unshare", CALL_UNSHARE)
ON_CALL(process_unshare_compat, "__ia32_sys_unshare", CALL_UNSHARE)
ON_CALL(process_setns_native, "__x64_sys_setns", CALL_SETNS)
ON_CALL(process_setns_compat, "__ia32_sys_setns", CALL_SETNS)

SEC("tp_btf/sys_exit")
int BPF_PROG(process_namespace_exit, struct pt_regs *regs, long ret)
{
	return end(PROGRAM_process_namespace_exit, call_of(regs), regs, ret);
}
