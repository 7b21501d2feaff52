/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which processes user space knows, and the image (exec_id) that it was told of.
 *
 * An array of sets and no hash: every event asks, every process that is born, execs or ends writes, and an LRU hash took
 * several hundred instructions and a few cold cache lines for each (of exit a third). The numbers of processes follow one
 * another, so the low bits spread them evenly. Who finds his set full takes the place of another, and that one is
 * introduced again with its next event: never a loss, only work. Writers do not lock: a process is only found where number,
 * start and image are its own, whatever two of them left there.
 */
#ifndef AGENTSMITH_KNOWN_H
#define AGENTSMITH_KNOWN_H

#include "kernel.h"

struct process_key {
	u64 start;
	u32 pid;
	u32 unused;
};

/* Twice what user space keeps, so that the kernel rarely forgets what user space did not. */
#define KNOWN_SETS 16384
#define KNOWN_WAYS 4            /* a cache line */
#define KNOWN_ENDED ~0u

struct known_process {
	u64 start;
	u32 pid;
	u32 image;                  /* exec_id + 1; 0 = nobody; KNOWN_ENDED = its exit was told */
};

struct known_set {
	struct known_process ways[KNOWN_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KNOWN_SETS);
	__type(key, u32);
	__type(value, struct known_set);
} known SEC(".maps") __weak;

static __always_inline struct known_set *known__set(u32 pid)
{
	u32 key = pid & (KNOWN_SETS - 1);

	return bpf_map_lookup_elem(&known, &key);
}

/*
 * Where in its set the process is written down; KNOWN_WAYS when it is not. Global, so that it is any number to the verifier, which
 * would follow every place of its own to the end of the program.
 */
__weak __noinline int known__way(u32 pid, u64 start)
{
	struct known_set *set = known__set(pid);

	for (int i = 0; i < KNOWN_WAYS && set; i++)
		if (set->ways[i].start == start && set->ways[i].pid == pid)
			return i;
	return KNOWN_WAYS;
}

/* What is written down of the process; 0 when nothing is. */
static __always_inline u32 known__image(u32 pid, u64 start)
{
	struct known_set *set = known__set(pid);

	for (int i = 0; i < KNOWN_WAYS && set; i++)
		if (set->ways[i].start == start && set->ways[i].pid == pid)
			return set->ways[i].image;
	return 0;
}

/* Global: verified once a program. `image` is that of struct known_process. */
__weak __noinline int known__put(u32 pid, u64 start, u32 image)
{
	struct known_set *set = known__set(pid);
	u32 way = start >> 10 & (KNOWN_WAYS - 1);

	if (!set)
		return 0;
	for (int i = 0; i < KNOWN_WAYS; i++) {
		if (set->ways[i].start == start && set->ways[i].pid == pid) {
			set->ways[i].image = image;
			return 0;
		}
		if (!set->ways[i].image || set->ways[i].image == KNOWN_ENDED)
			way = i;
	}
	set->ways[way].image = 0;
	set->ways[way].start = start;
	set->ways[way].pid = pid;
	set->ways[way].image = image;
	return 0;
}

#endif
