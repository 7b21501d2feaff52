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

#include "environment.h"
#include "path.h"

struct process_key {
	u64 start;
	u32 pid;
	u32 unused;
};

/* Twice what user space keeps, so that the kernel forgets only what user space forgot before. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct process_key);
	__type(value, u64);                          /* exec_id + 1 */
} known SEC(".maps") __weak;

/*
 * On a host with v1 controllers every process is in the root of v2; there the memory hierarchy tells containers apart. On
 * v2 the memory css may belong to an ancestor, so it is asked only when user space has found it mounted as v1.
 */
u32 memory_is_v1 __weak = 0;

static __always_inline u64 who__cgroup(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);

	if (memory_is_v1 && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		struct cgroup_subsys_state *css = NULL;

		bpf_core_read(&css, sizeof(css), (void *)set + bpf_core_field_offset(struct css_set, subsys) + id * 8);
		return BPF_CORE_READ(css, cgroup, kn, id);
	}
	return BPF_CORE_READ(set, dfl_cgrp, kn, id);
}

static __always_inline void who__fill(struct who *who, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader, *parent = task->real_parent;
	struct signal_struct *signal = task->signal;
	const struct cred *cred = task->cred;
	struct nsproxy *ns = task->nsproxy;
	/* Read, not followed: 6.1 refuses arithmetic with a variable on a typed pointer ("unbounded min value"). */
	struct pid *pid = BPF_CORE_READ(signal, pids[PIDTYPE_TGID]);
	struct tty_struct *tty = signal->tty;
	u32 level = BPF_CORE_READ(pid, level);
	struct upid upid = {};

	who->start = leader->start_boottime;
	who->parent_start = parent->group_leader->start_boottime;
	who->exec_id = task->self_exec_id;
	who->cgroup = who__cgroup(task);
	who->pid = task->tgid;
	who->parent_pid = parent->tgid;
	who->group_leader = signal->pids[PIDTYPE_PGID]->numbers[0].nr;
	who->session_leader = signal->pids[PIDTYPE_SID]->numbers[0].nr;
	bpf_core_read(&upid, sizeof(upid),
		      (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
	who->vpid = upid.nr;
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
	who->pid_ns = BPF_CORE_READ(upid.ns, ns.inum);
	who->mnt_ns = ns->mnt_ns->ns.inum;
	who->net_ns = ns->net_ns->ns.inum;
	who->uts_ns = ns->uts_ns->ns.inum;
	who->user_ns = cred->user_ns->ns.inum;
	bpf_core_read(who->nodename, sizeof(who->nodename), &ns->uts_ns->name.nodename);
}

#ifndef AGENTSMITH_LEGACY
/*
 * Global, like other functions here that many ways lead to: the verifier walks them once a program. For each pointer that
 * it follows from a task it searches the kernel's BTF for four names, from 6.3 on (btf_nested_type_is_trusted): that was
 * two thirds of the time that loading took.
 */
__weak __noinline int who__put(struct who *who)
{
	if (who)
		who__fill(who, bpf_get_current_task_btf());
	return 0;
}
#endif

/* `task` is the current one. */
static __always_inline void who__current(struct who *who, struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY /* 5.10 cannot ask for the current task */
	who__fill(who, task);
#else
	who__put(who);
#endif
}

static __always_inline void stdio__fill(struct builder *b, struct stdio *out, struct file *file)
{
	struct inode *inode;

	out->mode = 0;
	out->inode = 0;
	out->path.offset = out->path.length = 0;
	if (!file)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	out->mode = BPF_CORE_READ(inode, i_mode);
	out->inode = BPF_CORE_READ(inode, i_ino);
	path__append(b, &out->path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
}

static __always_inline struct file *task__file(struct task_struct *task, u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

#define INTERPRETER_MAX 2048 /* binfmt_misc takes 1920, a script's first line 256 */

/* An offset that passed the end would wrap onto the header: whoever sets every text must not reach it. */
_Static_assert(sizeof(struct process_exec) + 5 * PATH_ROOM + ARGV_MAX + ENVIRONMENT_ROOM + PATH_TEXT_MAX +
		       INTERPRETER_MAX + 16 < SCRATCH_SIZE,
	       "the longest exec record must fit into the scratch buffer");

/* Everything about the image that `task`, the current one, runs. */
static __always_inline void image__fill(struct builder *b, struct process_exec *e, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct file *file = BPF_CORE_READ(mm, exe_file);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct path_text *path = &e->executable;
	unsigned long arg_start = mm->arg_start;
	u64 arg_size = mm->arg_end - arg_start;

	e->flags = 0;
	e->argc = 0;
	e->script.length = e->script.offset = 0;
	e->interpreter.length = e->interpreter.offset = 0;
	e->inode = BPF_CORE_READ(inode, i_ino);
	e->device = BPF_CORE_READ(inode, i_sb, s_dev);
	path__append(b, path, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt));
	if (file && !BPF_CORE_READ(inode, i_nlink)) {
		/* A memfd is its own parent; a deleted file still hangs in its directory. */
		struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

		e->flags |= dentry == BPF_CORE_READ(dentry, d_parent) ? EXEC_MEMFD : EXEC_DELETED;
	}
	path__append(b, &e->cwd, BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt));
	e->argv_size = arg_size;
	if (!text__append_user(b, &e->argv, arg_start, arg_size) || arg_size > ARGV_MAX)
		e->flags |= EXEC_ARGV_TRUNCATED;
	environment__append(b, e, mm);
	stdio__fill(b, &e->stdin, task__file(task, 0));
	stdio__fill(b, &e->stdout, task__file(task, 1));
	stdio__fill(b, &e->stderr, task__file(task, 2));
}

static __always_inline void remember(struct task_struct *task, u64 image)
{
	struct process_key key = { .start = task->group_leader->start_boottime, .pid = task->tgid };

	u64 *found = bpf_map_lookup_elem(&known, &key);

	/* In place: an update of an LRU map takes a new entry and frees the old one, 0.4 us of an exec. */
	if (found)
		*found = image;
	else
		bpf_map_update_elem(&known, &key, &image, BPF_ANY);
}

static __always_inline bool is_known(struct task_struct *task)
{
	struct process_key key = { .start = task->group_leader->start_boottime, .pid = task->tgid };
	u64 *image = bpf_map_lookup_elem(&known, &key);

	return image && *image == task->self_exec_id + 1;
}

/* Pads the record that was built in scratch and sends it. */
static __always_inline long builder__emit(struct builder *b, struct header *h, enum event_type type,
					  enum program program)
{
	u32 size = (b->end + 7) & ~7;

	__builtin_memset(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), 0, 8);
	header__fill(h, type, program, size);
	return emit(b->scratch->bytes, MASK(size, SCRATCH_SIZE - 1), type, RESERVED >> type & 1);
}

static __always_inline void introduce__fill_who(struct process_exec *e, struct task_struct *task)
{
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = 0;
	e->header.tid = task->pid;
	bpf_core_read(e->header.comm, sizeof(e->header.comm), &task->comm);
	who__current(&e->who, task);
}

/* Not 0 when user space knows by now. */
static __always_inline int introduce__fill_image(struct builder *b, struct task_struct *task)
{
	struct process_exec *e = (void *)b->scratch->bytes;

	if (!task->mm || !attempt(EVENT_PROCESS, task->tgid))
		return 0;
	b->end = sizeof(*e);
	image__fill(b, e, task);
	if (builder__emit(b, &e->header, EVENT_PROCESS, PROGRAM_NONE))
		return 0;
	remember(task, e->who.exec_id + 1);
	return 1;
}

#ifndef AGENTSMITH_LEGACY
/*
 * The two parts of an introduction, in the scratch of `slot`. Global, because they are verified once a program then, and
 * not once for each way that leads to them: they are larger than what most programs do themselves. Two, because there
 * are 512 bytes of stack for all functions that call each other.
 */
__weak __noinline int introduce__who(u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (scratch)
		introduce__fill_who((void *)scratch->bytes, bpf_get_current_task_btf());
	return scratch != NULL;
}

__weak __noinline int introduce__image(u32 slot)
{
	struct builder b = { .slot = slot, .scratch = bpf_map_lookup_elem(&scratches, &slot) };

	return b.scratch ? introduce__fill_image(&b, bpf_get_current_task_btf()) : 0;
}
#endif

/* Tells user space what `task`, the current one, runs. True when it knows by now; what was in the scratch of `b` is gone. */
static __always_inline bool introduce(struct builder *b, struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY /* 5.10 cannot ask for the current task */
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
static __always_inline void introduce_current(struct task_struct *task)
{
	struct builder b = {};

	/* Without a buffer the next event introduces. */
	if (is_known(task) || !scratch__borrow(&b))
		return;
	introduce(&b, task);
	scratch__return(&b);
}
#endif

#endif
