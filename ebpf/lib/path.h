/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The real path of a kernel object: from the dentry up to the root of its mount namespace, across mounts, whatever
 * the caller called it. Components go out leaf first (struct path_text); user space turns them round, so nothing is
 * moved here and a path that is too long keeps its leaf.
 */
#ifndef AGENTSMITH_PATH_H
#define AGENTSMITH_PATH_H

#include "text.h"
#include "compat.h"

#define WALK_STEPS 640          /* components and mounts; 600 components of a PATH_MAX path were tried */
#define WALK_STEPS_UNROLLED 24  /* before bpf_loop (5.17) every step is verified: 1.3 k instructions become 112 k */

/* The limit is looked at before each component, so one of 255 bytes and two NULs may pass it. */
#define PATH_ROOM (PATH_TEXT_MAX + 257)

struct walk {
	struct dentry *dentry;
	struct vfsmount *mnt;
	struct dentry *root;        /* of the mount */
	u32 slot;
	u32 offset;
	u32 limit;
	u32 at_root;
	u32 leaf_end;
};

static long walk__step(u32 i, struct walk *w)
{
	struct dentry *dentry = w->dentry, *parent;
	struct scratch *scratch;
	u32 slot = w->slot;
	long n;

	if (w->offset >= w->limit)
		return 1;
	if (dentry == w->root) {
		struct mount *mount = (void *)w->mnt - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);
		/* A local variable: a CO-RE read through w would record a relocation against struct walk. */
		struct vfsmount *mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);

		if (above == mount) {
			w->at_root = 1;
			return 1;
		}
		w->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		w->mnt = mnt;
		w->root = BPF_CORE_READ(mnt, mnt_root);
		return 0;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch)
		return 1;
	n = bpf_probe_read_kernel_str(scratch->bytes + MASK(w->offset, SCRATCH_SIZE - 1), 256,
				      BPF_CORE_READ(dentry, d_name.name));
	if (n > 0 && n <= 256)
		w->offset += n;
	if (!w->leaf_end)
		w->leaf_end = w->offset - 1;
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

/*
 * Puts the path of the scratch's `dentry` in its `mnt` at `start`, and returns its length. Global: verified once a program,
 * and not once for each path of an image and each way that leads to it. That is why the two are handed over in memory: a
 * pointer whose type the verifier knows is no argument for a number.
 */
GLOBAL int path__put(u32 slot, u32 start)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);
	struct walk w = { .slot = slot, .offset = start, .limit = start + PATH_TEXT_MAX };
	struct vfsmount *mnt;

	if (!scratch)
		return 0;
	mnt = (void *)scratch->mnt;
	w.dentry = (void *)scratch->dentry;
	w.mnt = mnt;
	w.root = BPF_CORE_READ(mnt, mnt_root);
	walk__run(&w);
	if (w.at_root) {
		scratch->bytes[MASK(w.offset, SCRATCH_SIZE - 1)] = 0;
		w.offset++;
	}
	if (!scratch->leaf_end)
		scratch->leaf_end = w.leaf_end;
	return w.offset - start;
}

static __always_inline void path__append(struct builder *b, struct path_text *t, struct dentry *dentry,
					 struct vfsmount *mnt)
{
	t->offset = b->end;
	t->length = 0;
	if (!dentry || !mnt)
		return;
	b->scratch->dentry = (u64)dentry;
	b->scratch->mnt = (u64)mnt;
	t->length = path__put(b->slot, b->end);
	b->end += t->length;
}

#endif
