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

/* The limit is looked at before each component, so one of 255 bytes and two NULs may pass it. */
#define PATH_ROOM (PATH_TEXT_MAX + 257)

/*
 * Puts the path of the scratch's struct path at `start`, and returns its length; that is 0 where there is none. It is handed
 * over in memory: a pointer whose type the verifier knows is no argument for a number. (walk.h)
 */
SHARED int path__put(u32 slot, u32 start);

static __always_inline void path__end(struct builder *b, struct path_text *t)
{
	t->offset = b->end;
	t->length = path__put(b->slot, b->end);
	b->end += t->length;
}

static __always_inline void path__append(struct builder *b, struct path_text *t, struct dentry *dentry,
					 struct vfsmount *mnt)
{
	b->scratch->path[bpf_core_field_offset(struct path, mnt) / 8] = (u64)mnt;
	b->scratch->path[bpf_core_field_offset(struct path, dentry) / 8] = (u64)dentry;
	path__end(b, t);
}

/* The struct path that lies at `path` in the kernel's memory; where there is none, the text is empty. */
static __always_inline void path__append_at(struct builder *b, struct path_text *t, const struct path *path)
{
	bpf_probe_read_kernel(b->scratch->path, sizeof(b->scratch->path), path);
	path__end(b, t);
}

#endif
