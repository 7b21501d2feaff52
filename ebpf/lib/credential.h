/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a task may do, what it could do before, and the record that tells of a gain. */
#ifndef AGENTSMITH_CREDENTIAL_H
#define AGENTSMITH_CREDENTIAL_H

#include "filter.h"

struct credentials {
	u64 permitted;
	u64 effective;
	u64 exec_id;                /* of the task when this was noted */
	u32 uid;
	u32 euid;
	u32 suid;
	u32 egid;
	u32 user_ns;
	u32 unused;
};

/*
 * Credentials that a thread had when it was last looked at, by {its own pid, start}: after a system call or an exec the
 * old ones are gone. Whoever can gain nothing more has no entry, which keeps root's processes out of it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);                  /* threads that are not root's; who is evicted is known again at its next exec */
	__type(key, struct process_key);
	__type(value, struct credentials);
} noted_credentials SEC(".maps") __weak;

/* CAP_CHOWN to CAP_CHECKPOINT_RESTORE (5.9): who has these has all that matter. */
#define ALL_CAPABILITIES ((1ull << 41) - 1)

static __always_inline void credentials__read(struct credentials *c, struct task_struct *task, const struct cred *cred)
{
	c->uid = cred->uid.val;
	c->euid = cred->euid.val;
	c->suid = cred->suid.val;
	c->egid = cred->egid.val;
	c->user_ns = cred->user_ns->ns.inum;
	c->permitted = *(const u64 *)&cred->cap_permitted;
	c->effective = *(const u64 *)&cred->cap_effective;
	c->exec_id = task->self_exec_id;
	c->unused = 0;
}

static __always_inline struct process_key credentials__key(struct task_struct *task)
{
	struct process_key key = {
		.start = task->start_boottime,
		.pid = task->pid,
	};

	return key;
}

/*
 * `noted` is the thread's entry so far, NULL when it has none. Written in place, as an update of an LRU map takes another
 * entry and frees this one; to delete what is not there takes twice what looking takes.
 */
static __always_inline void credentials__note(struct task_struct *task, const struct credentials *c,
					      struct credentials *noted)
{
	struct process_key key = credentials__key(task);

	if (!(c->uid | c->euid | c->suid) && (c->effective & ALL_CAPABILITIES) == ALL_CAPABILITIES) {
		if (noted)
			bpf_map_delete_elem(&noted_credentials, &key);
	} else if (noted) {
		*noted = *c;
	} else {
		bpf_map_update_elem(&noted_credentials, &key, c, BPF_ANY);
	}
}

static __always_inline struct credentials *credentials__noted(struct task_struct *task)
{
	struct process_key key = credentials__key(task);

	return bpf_map_lookup_elem(&noted_credentials, &key);
}

/* An id that became root's, or a capability that was not there. */
static __always_inline bool credentials__gained(const struct credentials *old, const struct credentials *now)
{
	return (old->uid && !now->uid) || (old->euid && !now->euid) || (old->suid && !now->suid) ||
	       (now->permitted & ~old->permitted) || (now->effective & ~old->effective);
}

/* `task` is the current one, and user space knows it. Reserved: commit_creds can be preempted. */
static __always_inline void credentials__report(enum program program, struct task_struct *task, const struct cred *cred,
						const struct credentials *old, const struct credentials *now)
{
	struct process_credential_change *e;
	struct reservation room;
	u64 sequence;
	TIMED(EVENT_PROCESS_CREDENTIAL_CHANGE);

	if (!attempt_by(EVENT_PROCESS_CREDENTIAL_CHANGE, task, bpf_ktime_get_boot_ns()))
		return;
	sequence = next_sequence();
	e = ring__reserve(&room, sizeof(*e), EVENT_PROCESS_CREDENTIAL_CHANGE);
	if (!e)
		return;
	header__fill(&e->header, EVENT_PROCESS_CREDENTIAL_CHANGE, program, sizeof(*e));
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = sequence;
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
	e->who.uid = now->uid;
	e->who.euid = now->euid;
	e->who.suid = now->suid;
	e->who.gid = BPF_CORE_READ(cred, gid.val);
	e->who.egid = now->egid;
	e->who.user_ns = now->user_ns;
	e->permitted = now->permitted;
	e->effective = now->effective;
	e->old_permitted = old->permitted;
	e->old_effective = old->effective;
	e->old_uid = old->uid;
	e->old_euid = old->euid;
	e->old_suid = old->suid;
	e->old_egid = old->egid;
	e->old_user_ns = old->user_ns;
	e->unused = 0;
	ring__submit(&room, e);
}

/* At the end of a call or an exec: what was noted is old by now. */
static __always_inline void credentials__compare(enum program program, struct task_struct *task)
{
	struct credentials *old = credentials__noted(task), now;
	const struct cred *cred = task->cred;

	credentials__read(&now, task, cred);
	if (old && credentials__gained(old, &now))
		credentials__report(program, task, cred, old, &now);
	credentials__note(task, &now, old);
}

#endif
