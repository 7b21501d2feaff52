/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An exec that failed, as an exec record with EXEC_FAILED. There is no new image, so path and arguments can only be read
 * from the caller's memory: the error is the kernel's word, the rest is what the caller has there now.
 */
#ifndef AGENTSMITH_EXEC_FAILED_H
#define AGENTSMITH_EXEC_FAILED_H

#include "filter.h"
#include "opened.h"
#include "syscall.h"

#define AT_FDCWD -100
#define FAILED_ARGS_MAX 2048        /* under 100 us; more is told as truncated */

struct args_walk {
	u64 at;                     /* of the next pointer in argv */
	u32 width;                  /* of a pointer: 4 for 32-bit programs and x32 */
	u32 slot;
	u32 offset;
	u32 limit;
	u32 count;
	u32 complete;               /* the NULL at the end was reached */
};

static long args__step(u32 i, struct args_walk *w)
{
	u64 string = 0;
	u32 slot = w->slot;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	long n;

	if (!scratch || w->offset >= w->limit ||
	    bpf_probe_read_user(&string, w->width == 4 ? 4 : 8, (void *)w->at))
		return 1;
	if (!string) {
		w->complete = 1;
		return 1;
	}
	n = bpf_probe_read_user_str(scratch->bytes + MASK(w->offset, SCRATCH_SIZE - 1), PATH_TEXT_MAX, (void *)string);
	/* One that fills the room was cut. */
	if (n < 0 || n >= PATH_TEXT_MAX)
		return 1;
	/* Of an empty string older kernels (6.1, 6.12) say 0 instead of 1, its NUL. */
	if (!n) {
		scratch->bytes[MASK(w->offset, SCRATCH_SIZE - 1)] = 0;
		n = 1;
	}
	w->offset += n;
	w->at += w->width;
	w->count++;
	return 0;
}

static __always_inline void args__append(struct builder *b, struct process_exec *e, u64 argv, u32 width)
{
	struct args_walk w = {
		.at = argv,
		.width = width,
		.slot = b->slot,
		.offset = b->end,
		.limit = b->end + ARGV_MAX - PATH_TEXT_MAX,
	};

	e->argv.offset = b->end;
	if (!argv) {
		/* Linux takes NULL for an empty list. */
		w.complete = 1;
	} else if (HAVE_HELPER(loop)) {
		bpf_loop(FAILED_ARGS_MAX, args__step, &w, 0);
	} else {
		for (int i = 0; i < 8; i++)
			if (args__step(i, &w))
				break;
	}
	e->argv.length = w.offset - b->end;
	e->argv_size = w.offset - b->end;
	e->argc = w.count;
	b->end = w.offset;
	if (!w.complete)
		e->flags |= EXEC_ARGV_TRUNCATED;
}

static __always_inline void exec_failed(struct builder *b, enum program program, struct task_struct *task,
					const struct pt_regs *regs, u32 call, long ret)
{
	bool at = call == CALL_EXECVEAT;
	u64 path = at ? call_argument(task, regs, 1) : call_argument(task, regs, 0);
	u64 argv = at ? call_argument(task, regs, 2) : call_argument(task, regs, 1);
	int fd = at ? (int)call_argument(task, regs, 0) : AT_FDCWD;
	struct process_exec *e = (void *)b->scratch->bytes;
	struct file *base = NULL;
	long n;
	TIMED(EVENT_PROCESS_EXEC);

	if (!is_known(task))
		introduce(b, task);
	if (!attempt_by(EVENT_PROCESS_EXEC, task, bpf_ktime_get_boot_ns()))
		return;
	__builtin_memset(e, 0, sizeof(*e));
	b->end = sizeof(*e);
	e->header.time = bpf_ktime_get_boot_ns();
	e->header.sequence = next_sequence();
	e->header.tid = task->pid;
	comm__copy(e->header.comm, task);
	who__current(&e->who, task);
	e->flags = EXEC_FAILED;
	e->result = ret;
	if (fd >= 0)
		base = descriptor__file(fd);
	if (base)
		path__append_at(b, &e->executable, &base->f_path);
	path__append_at(b, &e->cwd, &BPF_CORE_READ(task, fs)->pwd);
	e->script.offset = b->end;
	n = bpf_probe_read_user_str(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), PATH_TEXT_MAX, (void *)path);
	if (n > 1 && n <= PATH_TEXT_MAX) {
		e->script.length = n - 1;
		b->end += n - 1;
	}
	args__append(b, e, argv, call_pointer_size(task, regs));
	builder__emit(b, &e->header, EVENT_PROCESS_EXEC, program);
}

#endif
