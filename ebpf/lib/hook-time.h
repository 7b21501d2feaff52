/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long the programs of an event run. Each CPU times every 64th run, the first included; the others pay one lookup, of
 * the line that they are about to count in, and one branch. The buckets are those of OpenTelemetry's exponential histogram of scale 2 in seconds, four a power of
 * two with borders at 2^(n/4) s, so user space hands them on as they are.
 */
#ifndef AGENTSMITH_HOOK_TIME_H
#define AGENTSMITH_HOOK_TIME_H

#include "books.h"

/* src/sensor/hook-times.ts has the same numbers. */
#define HOOK_TIME_EVERY 64
#define HOOK_TIME_OCTAVE 26                      /* the first bucket begins at 2^-26 s, 15 ns */
#define HOOK_TIME_BUCKETS 80                     /* 20 powers of two: up to 16 ms; what is outside counts in the last */
#define HOOK_TIME_MAX (1ull << 29)               /* ns; beyond it the product below would leave 64 bits */

struct hook_times {
	u64 sum;                                 /* ns, of the timed ones */
	u64 buckets[HOOK_TIME_BUCKETS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_TYPES);            /* 648 bytes each: 20 KiB a CPU */
	__type(key, u32);
	__type(value, struct hook_times);
} hook_times SEC(".maps") __weak;

/*
 * When a run begins; 0 = it is not timed. The branch of a timed run comes first: to the verifier its start is any number, so what
 * follows is walked once. Were the 0 walked first, all would be walked again (seen: 12,649 and 26,670 instructions of exec).
 */
static __always_inline u64 hook_time__begin(u32 type)
{
	struct books *books = bpf_map_lookup_elem(&counts, &type);

	/* Not atomic: programs that preempt each other here may lose one, and the next is timed a little later. */
	if (__builtin_expect(books && !(books->runs++ % HOOK_TIME_EVERY), true))
		return bpf_ktime_get_ns();
	return 0;
}

static __always_inline u32 hook_time__bucket(u64 ns)
{
	u64 scaled = ((ns < HOOK_TIME_MAX ? ns : HOOK_TIME_MAX) * 18446744074ull >> 30) | 1; /* in 2^-34 s */
	u64 mantissa = scaled;
	int bucket, log = 63;

	for (int shift = 32; shift; shift /= 2) {
		if (mantissa >> (64 - shift))
			continue;
		mantissa <<= shift;
		log -= shift;
	}
	bucket = (log - 34 + HOOK_TIME_OCTAVE) * 4;
	mantissa >>= 32;
	/* 2^31 times 2^(1/4), 2^(2/4), 2^(3/4) */
	bucket += (mantissa >= 2553802834) + (mantissa >= 3037000500) + (mantissa >= 3611622603);
	if (bucket < 0)
		return 0;
	return bucket < HOOK_TIME_BUCKETS ? bucket : HOOK_TIME_BUCKETS - 1;
}

/* Not inlined: it is verified once, and one run in 64 gets here. */
__weak __noinline int hook_time__end(u32 type, u64 start)
{
	struct hook_times *times = bpf_map_lookup_elem(&hook_times, &type);
	u64 ns = bpf_ktime_get_ns() - start;
	u32 bucket = hook_time__bucket(ns);

	if (!times || bucket >= HOOK_TIME_BUCKETS)
		return 0;
	__sync_fetch_and_add(&times->sum, ns);
	__sync_fetch_and_add(&times->buckets[bucket], 1);
	return 0;
}

/* Of one run. */
struct hook_time {
	u64 start;
	u32 type;
};

static __always_inline void hook_time__stop(struct hook_time *t)
{
	if (t->start)
		hook_time__end(t->type, t->start);
}

/*
 * From this line to the end of its block, by whatever return; in the program that makes the record, behind what sends
 * strangers home. A tail call is no return: a program that makes one has the line in a block or a function before it.
 */
#ifdef AGENTSMITH_LEGACY /* its verifier loses the bounds of the bucket */
#define TIMED(event)
#else
#define TIMED(of)                                                                              \
	struct hook_time hook_time __attribute__((cleanup(hook_time__stop), unused)) = {       \
		.type = of,                                                                    \
	};                                                                                     \
	hook_time.start = hook_time__begin(hook_time.type)
#endif

#endif
