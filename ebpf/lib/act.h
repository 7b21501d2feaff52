/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A record with text about what the current task has just done, built in scratch and sent. */
#ifndef AGENTSMITH_ACT_H
#define AGENTSMITH_ACT_H

#include "filter.h"

/* How every exported record begins. */
struct act {
	struct header header;
	struct who who;
};

/*
 * Where the program runs: in a tracepoint with preemption off, or in a trampoline, where another program of ours may
 * take its place on the CPU.
 */
enum where { IN_TRACEPOINT, IN_TRAMPOLINE };

/* Begins a record of `size` bytes and fills how it begins; false when there is none to send. */
static __always_inline bool act__begin(struct builder *b, enum where where, enum event_type type, u32 size,
				       struct task_struct *task)
{
	struct act *act;
	u64 now;

	if (!is_enabled(type))
		return false;
	if (!(where == IN_TRACEPOINT ? scratch__own(b) : scratch__borrow(b))) {
		lose(type, task->tgid);
		return false;
	}
	now = bpf_ktime_get_boot_ns();
	if (!attempt_by(type, task, now)) {
		if (where == IN_TRAMPOLINE)
			scratch__return(b);
		return false;
	}
	act = (void *)b->scratch->bytes;
	who__current(&act->who, task);
	/* An introduction is built in the same place, and begins with the same actor. */
	if (!who__is_known(&act->who))
		introduce(b, task);
	b->end = size;
	act->header.time = now;
	act->header.sequence = next_sequence();
	act->header.tid = task->pid;
	comm__copy(act->header.comm, task);
	return true;
}

static __always_inline void act__send(struct builder *b, enum where where, enum event_type type, enum program program)
{
	builder__emit(b, (void *)b->scratch->bytes, type, program);
	if (where == IN_TRAMPOLINE)
		scratch__return(b);
}

#endif
