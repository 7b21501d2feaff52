/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a descriptor leads to, by the file itself: no mount, link or working directory hides it. */
#ifndef AGENTSMITH_OPENED_H
#define AGENTSMITH_OPENED_H

#include "object.h"

#define FMODE_CREATED 0x100000  /* include/linux/fs.h: this open made the file; the same bit since 4.19 */

/* The file behind a descriptor of the current task, as an address; 0 when there is none. (shared.bpf.c) */
SHARED u64 descriptor__address(u32 fd);

static __always_inline struct file *descriptor__file(u32 fd)
{
	return (struct file *)descriptor__address(fd);
}

/* enum opened of the file at this address. (shared.bpf.c) */
SHARED int opened__kind(u64 file);

enum opened {
	OPENED_MADE = 1,            /* it did not exist before */
	OPENED_MEMORY = 2,          /* /proc/PID/mem, for writing */
	OPENED_HELPER = 4,          /* names a program that the kernel starts, for writing */
	OPENED_GONE = 8,            /* nobody can say: another thread has closed the descriptor */
};

static __always_inline const unsigned char *opened__name(struct file *file)
{
	struct dentry *dentry = FIELD(file, f_path.dentry);

	return FIELD(dentry, d_name.name);
}

static __always_inline bool opened__is_memory(struct file *file, u64 magic)
{
	char name[4] = {};

	if (magic != PROC_SUPER_MAGIC)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), opened__name(file));
	return *(u32 *)name == *(u32 *)"mem";
}

static __always_inline bool opened__is_helper(struct file *file, u64 magic)
{
	union {
		char bytes[16];
		u64 words[2];
	} name = {};

	if (magic != CGROUP_SUPER_MAGIC && magic != SYSFS_MAGIC && magic != BINFMTFS_MAGIC)
		return false;
	bpf_probe_read_kernel_str(name.bytes, sizeof(name.bytes), opened__name(file));
	switch (magic) {
	case CGROUP_SUPER_MAGIC: return name.words[0] == *(u64 *)"release_" && name.words[1] == *(u64 *)"agent\0\0";
	case SYSFS_MAGIC: return name.words[0] == *(u64 *)"uevent_h" && name.words[1] == *(u64 *)"elper\0\0";
	default: return name.words[0] == *(u64 *)"register" && !name.words[1];
	}
}

static __always_inline u64 opened__magic(struct file *file)
{
	struct inode *inode = FIELD(file, f_inode);
	struct super_block *sb = FIELD(inode, i_sb);

	return FIELD(sb, s_magic);
}

#endif
