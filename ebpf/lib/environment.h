/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allow-listed environment variables. Every string is looked at, however many there are, so that nobody hides one
 * behind padding; what is not on the list never leaves the process. Copied in blocks and searched for NULs a word at a
 * time: a call for each string made a third of the exec handler.
 */
#ifndef AGENTSMITH_ENVIRONMENT_H
#define AGENTSMITH_ENVIRONMENT_H

#include "compat.h"
#include "text.h"

#define ENVIRONMENT_NAMES 8
#define ENVIRONMENT_NAME_MAX 32
#define ENVIRONMENT_VALUE_MAX 1024
#define ENVIRONMENT_TOTAL_MAX 2048
#define ENVIRONMENT_ROOM (ENVIRONMENT_TOTAL_MAX + ENVIRONMENT_VALUE_MAX + 16)
#define ENVIRONMENT_BLOCK 4096
#define ENVIRONMENT_BLOCKS 2048       /* of the 6 MiB that the kernel takes at most, and of what is found */
#define ENVIRONMENT_STRINGS (1 << 17) /* under two milliseconds; more is told as truncated */
#define ENVIRONMENT_WORDS 16          /* of one string, before it counts as another */
struct environment_name {
	u64 bytes[ENVIRONMENT_NAME_MAX / 8];         /* "LD_PRELOAD=", zero padded */
	u64 mask[ENVIRONMENT_NAME_MAX / 8];          /* 0xff where a byte counts */
};
const volatile struct environment_name environment_names[ENVIRONMENT_NAMES] __weak = {};

struct environment_walk {
	unsigned long at;
	unsigned long end;
	u32 slot;
	u32 offset;
	u32 limit;
	u32 steps;
	u32 inside;                                  /* of a string: no name starts here */
	u32 truncated;
};

/* Of one block. */
struct environment_search {
	u32 slot;
	u32 at;                                      /* in the copy */
	u32 stop;                                    /* bytes of the copy in which a name may begin */
	u32 steps;
	u32 inside;
	u32 found;
};

#ifndef AGENTSMITH_LEGACY /* unrolled, this walk alone passes the verifier's million instructions */
/* Behind the longest record, where the scratch buffer has its margin. */
static __always_inline u8 *environment__copy(struct scratch *scratch)
{
	return scratch->bytes + SCRATCH_SIZE;
}

static __always_inline bool environment__wanted(const u64 *word)
{
	for (int i = 0; i < ENVIRONMENT_NAMES; i++) {
		const volatile struct environment_name *name = &environment_names[i];

		if (!name->mask[0])
			return false;
		if ((word[0] & name->mask[0]) == name->bytes[0] && (word[1] & name->mask[1]) == name->bytes[1] &&
		    (word[2] & name->mask[2]) == name->bytes[2] && (word[3] & name->mask[3]) == name->bytes[3])
			return true;
	}
	return false;
}

/* One string of the copy, or a part of a long one: ends where the next begins, or at a name that is wanted. */
static long environment__string(u32 i, struct environment_search *w)
{
	const u64 ones = 0x0101010101010101;
	struct scratch *scratch;
	u32 slot = w->slot, step;
	const u64 *from;
	u64 zeros = 0;

	if (w->at >= w->stop)
		return 1;
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch)
		return 1;
	w->steps++;
	from = (const u64 *)(environment__copy(scratch) + MASK(w->at, 2 * ENVIRONMENT_BLOCK - 1));
	if (!w->inside && environment__wanted(from)) {
		w->found = 1;
		return 1;
	}
#pragma unroll
	for (step = 0; step < ENVIRONMENT_WORDS; step++) {
		/* The high bit of each byte that is 0; above the lowest of them there may be others. */
		zeros = (from[step] - ones) & ~from[step] & ones << 7;
		if (zeros)
			break;
	}
	w->inside = !zeros;
	if (!zeros || !from[0])
		w->at += zeros ? 8 : 8 * ENVIRONMENT_WORDS;
	else
		w->at += 8 * step + ((((zeros & -zeros) - 1) & ones) * ones >> 56);
	return 0;
}

/*
 * Looks for a name in the copy, from `at` to `stop`. Returns how far it came, with the bits below above it, and the number
 * of strings in the upper half. Global: verified once, and not for each way through what calls it (15,000 instructions
 * of 18,000 in every program). `at` is 0, which the verifier must not know (see below).
 */
#define ENVIRONMENT_INSIDE (1u << 30)
#define ENVIRONMENT_FOUND (1u << 31)
__weak __noinline u64 environment__search(u32 slot, u32 at, u32 stop, u32 inside)
{
	struct environment_search s = { .slot = slot, .at = at, .stop = stop, .inside = inside };

	bpf_loop(ENVIRONMENT_BLOCK, environment__string, &s, 0);
	return (u64)s.steps << 32 | s.at | (s.inside ? ENVIRONMENT_INSIDE : 0) | (s.found ? ENVIRONMENT_FOUND : 0);
}

/* Takes the string that was found; it is read again, as a whole. */
static __always_inline long environment__take(struct environment_walk *w, struct scratch *scratch)
{
	u8 *to = scratch->bytes + MASK(w->offset, SCRATCH_SIZE - 8);
	long n;

	if (w->offset >= w->limit) {
		w->truncated = 1;
		return 1;
	}
	n = bpf_probe_read_user_str(to, ENVIRONMENT_VALUE_MAX, (void *)w->at);
	if (n < 1) {
		w->truncated = 1;
		return 1;
	}
	w->inside = n == ENVIRONMENT_VALUE_MAX;
	w->at += w->inside ? n - 1 : n;
	/* A process that is introduced while it runs may have changed it meanwhile. */
	if (!environment__wanted((const u64 *)to))
		return 0;
	if (w->inside)
		w->truncated = 1;
	/* The next string starts on a word again: the gap keeps its NULs. */
	__builtin_memset(scratch->bytes + MASK(w->offset + n, SCRATCH_SIZE - 1), 0, 8);
	w->offset = (w->offset + n + 7) & ~7;
	return 0;
}

static long environment__step(u32 i, struct environment_walk *w)
{
	u64 size = w->end - w->at, searched;
	u32 slot = w->slot;
	struct scratch *scratch;
	u32 stop;

	if (w->at >= w->end || w->steps >= ENVIRONMENT_STRINGS)
		return 1;
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch)
		return 1;
	if (size > ENVIRONMENT_BLOCK)
		size = ENVIRONMENT_BLOCK;
	if (bpf_probe_read_user(environment__copy(scratch), MASK(size - 1, ENVIRONMENT_BLOCK - 1) + 1, (void *)w->at)) {
		/* What lies on pages that are present is looked at all the same. */
		w->truncated = 1;
		size = ENVIRONMENT_BLOCK - (w->at & (ENVIRONMENT_BLOCK - 1));
		if (w->end - w->at <= size)
			return 1;
		w->end = w->at + size;
		if (bpf_probe_read_user(environment__copy(scratch), MASK(size - 1, ENVIRONMENT_BLOCK - 1) + 1,
					(void *)w->at))
			return 1;
	}
	/* A name is compared as a whole, so one that the end of the block cuts is left to the next block. */
	stop = size;
	if (w->end - w->at > size)
		stop = size - ENVIRONMENT_NAME_MAX;
	__builtin_memset(environment__copy(scratch) + MASK(size, 2 * ENVIRONMENT_BLOCK - 1), 0, ENVIRONMENT_NAME_MAX);
	searched = environment__search(slot, 0, stop, w->inside);
	w->at += (u32)searched & (ENVIRONMENT_INSIDE - 1);
	w->steps += searched >> 32;
	w->inside = !!(searched & ENVIRONMENT_INSIDE);
	return searched & ENVIRONMENT_FOUND ? environment__take(w, scratch) : 0;
}

#endif

static __always_inline void environment__walk(struct environment_walk *w)
{
#ifndef AGENTSMITH_LEGACY
	if (HAVE_HELPER(loop))
		bpf_loop(ENVIRONMENT_BLOCKS, environment__step, w, 0);
#endif
	/* More strings than that, or no loop at all: what was not looked at may hide something. */
	if (w->at < w->end)
		w->truncated = 1;
}

static __always_inline void environment__append(struct builder *b, struct process_exec *e, struct mm_struct *mm)
{
	struct environment_walk w = {
		.at = mm->env_start,
		.end = mm->env_end,
		.slot = b->slot,
		.offset = (b->end + 7) & ~7,
		/* 0, which the verifier must not know: before 6.7 it takes what a callback finds first for all there is. */
		.inside = mm->env_start >> 63,
	};

	/* The gap before the first string must not hold bytes of an earlier record. */
	__builtin_memset(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), 0, 8);
	w.limit = w.offset + ENVIRONMENT_TOTAL_MAX;
	e->environment.offset = w.offset;
	if (environment_names[0].mask[0])
		environment__walk(&w);
	e->environment.length = w.offset - e->environment.offset;
	if (w.truncated)
		e->flags |= EXEC_ENVIRONMENT_TRUNCATED;
	b->end = w.offset;
}

#endif
