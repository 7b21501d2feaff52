/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user space writes into the maps of lib/filter.h, and reads from them. The rules of events.h hold here too. */
#ifndef AGENTSMITH_FILTERS_H
#define AGENTSMITH_FILTERS_H

#include "events.h"

/* Bits = enum event_type. */
struct verdict {
	__u64 drop;
	__u64 keep;
};

struct file_key {
	__u64 inode;
	__u32 device;                 /* major << 20 | minor */
	__u32 unused;
};

struct network_key {
	__u32 prefix;                 /* bits; an IPv4 network is written as IPv6 (::ffff:a.b.c.d), so 96 more */
	__u8 address[16];
};

/*
 * The last bytes of a path text, compared as words under a mask. In a path text the first components stand last, so what
 * is below /etc/cron.d/ ends in "\0cron.d\0etc\0\0"; with LEAF they are the last bytes of the leaf (*.so).
 */
#define PATH_RULE_BYTES 64
#define PATH_RULES 16
enum path_rule_kind { PATH_BELOW, PATH_LEAF, PATH_EXACT };
struct path_rule {
	__u64 bytes[PATH_RULE_BYTES / 8];
	__u64 mask[PATH_RULE_BYTES / 8];
	struct verdict verdict;
	__u32 kind;                   /* enum path_rule_kind */
	__u32 length;
};

/* What a process may still send, as the time at which its bucket is full again (GCRA). */
struct budget {
	__u64 full_at;
	__u64 refused[EVENT_TYPES];   /* counts up; user space tells the difference */
};

enum filter_kind {
	FILTER_UID = 1,
	FILTER_CGROUP = 2,
	FILTER_EXECUTABLE = 4,
	FILTER_NETWORK = 8,
	FILTER_PATH = 16,
};

#endif
