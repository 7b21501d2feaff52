/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allow-listed environment variables. Every string is looked at, however many there are, so that nobody hides one
 * behind padding; what is not on the list never leaves the process. Copied in blocks; a call for each string made a third
 * of the exec handler.
 *
 * A block is searched by samples: of each word its first four bytes. Whatever it begins at, a name of eleven bytes or more
 * ("LD_PRELOAD=") has such four within its first eleven, and the loader has a table of what they may be, by their hash. One
 * that is in the table, by chance or not, has its row searched for the NULs between the strings, a word at a time. So is all
 * of the block when a shorter name is wanted: each NUL is a branch that nobody can foretell, and they were a quarter of the
 * exec handler.
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
#define ENVIRONMENT_ROW 128           /* bytes that are looked at without a look at where names end to begin */
#define ENVIRONMENT_STRIDE 8          /* from sample to sample */
/* So many behind the place where the search ends may be looked at. */
#define ENVIRONMENT_BEHIND (ENVIRONMENT_ROW + ENVIRONMENT_STRIDE + ENVIRONMENT_NAME_MAX)
#define ENVIRONMENT_SAMPLE_BITS 12    /* addon/load.cc has the same hash */
struct environment_name {
	u64 bytes[ENVIRONMENT_NAME_MAX / 8];         /* "LD_PRELOAD=", zero padded */
	u64 mask[ENVIRONMENT_NAME_MAX / 8];          /* 0xff where a byte counts */
};
const volatile struct environment_name environment_names[ENVIRONMENT_NAMES] __weak = {};
const volatile u64 environment_initials __weak = 0;  /* bit = the low six bits of a name's first byte */
const volatile u64 environment_samples[(1 << ENVIRONMENT_SAMPLE_BITS) / 64] __weak = {}; /* bit = hash */
const volatile u32 environment_factor __weak = 0;    /* of the hash; 0 = a name is too short for samples */

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
	u32 exact;                                   /* up to here the row is searched for NULs */
	u32 unused;
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

/* What begins with this byte may be a name that is wanted. */
static __always_inline bool environment__promises(u8 initial)
{
	return environment_initials >> (initial & 63) & 1;
}

/* By a stride: a name that begins there may have its sample here. At the start of a block nothing is before. */
static __always_inline void environment__step_back(struct environment_search *w, struct scratch *scratch)
{
	if (w->at < ENVIRONMENT_STRIDE + 1)
		return;
	w->at -= ENVIRONMENT_STRIDE;
	w->inside = environment__copy(scratch)[MASK(w->at - 1, 2 * ENVIRONMENT_BLOCK - 1)];
}

/* Whether a name may begin in the row, or within a stride before it. */
static __always_inline bool environment__sample(const u8 *from)
{
	u64 found = 0;

#pragma unroll
	for (u32 step = 0; step < ENVIRONMENT_ROW; step += ENVIRONMENT_STRIDE) {
		u32 hash = *(const u32 *)(from + step) * environment_factor >> (32 - ENVIRONMENT_SAMPLE_BITS);

		found |= environment_samples[hash / 64] >> (hash & 63);
	}
	return found & 1;
}

/*
 * How far the row at `at` goes: to where a string must be looked at as a whole, one that promises to be wanted, or one after which
 * another begins in the same word; else to its end. Above 16 bits the strings in it, above 32 the last byte, which is not 0 inside of
 * a string. Global: verified once, and not for each way in which the search comes to a row (seen: two thirds of each program).
 */
__noinline u64 environment__strings(u32 slot, u32 at)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	const u8 *from;
	u32 strings = 1;
	u64 word = 0;

	if (!scratch)
		return ENVIRONMENT_ROW;
	from = environment__copy(scratch) + MASK(at, 2 * ENVIRONMENT_BLOCK - 1);
#pragma unroll
	for (u32 step = 0; step < ENVIRONMENT_ROW; step += 8) {
		u64 zeros;
		u32 next;

		word = *(const u64 *)(from + step);
		zeros = zero_bytes(word);
		if (!zeros)
			continue;
		next = step + (word ? bytes_to(zeros) : 8);
		strings++;
		if (environment__promises(from[next]) || (word && (zeros & (zeros - 1))))
			return next | strings << 16;
	}
	return ENVIRONMENT_ROW | strings << 16 | word >> 56 << 32;
}

/* A row of the copy. Ends where a wanted name begins. */
static long environment__row(u32 i, struct environment_search *w)
{
	struct scratch *scratch;
	u32 slot = w->slot;
	const u8 *from;
	u64 row;

	if (w->at >= w->stop)
		return 1;
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch)
		return 1;
	from = environment__copy(scratch) + MASK(w->at, 2 * ENVIRONMENT_BLOCK - 1);
	if (environment_factor && w->at >= w->exact) {
		if (!environment__sample(from)) {
			w->at += ENVIRONMENT_ROW;
			w->steps++;
			return 0;
		}
		w->exact = w->at + ENVIRONMENT_ROW;
		environment__step_back(w, scratch);
		return 0;
	}
	if (!w->inside && environment__promises(*from) && environment__wanted((const u64 *)from)) {
		w->found = 1;
		return 1;
	}
	row = environment__strings(slot, w->at);
	w->at += row & 0xffff;
	w->steps += row >> 16 & 0xffff;
	w->inside = row >> 32;
	return 0;
}

/*
 * Looks for a name in the copy, from `at` to `stop`. Returns how far it came, with the bits below above it, and the number
 * of rows and strings in the upper half. Global: verified once, and not for each way through what calls it. `at` is 0, which
 * the verifier must not know (see below).
 */
#define ENVIRONMENT_INSIDE (1u << 30)
#define ENVIRONMENT_FOUND (1u << 31)
__noinline u64 environment__search(u32 slot, u32 at, u32 stop, u32 inside)
{
	struct environment_search s = { .slot = slot, .at = at, .stop = stop, .inside = inside, .exact = at };
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (!scratch)
		return stop;
	if (environment_factor)
		s.stop += ENVIRONMENT_STRIDE;
	bpf_loop(ENVIRONMENT_BLOCK, environment__row, &s, 0);
	if (environment_factor && !s.found)
		environment__step_back(&s, scratch);
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
	u64 *behind;
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
	/* A row or a name that the end of the block would cut is left to the next block. */
	stop = size;
	if (w->end - w->at > size)
		stop = size - ENVIRONMENT_BEHIND;
	behind = (u64 *)(environment__copy(scratch) + MASK(size, 2 * ENVIRONMENT_BLOCK - 1));
#pragma unroll
	for (u32 i = 0; i < ENVIRONMENT_BEHIND / 8; i++)
		behind[i] = 0;
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

static __always_inline void environment__append(struct builder *b, struct process_exec *e, unsigned long start,
						unsigned long end)
{
	struct environment_walk w = {
		.at = start,
		.end = end,
		.slot = b->slot,
		.offset = (b->end + 7) & ~7,
		/* 0, which the verifier must not know: before 6.7 it takes what a callback finds first for all there is. */
		.inside = start >> 63,
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
