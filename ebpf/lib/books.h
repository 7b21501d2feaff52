/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The counters. Books are exact: for every event type and CPU attempted = submitted + filtered + all other counters, and
 * what was submitted is received. The numbers of refused records are used up, so a reader sees where one is missing.
 */
#ifndef AGENTSMITH_BOOKS_H
#define AGENTSMITH_BOOKS_H

#include "kernel.h"
#include "../events.h"

/* What every run touches, in the bytes of one cache line. */
struct books {
	struct counters counters;
	u64 runs;                                    /* of programs that are timed (hook-time.h) */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_TYPES);
	__type(key, u32);
	__type(value, struct books);
} counts SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} sequences SEC(".maps") __weak;

/* Only without its result is the addition an instruction of 5.10; it is atomic because cgroup programs are preempted. */
#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)

#endif
