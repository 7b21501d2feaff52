/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring, the scratch buffers, and emit(): the only way out of the kernel.
 */
#ifndef AGENTSMITH_RING_H
#define AGENTSMITH_RING_H

#include "books.h"
#include "hook-time.h"
#include "kernel.h"
#include "../events.h"
#include "../layout.gen.h"

char LICENSE[] SEC("license") __weak = "Dual BSD/GPL";

/* Read back by the loader: an object of another layout is refused. */
const volatile u64 layout_id __weak = LAYOUT_ID;

/* Set by the loader before the programs are loaded. */
const volatile u64 sequence_base __weak = 0;     /* the agent's start, microseconds since the epoch */
const volatile u64 ring_bytes __weak = 8 << 20;
const volatile u64 pending_after __weak = 30000000000ull;
const volatile u32 possible_cpus __weak = 1;

/* Written while running. */
u64 enabled_events __weak = 0;                   /* bit = enum event_type; what is not exported takes no number; see below */
u32 wake_at __weak = 0;                          /* user space sleeps: wake it at so many waiting bytes; ~0 = awake */
u32 urgent_events __weak = 0;                    /* bit = enum event_type; records that may be warnings */
u32 wake_for_urgent __weak = 0;                  /* user space has not heard of one since it looked */
enum program attached[128] __weak = {};          /* by itself: it runs, so others may rely on what it will tell */
u32 excluded[8] __weak = {};                     /* the agent's own tgid and those of its helpers; 0 = free */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps") __weak;

/*
 * Records with text are built here: 64 KiB, the reach of struct text, and a margin so that a copy that starts at the
 * last offset stays inside whatever its length. A plain array indexed by CPU, because a per-CPU value ends at 32 KiB.
 */
#define SCRATCH_SIZE (1 << 16)
#define SCRATCH_MARGIN (1 << 15)
struct scratch {
	u8 bytes[SCRATCH_SIZE + SCRATCH_MARGIN];
	u32 busy;
	u32 leaf_end;                                /* of the first path: where its first component ends */
	u64 path[2];                                 /* the struct path that is put next, its fields as the kernel has them */
	u64 file;                                    /* that is put next */
	u32 path_end;                                /* how far the path that is being put has come */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);                      /* the loader sets one a CPU, and the shared ones (task.h) */
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps") __weak;

/*
 * Right before every use of a length or an offset: the 6.1 verifier loses bounds across copies that 6.18 keeps. The
 * asm keeps clang from proving the mask away.
 */
#define MASK(value, mask) ({ u64 _v = (value); asm volatile("%0 &= %1" : "+r"(_v) : "i"(mask)); _v; })

static __always_inline bool is_excluded(u32 tgid)
{
	for (int i = 0; i < 8; i++) {
		if (!excluded[i])
			return false;
		if (excluded[i] == tgid)
			return true;
	}
	return false;
}

static __always_inline bool is_enabled(enum event_type type)
{
	return enabled_events >> type & 1;
}

static __always_inline bool is_attached(enum program program)
{
	return attached[program] == program;
}

/*
 * Programs that see several events ask whether this one is theirs: of two events one may be seen on tier A and the other,
 * of which a program did not load, on tier B. The upper half of `enabled_events` has a bit for those on tier A.
 */
static __always_inline bool is_enabled_on_A(enum event_type type)
{
	return enabled_events >> type & enabled_events >> (32 + type) & 1;
}

static __always_inline bool is_enabled_on_B(enum event_type type)
{
	return enabled_events >> type & ~(enabled_events >> (32 + type)) & 1;
}

/* Counts the attempt; false when it ends here because the actor is the agent itself. */
static __always_inline bool attempt(enum event_type type, u32 tgid)
{
	u32 key = type;
	struct counters *c = bpf_map_lookup_elem(&counts, &key);

	if (!c)
		return false;
	COUNT(c->attempted);
	if (is_excluded(tgid)) {
		COUNT(c->filtered);
		return false;
	}
	return true;
}

/* The number of the next exported record of this CPU. */
static __always_inline u64 next_sequence(void)
{
	u32 zero = 0;
	u64 *next = bpf_map_lookup_elem(&sequences, &zero);

	if (!next)
		return 0;
#ifdef AGENTSMITH_LEGACY /* before 5.12 an addition cannot return; there no softirq program of ours can interrupt us */
	return sequence_base + (*next)++;
#else
	return sequence_base + __sync_fetch_and_add(next, 1);
#endif
}

/* Event types that are not auxiliary: they have numbers. */
#define EXPORTED (~(1ull << EVENT_PROCESS | 1ull << EVENT_PROCESS_FORK | 1ull << EVENT_DNS_SEGMENT))

/* Events of which a single process can make a flood. */
#define HIGH_VOLUME                                                                                                    \
	(1ull << EVENT_NETWORK_CONNECT | 1ull << EVENT_NETWORK_BIND | 1ull << EVENT_DNS_QUERY |                        \
	 1ull << EVENT_NETWORK_SOCKET_CONNECT |                                                                        \
	 ((1ull << (EVENT_FILE_NODE_CREATE + 1)) - (1ull << EVENT_FILE_CREATE)))

/* They leave an eighth of the ring to the others, as do those that anybody can repeat in a user namespace of his own. */
#define RESERVED                                                                                                       \
	(HIGH_VOLUME | 1ull << EVENT_PROCESS_NAMESPACE_CHANGE | 1ull << EVENT_FILESYSTEM_MOUNT |                       \
	 1ull << EVENT_KERNEL_PARAMETER_CHANGE)

/* An event of which nothing can be told but that it was: it takes its number, so a reader sees that it is missing. */
static __always_inline void lose(enum event_type type, u32 tgid)
{
	u32 key = type;
	struct counters *c = bpf_map_lookup_elem(&counts, &key);

	if (!c || !attempt(type, tgid))
		return;
	if (EXPORTED >> type & 1)
		next_sequence();
	COUNT(c->no_memory);
}

/*
 * Waking user space costs more than most handlers, so nobody is woken for one record: user space looks every 100 ms,
 * and is woken once when 256 KiB wait (measured: no loss at 2.7-7.2 M records/s of 64 bytes), and once for the first record
 * that may be a warning. When little happens it looks no more: it asks for the first record, waits 10 ms for others, and
 * asks again (addon/sensor.cc).
 */
static __always_inline u64 wake_flags(u64 waiting, u32 type)
{
	if (waiting >= wake_at) {
		wake_at = ~0u;
		return BPF_RB_FORCE_WAKEUP;
	}
	if (wake_for_urgent && urgent_events >> (type & 31) & 1) {
		wake_for_urgent = 0;
		return BPF_RB_FORCE_WAKEUP;
	}
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void header__fill(struct header *h, enum event_type type, enum program program, u32 size)
{
	h->size = size;
	h->type = type;
	h->cpu = bpf_get_smp_processor_id();
	h->program = program;
}

/*
 * Bytes that wait in the ring. Of events that may fill all of it this decides no more than who wakes user space, so each CPU asks for
 * every eighth record of theirs and takes the others for the first: a helper's call and the consumer's cold line less.
 */
static __always_inline u64 ring__waiting(const struct counters *c, enum event_type type)
{
	if (!(RESERVED >> type & 1) && c->submitted & 7)
		return 0;
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
}

/* Whether it is full to all who leave an eighth to the others. */
static __always_inline bool ring__is_reserved(u64 waiting, enum event_type type)
{
	return RESERVED >> type & 1 && waiting > ring_bytes - ring_bytes / 8;
}

/*
 * A record of `size` bytes in the ring itself, for what has no text: no copy, and the ring's memory, which nobody has touched
 * for long, is on its way while the record is filled. Counted as refused when it is NULL; what is reserved must be sent.
 * Nothing is done here behind the look at it: 6.1 takes what it has looked at once for something that may be NULL again.
 */
struct reservation {
	struct counters *counters;
	u64 waiting;
	enum event_type type;
};

static __always_inline void *ring__reserve(struct reservation *r, u64 size, enum event_type type)
{
	u32 key = type;
	void *record;

	r->type = type;
	r->counters = bpf_map_lookup_elem(&counts, &key);
	if (!r->counters)
		return NULL;
	r->waiting = ring__waiting(r->counters, type);
	if (ring__is_reserved(r->waiting, type)) {
		COUNT(r->counters->reserved);
		return NULL;
	}
	record = bpf_ringbuf_reserve(&ring, size, 0);
	if (!record) {
		COUNT(r->counters->ring_full);
		return NULL;
	}
	return record;
}

static __always_inline void ring__submit(struct reservation *r, void *record)
{
	bpf_ringbuf_submit(record, wake_flags(r->waiting, r->type));
	COUNT(r->counters->submitted);
}

/* Sends `size` bytes (a multiple of 8) that start with a struct header. Returns 0 when the ring took them. */
static __always_inline long emit(void *record, u64 size, enum event_type type)
{
	u32 key = type;
	struct counters *c = bpf_map_lookup_elem(&counts, &key);
	u64 waiting;
	long err;

	if (!c)
		return -1;
	waiting = ring__waiting(c, type);
	if (ring__is_reserved(waiting, type)) {
		COUNT(c->reserved);
		return -1;
	}
	err = bpf_ringbuf_output(&ring, record, size, wake_flags(waiting, type));
	if (err)
		COUNT(c->ring_full);
	else
		COUNT(c->submitted);
	return err;
}

#endif
