/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the user asked not to see, decided before a record is built, in the order of cost: the agent itself (ring.h), the
 * user, the control group, the executable, then the destination or the path, last what one process may send. Never by
 * the name of a thread: anyone can set it.
 *
 * Each rule names the event types it is for. An event is dropped when a drop rule matches; when there are keep rules for
 * its type, it is also dropped unless one of those matches. All of it is counted as filtered, and takes no number. What
 * is above the rate limit is a loss: it takes its number and is told with the process that caused it.
 */
#ifndef AGENTSMITH_FILTER_H
#define AGENTSMITH_FILTER_H

#include "task.h"
#include "../filters.h"

/* Written while running, after the maps; 0 = there is no rule of the kind. */
u32 filters __weak = 0;                          /* enum filter_kind */
u32 path_rules __weak = 0;                       /* how many */
u64 kept_events __weak = 0;                      /* event types with a keep rule of any kind */
u64 rate_interval __weak = 0;                    /* nanoseconds between two events of a process at the limit; 0 = none */

#define FILTER_RULES 1024
#define RATE_BURST_NS 1000000000ull              /* a second's worth at once */

#define FILTER_MAP(name, kind, key_type)                 \
	struct {                                         \
		__uint(type, kind);                      \
		__uint(max_entries, FILTER_RULES);       \
		__uint(map_flags, BPF_F_NO_PREALLOC);    \
		__type(key, key_type);                   \
		__type(value, struct verdict);           \
	} name SEC(".maps") __weak

FILTER_MAP(filter_uids, BPF_MAP_TYPE_HASH, u32);
FILTER_MAP(filter_cgroups, BPF_MAP_TYPE_HASH, u64);
FILTER_MAP(filter_executables, BPF_MAP_TYPE_HASH, struct file_key);
FILTER_MAP(filter_networks, BPF_MAP_TYPE_LPM_TRIE, struct network_key);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PATH_RULES);
	__type(key, u32);
	__type(value, struct path_rule);
} filter_paths SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);                   /* processes that send frequent events at the same time */
	__type(key, struct process_key);
	__type(value, struct budget);
} budgets SEC(".maps") __weak;

/* How far the decision is. KEPT = a keep rule has matched. */
enum decision { DECISION_DROP, DECISION_OPEN, DECISION_KEPT };

static __always_inline enum decision decide(enum decision so_far, const struct verdict *v, u64 bit)
{
	if (so_far == DECISION_DROP || !v)
		return so_far;
	if (v->drop & bit)
		return DECISION_DROP;
	return v->keep & bit ? DECISION_KEPT : so_far;
}

static __always_inline enum decision filter__task(u32 type, struct task_struct *task)
{
	enum decision d = DECISION_OPEN;
	u64 bit = 1ull << (type & 63);

	if (filters & FILTER_UID) {
		u32 uid = BPF_CORE_READ(task, cred, uid.val);

		d = decide(d, bpf_map_lookup_elem(&filter_uids, &uid), bit);
	}
	if (filters & FILTER_CGROUP) {
		u64 id = cgroup__current(task);

		d = decide(d, bpf_map_lookup_elem(&filter_cgroups, &id), bit);
	}
	/* Before 6.16 an ending process has no memory map any more: rather too much is seen than too little. */
	if (filters & FILTER_EXECUTABLE && !BPF_CORE_READ(task, mm))
		d = decide(d, &(struct verdict){ .keep = bit }, bit);
	else if (filters & FILTER_EXECUTABLE) {
		struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
		struct file_key key = {
			.inode = BPF_CORE_READ(inode, i_ino),
			.device = BPF_CORE_READ(inode, i_sb, s_dev),
		};

		d = decide(d, bpf_map_lookup_elem(&filter_executables, &key), bit);
	}
	return d;
}

#ifndef AGENTSMITH_LEGACY
/* Who the current task is. Global, as what is below: verified once a program, whatever leads to it. */
__weak __noinline int filter__current(u32 type)
{
	return filter__task(type, bpf_get_current_task_btf());
}
#endif

static __always_inline enum decision filter__actor(u32 type, struct task_struct *task)
{
#ifdef AGENTSMITH_LEGACY
	return filter__task(type, task);
#else
	return filter__current(type);
#endif
}

/* `address` as in struct network_connect: IPv4 in the first four bytes. */
static __always_inline enum decision filter__network(enum decision d, enum event_type type, u16 family,
						     const u8 *address)
{
	struct network_key key = { .prefix = 128 };

	if (!(filters & FILTER_NETWORK))
		return d;
	if (family == AF_INET) {
		key.address[10] = key.address[11] = 0xff;
		__builtin_memcpy(key.address + 12, address, 4);
	} else {
		__builtin_memcpy(key.address, address, 16);
	}
	return decide(d, bpf_map_lookup_elem(&filter_networks, &key), 1ull << type);
}

/*
 * Whether a rule is for the path text from `start` to `end` in the scratch of `slot`, which stands above the rule's 32 bits. Global:
 * verified once, and not for each rule behind each way through those before it.
 */
__weak __noinline int filter__matches(u64 slot_and_rule, u32 start, u32 end)
{
	u32 key = slot_and_rule, slot = slot_and_rule >> 32;
	struct path_rule *rule = bpf_map_lookup_elem(&filter_paths, &key);
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	u64 difference = 0;
	const u64 *words;

	if (!rule || !scratch)
		return 0;
	if (rule->kind == PATH_LEAF)
		end = scratch->leaf_end;
	if (rule->kind == PATH_EXACT ? end - start != rule->length : end - start < rule->length)
		return 0;
	words = (const u64 *)(scratch->bytes + MASK(end - PATH_RULE_BYTES, SCRATCH_SIZE - 1));
	for (int w = 0; w < PATH_RULE_BYTES / 8; w++)
		difference |= (words[w] & rule->mask[w]) ^ rule->bytes[w];
	return !difference;
}

/* The path text of `length` bytes at `start` in the scratch of `slot`; `type` stands above the slot's 32 bits. */
__weak __noinline int filter__path_text(u64 slot_and_type, u32 start, u32 length)
{
	u32 slot = slot_and_type, type = slot_and_type >> 32;
	enum decision d = DECISION_OPEN;

	for (u32 i = 0; i < PATH_RULES; i++) {
		u32 key = i;
		struct path_rule *rule = bpf_map_lookup_elem(&filter_paths, &key);

		if (i >= path_rules || !rule)
			break;
		if (filter__matches((u64)slot << 32 | i, start, start + length))
			d = decide(d, &rule->verdict, 1ull << (type & 63));
	}
	return d;
}

/* `t` is the first path that was appended to `b`. */
static __always_inline enum decision filter__path(enum decision d, enum event_type type, struct builder *b,
						  const struct path_text *t)
{
	enum decision more;

	if (!(filters & FILTER_PATH) || d == DECISION_DROP)
		return d;
	more = filter__path_text((u64)type << 32 | b->slot, t->offset, t->length);
	return more == DECISION_OPEN ? d : more;
}

#ifndef AGENTSMITH_LEGACY
/* Not on the stack, of which there are 512 bytes. */
static const struct budget no_budget;

__weak __noinline int budget__take(u32 type, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct process_key key = { .start = task->group_leader->start_boottime, .pid = task->tgid };
	struct budget *b;

	b = bpf_map_lookup_elem(&budgets, &key);
	if (!b) {
		bpf_map_update_elem(&budgets, &key, &no_budget, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&budgets, &key);
		if (!b)
			return true;
	}
	/* Two CPUs may both find room for the last one: the limit is the user's wish, not a bound of ours. */
	if (b->full_at > now + RATE_BURST_NS) {
		COUNT(b->refused[type & (EVENT_TYPES - 1)]);
		return false;
	}
	b->full_at = (b->full_at > now ? b->full_at : now) + rate_interval;
	return true;
}
#endif

/* What becomes of an event. Results that come in softirq keep it with the socket: there the task is a stranger. */
enum admission { ADMITTED, FILTERED, RATE_LIMITED };

static __always_inline enum admission admission_of(enum decision d, enum event_type type, u64 now)
{
	if (d == DECISION_DROP || (d == DECISION_OPEN && (kept_events >> type & 1)))
		return FILTERED;
#ifndef AGENTSMITH_LEGACY /* it has no frequent events */
	if (rate_interval && HIGH_VOLUME >> type & 1 && !budget__take(type, now))
		return RATE_LIMITED;
#endif
	return ADMITTED;
}

/* Counts what is not admitted. */
static __always_inline bool admit(enum admission a, enum event_type type)
{
	u32 key = type;
	struct counters *c;

	if (a == ADMITTED)
		return true;
	c = bpf_map_lookup_elem(&counts, &key);
	if (!c)
		return false;
	if (a == FILTERED) {
		COUNT(c->filtered);
	} else {
		if (EXPORTED >> type & 1)
			next_sequence();
		COUNT(c->rate_limited);
	}
	return false;
}

/* attempt() with all filters that need no more than the actor, who is `task`, the current one. */
static __always_inline bool attempt_by(enum event_type type, struct task_struct *task, u64 now)
{
	if (!attempt(type, task->tgid))
		return false;
	return admit(admission_of(filters ? filter__actor(type, task) : DECISION_OPEN, type, now), type);
}

#endif
