/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who acts: struct who from a task, and the introduction of processes that user space does not know.
 *
 * `known` holds, for each process, the image (exec_id) that user space was told of. The first event of a process with
 * no entry, or with another image, is preceded by an EVENT_PROCESS record; the entry is set only when the ring took
 * it. That one rule covers children that never exec, processes older than the agent, lost exec records and entries
 * that were evicted on either side.
 */
#ifndef AGENTSMITH_TASK_H
#define AGENTSMITH_TASK_H

#include "known.h"
#include "object.h"
#include "path.h"

/*
 * On a host with v1 controllers every process is in the root of v2; there the memory hierarchy tells containers apart. On
 * v2 the memory css may belong to an ancestor, so it is asked only when user space has found it mounted as v1.
 */
u32 memory_is_v1 __weak = 0;

static __always_inline u64 who__cgroup(struct task_struct *task)
{
	struct css_set *set = CAST(task)->cgroups;

	if (memory_is_v1 && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		struct cgroup_subsys_state *css =
			(void *)WORD((void *)set + bpf_core_field_offset(struct css_set, subsys) + id * sizeof(css));
		struct cgroup *cgroup = FIELD(css, cgroup);
		struct kernfs_node *node = FIELD(cgroup, kn);

		return FIELD(node, id);
	}
	return set->dfl_cgrp->kn->id;
}

/* include/linux/proc_ns.h: what the first namespaces are numbered, since 3.8. Those of mounts and nets have others. */
#define PROC_UTS_INIT_INO 0xeffffffe
#define PROC_USER_INIT_INO 0xeffffffd
#define PROC_PID_INIT_INO 0xeffffffc

/*
 * The namespaces of the host, as the very first task has them (init_nsproxy, init_user_ns): they are never freed, so who has the
 * same pointers is in them, and nothing has to be followed into memory that is cold. From programs/host.bpf.c; 0 = not known.
 */
u64 host_nsproxy __weak = 0;
u64 host_user_ns __weak = 0;
u64 host_mnt_and_net __weak = 0;                /* their numbers, the net's in the upper half */

/* Word by word, as every read by helper costs what ten such loads do; `task` is one whose type the verifier knows. */
static __always_inline void comm__copy(char *to, struct task_struct *task)
{
	((u64 *)to)[0] = ((const u64 *)task->comm)[0];
	((u64 *)to)[1] = ((const u64 *)task->comm)[1];
}

/*
 * `task` is one that the verifier trusts: its own numbers are bare loads. Its pointers are cast before they are followed: then a
 * load looks at its address first (eight instructions), but to follow them as they are made all loading take 1.4 times as long.
 */
static __always_inline void who__fill(struct who *who, struct task_struct *task, u64 cgroup)
{
	struct task_struct *followed = CAST(task);
	struct task_struct *leader = followed->group_leader, *parent = followed->real_parent;
	struct signal_struct *signal = followed->signal;
	const struct cred *cred = followed->cred;
	struct nsproxy *ns = followed->nsproxy;
	const u64 *nodename = (const u64 *)ns->uts_ns->name.nodename;
	struct pid *pid = signal->pids[PIDTYPE_TGID];
	struct tty_struct *tty = signal->tty;
	u32 level = pid->level;
	u64 mnt_and_net = host_mnt_and_net;
	bool more = true;

	who->start = leader->start_boottime;
	who->parent_start = parent->group_leader->start_boottime;
	who->exec_id = task->self_exec_id;
	who->cgroup = cgroup;
	who->pid = task->tgid;
	who->parent_pid = parent->tgid;
	who->group_leader = signal->pids[PIDTYPE_PGID]->numbers[0].nr;
	who->session_leader = signal->pids[PIDTYPE_SID]->numbers[0].nr;
	if (level) {
		struct upid upid = {};

		/* Read, not followed: 6.1 refuses arithmetic with a variable on a typed pointer ("unbounded min value"). */
		pid = BPF_CORE_READ(signal, pids[PIDTYPE_TGID]);
		bpf_core_read(&upid, sizeof(upid), (void *)pid + bpf_core_field_offset(struct pid, numbers) +
							   level * bpf_core_type_size(struct upid));
		who->vpid = upid.nr;
		who->pid_ns = BPF_CORE_READ(upid.ns, ns.inum);
	} else {
		who->vpid = pid->numbers[0].nr;
		who->pid_ns = PROC_PID_INIT_INO;
	}
	who->uid = cred->uid.val;
	who->euid = cred->euid.val;
	who->suid = cred->suid.val;
	who->gid = cred->gid.val;
	who->egid = cred->egid.val;
	who->audit_session = ~0;
	who->login_uid = ~0;
	if (bpf_core_field_exists(task->sessionid)) {
		who->audit_session = task->sessionid;
		who->login_uid = task->loginuid.val;
	}
	who->tty = 0;
	if (tty)
		who->tty = (u32)tty->driver->major << 20 | (u32)(tty->driver->minor_start + tty->index);
	/* Who is about to end has none, which is not what is not known. */
	if (mnt_and_net && (u64)ns == host_nsproxy) {
		who->mnt_ns = mnt_and_net;
		who->net_ns = mnt_and_net >> 32;
		who->uts_ns = PROC_UTS_INIT_INO;
	} else {
		who->mnt_ns = ns->mnt_ns->ns.inum;
		who->net_ns = ns->net_ns->ns.inum;
		who->uts_ns = ns->uts_ns->ns.inum;
	}
	who->user_ns = PROC_USER_INIT_INO;
	if ((u64)cred->user_ns != host_user_ns)
		who->user_ns = cred->user_ns->ns.inum;
	/* Up to the word in which the name ends: behind it the kernel may still have bytes of a longer one. */
#pragma unroll
	for (u32 i = 0; i < sizeof(who->nodename) / 8; i++) {
		((u64 *)who->nodename)[i] = more ? nodename[i] : 0;
		more = more && !zero_bytes(((u64 *)who->nodename)[i]);
	}
}

/* Of the current task. (shared.bpf.c) */
SHARED u64 cgroup__id(void);
SHARED int who__put(struct who *who);

/* `task` is the current one. */
static __always_inline u64 cgroup__current(struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY
	return who__cgroup(task);
#else
	return cgroup__id();
#endif
}

/* `task` is the current one. */
static __always_inline void who__current(struct who *who, struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY /* 5.10 cannot ask for the current task */
	who__fill(who, task, who__cgroup(task));
#else
	who__put(who);
#endif
}

#define INTERPRETER_MAX 2048 /* binfmt_misc takes 1920, a script's first line 256 */

static __always_inline void remember(struct task_struct *task, u64 exec_id)
{
	known__put(task->tgid, task->group_leader->start_boottime, exec_id + 1);
}

static __always_inline bool known__has(struct task_struct *task)
{
	return known__image(task->tgid, task->group_leader->start_boottime) == (u32)task->self_exec_id + 1;
}

/* Whether user space knows the process that this tells of, so that a record about it can go out. */
static __always_inline bool who__is_known(const struct who *who)
{
	return known__image(who->pid, who->start) == (u32)who->exec_id + 1;
}

/* Of the current task. (shared.bpf.c) */
SHARED int known__current(void);

/* `task` is the current one. */
static __always_inline bool is_known(struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY
	return known__has(task);
#else
	return known__current();
#endif
}

/* Pads the record that was built in scratch and sends it. */
static __always_inline long builder__emit(struct builder *b, struct header *h, enum event_type type,
					  enum program program)
{
	u32 size = (b->end + 7) & ~7;

	__builtin_memset(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), 0, 8);
	header__fill(h, type, program, size);
	return emit(b->scratch->bytes, MASK(size, SCRATCH_SIZE - 1), type);
}

/*
 * Everything about the image that the current task runs, in the record that is built in the scratch of `slot`; returns where
 * the record ends. (shared.bpf.c)
 */
SHARED int image__put(u32 slot);

/* The two parts of an introduction, in the scratch of `slot`; not 0 when user space knows by now. (shared.bpf.c) */
SHARED int introduce__who(u32 slot);
SHARED int introduce__image(u32 slot);

#ifdef AGENTSMITH_LEGACY
#include "image.h"
#include "walk.h"
#endif

/* Tells user space what `task`, the current one, runs. True when it knows by now; what was in the scratch of `b` is gone. */
static __always_inline bool introduce(struct builder *b, struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY
	introduce__fill_who((void *)b->scratch->bytes, task);
	return introduce__fill_image(b, task);
#else
	return introduce__who(b->slot) && introduce__image(b->slot);
#endif
}

/* Tracepoint programs run with preemption off, so the first scratch buffers, one a CPU, are theirs. */
static __always_inline bool scratch__own(struct builder *b)
{
	b->slot = bpf_get_smp_processor_id();
	b->scratch = bpf_map_lookup_elem(&scratches, &b->slot);
	return b->scratch;
}

#ifndef AGENTSMITH_LEGACY
/*
 * Cgroup and fentry programs can be preempted by each other, so they borrow one of the buffers behind those. As many
 * as CPUs, at least four; who finds four taken in a row was preempted together with three others on its CPU.
 */
#define SCRATCH_TRIES 4
static __always_inline bool scratch__borrow(struct builder *b)
{
	u32 shared = possible_cpus < SCRATCH_TRIES ? SCRATCH_TRIES : possible_cpus;
	u32 first = bpf_get_smp_processor_id();

	for (u32 i = 0; i < SCRATCH_TRIES; i++) {
		b->slot = possible_cpus + (first + i) % shared;
		b->scratch = bpf_map_lookup_elem(&scratches, &b->slot);
		if (b->scratch && !__sync_val_compare_and_swap(&b->scratch->busy, 0, 1))
			return true;
	}
	return false;
}

static __always_inline void scratch__return(struct builder *b)
{
	b->scratch->busy = 0;
}

/* For programs that can be preempted and build no record in scratch: the actor is told before its event. */
static __always_inline void introduce_now(struct task_struct *task)
{
	struct builder b = {};

	/* Without a buffer the next event introduces. */
	if (!scratch__borrow(&b))
		return;
	introduce(&b, task);
	scratch__return(&b);
}

static __always_inline void introduce_current(struct task_struct *task)
{
	if (!is_known(task))
		introduce_now(task);
}
#endif

#endif
