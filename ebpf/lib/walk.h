/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The walk of path.h. */
#ifndef AGENTSMITH_WALK_H
#define AGENTSMITH_WALK_H

#include "object.h"
#include "path.h"

#define WALK_STEPS 640          /* components and mounts; 600 components of a PATH_MAX path were tried */
#define WALK_STEPS_UNROLLED 64  /* before bpf_loop (5.17) every step is verified, some 60 instructions */

struct walk {
	struct dentry *dentry;
	struct mount *mount;
	struct dentry *root;        /* of the mount */
	u32 slot;
	u32 limit;
	u32 at_root;
};

/* The name of `dentry` when it is short enough to lie there: how many bytes with the NUL were put at `to`; 0 = it is not. */
static __always_inline u32 walk__short_name(u64 *to, struct dentry *dentry, const unsigned char *name)
{
	u32 at = 0, size = 0;
	const u64 *from;

	/* The asm keeps clang from computing a place that this kernel does not have. */
	if (bpf_core_field_exists(struct dentry___shortname, d_shortname)) {
		at = bpf_core_field_offset(struct dentry___shortname, d_shortname);
		size = bpf_core_field_size(struct dentry___shortname, d_shortname);
		asm volatile("" : "+r"(at), "+r"(size));
	} else if (bpf_core_field_exists(struct dentry___iname, d_iname)) {
		at = bpf_core_field_offset(struct dentry___iname, d_iname);
		size = bpf_core_field_size(struct dentry___iname, d_iname);
		asm volatile("" : "+r"(at), "+r"(size));
	}
	if (!at || name != (const unsigned char *)dentry + at)
		return 0;
	from = (void *)CAST(dentry) + at;
#pragma unroll
	for (u32 i = 0; i < SHORT_NAME_MAX / 8; i++) {
		u64 word, zeros;

		if (8 * i >= size)
			break;
		word = from[i];
		zeros = zero_bytes(word);
		to[i] = word;
		if (zeros)
			return 8 * i + bytes_to(zeros);
	}
	return 0;
}

static long walk__step(u32 i, struct walk *w)
{
	struct dentry *dentry = w->dentry, *parent;
	const unsigned char *name;
	struct scratch *scratch;
	u32 slot = w->slot;
	long n = 0;
	u8 *to;

	/* Where the path ends stands in memory: of a number that it knows the verifier follows each that it may be. */
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch || scratch->path_end >= w->limit)
		return 1;
	if (dentry == w->root) {
		/* Local variables: a CO-RE read through w would record a relocation against struct walk. */
		struct mount *mount = w->mount, *above = FIELD(mount, mnt_parent);

		if (above == mount) {
			w->at_root = 1;
			return 1;
		}
		w->dentry = FIELD(mount, mnt_mountpoint);
		w->mount = above;
		w->root = FIELD(above, mnt.mnt_root);
		return 0;
	}
	parent = FIELD(dentry, d_parent);
	name = FIELD(dentry, d_name.name);
	to = scratch->bytes + MASK(scratch->path_end, SCRATCH_SIZE - 1);
	if (CAN_CAST)
		n = walk__short_name((u64 *)to, dentry, name);
	if (!n)
		n = bpf_probe_read_kernel_str(to, 256, name);
	if (n > 0 && n <= 256)
		scratch->path_end += n;
	if (!scratch->leaf_end)
		scratch->leaf_end = scratch->path_end - 1;
	w->dentry = parent;
	return parent == dentry;    /* the pseudo root of a memfd, pipe or socket: its name is all there is */
}

static __always_inline void walk__run(struct walk *w)
{
#ifndef AGENTSMITH_LEGACY
	if (HAVE_HELPER(loop)) {
		bpf_loop(WALK_STEPS, walk__step, w, 0);
		return;
	}
#endif
	for (int i = 0; i < WALK_STEPS_UNROLLED; i++)
		if (walk__step(i, w))
			return;
}

SHARED int path__put(u32 slot, u32 start)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct walk w = { .slot = slot, .limit = start + PATH_TEXT_MAX };
	struct mount *mount;
	u64 mnt;

	if (!scratch)
		return 0;
	mnt = scratch->path[bpf_core_field_offset(struct path, mnt) / 8];
	w.dentry = (void *)scratch->path[bpf_core_field_offset(struct path, dentry) / 8];
	if (!mnt || !w.dentry)
		return 0;
	mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	w.mount = mount;
	w.root = FIELD(mount, mnt.mnt_root);
	scratch->path_end = start;
	walk__run(&w);
	if (w.at_root)
		scratch->bytes[MASK(scratch->path_end++, SCRATCH_SIZE - 1)] = 0;
	return scratch->path_end - start;
}

#endif
