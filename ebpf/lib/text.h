/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Appends text behind a record that is being built in scratch. `end` is the first free byte. */
#ifndef AGENTSMITH_TEXT_H
#define AGENTSMITH_TEXT_H

#include "ring.h"

struct builder {
	struct scratch *scratch;
	u32 slot;                   /* of the scratch, for callbacks that must look it up again */
	u32 end;
};

#define PATH_TEXT_MAX 4096      /* PATH_MAX */
#define SHORT_NAME_MAX 40       /* bytes that a dentry has for it; before 6.12 32 */

/* A word of text: the high bit of each byte that is 0. Exact for the lowest of them; above it there may be others. */
static __always_inline u64 zero_bytes(u64 word)
{
	const u64 ones = 0x0101010101010101;

	return (word - ones) & ~word & ones << 7;
}

/* How many bytes there are up to the one of the lowest of these bits, of which there is one, that one included. */
static __always_inline u32 bytes_to(u64 bits)
{
	const u64 ones = 0x0101010101010101;

	return (((bits & -bits) - 1) & ones) * ones >> 56;
}

/* A NUL-terminated kernel string of less than `max` bytes, its NUL left out. */
static __always_inline void text__append(struct builder *b, struct text *t, const char *from, u32 max)
{
	long n = bpf_probe_read_kernel_str(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), max, from);

	t->offset = b->end;
	t->length = 0;
	if (n > 1 && n <= max) {
		t->length = n - 1;
		b->end += n - 1;
	}
}

/* Up to 32 KiB of user memory; false when the pages could not be read. */
#define ARGV_MAX (1 << 15)
static __always_inline bool text__append_user(struct builder *b, struct text *t, unsigned long from, u64 size)
{
	t->offset = b->end;
	t->length = 0;
	if (!size)
		return true;
	if (size > ARGV_MAX)
		size = ARGV_MAX;
	if (bpf_probe_read_user(b->scratch->bytes + MASK(b->end, SCRATCH_SIZE - 1), MASK(size - 1, ARGV_MAX - 1) + 1,
				(void *)from))
		return false;
	t->length = size;
	b->end += size;
	return true;
}

#endif
