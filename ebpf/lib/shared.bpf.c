// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What many programs call, in an object of its own: here alone objects of the kernel can be given their types (object.h). Each
 * is a global function, which the verifier walks once a program and by itself.
 */
#define AGENTSMITH_SHARED
#include "call-fd.h"
#include "file.h"
#include "image.h"
#include "target.h"
#include "walk.h"

/* The current task, followed without a search for each of its pointers. */
static __always_inline struct task_struct *current(void)
{
	return CAST(bpf_get_current_task_btf());
}

u64 cgroup__id(void)
{
	return who__cgroup(current());
}

int who__put(struct who *who)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (who)
		who__fill(who, task, who__cgroup(task));
	return 0;
}

int send_fd(void)
{
	return send_fd_of(current());
}

int connect_fd(void)
{
	return connect_fd_of(current());
}

int known__current(void)
{
	return known__has(current());
}

int image__put(u32 slot)
{
	struct builder b = { .slot = slot, .scratch = bpf_map_lookup_elem(&scratches, &slot) };

	if (!b.scratch)
		return 0;
	b.end = sizeof(struct process_exec);
	image__fill(&b, (void *)b.scratch->bytes, current());
	return b.end;
}

u64 descriptor__address(u32 fd)
{
	struct task_struct *task = current();
	struct files_struct *files = FIELD(task, files);
	struct fdtable *table = FIELD(files, fdt);
	struct file **all = FIELD(table, fd), *file = NULL;

	if (fd < FIELD(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &all[fd]);
	return (u64)file;
}

int opened__kind(u64 address)
{
	struct file *file = (void *)address;
	u32 mode = FIELD(file, f_mode);
	u64 magic;

	if (!(mode & FMODE_WRITE))
		return mode & FMODE_CREATED ? OPENED_MADE : 0;
	magic = opened__magic(file);
	return (mode & FMODE_CREATED ? OPENED_MADE : 0) | (opened__is_memory(file, magic) ? OPENED_MEMORY : 0) |
	       (opened__is_helper(file, magic) ? OPENED_HELPER : 0);
}

int file__put(u32 slot)
{
	struct builder b = { .slot = slot, .end = sizeof(struct file_change) };
	struct file_change *e;
	struct file *file;

	b.scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!b.scratch)
		return 0;
	e = (void *)b.scratch->bytes;
	file = (void *)b.scratch->file;
	file__inode(e, FIELD(file, f_inode));
	path__append(&b, &e->path, FIELD(file, f_path.dentry), FIELD(file, f_path.mnt));
	return b.end;
}

u64 target__of_number(u32 number)
{
	u64 task = (u64)bpf_get_current_task(), own, pid, first;
	u32 level;

	own = WORD(task + bpf_core_field_offset(struct task_struct, thread_pid));
	level = FIELD((struct pid *)own, level);
	own += bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
	pid = target__find(WORD(own + bpf_core_field_offset(struct upid, ns)), number);
	if (!pid)
		return 0;
	first = WORD(pid + bpf_core_field_offset(struct pid, tasks[PIDTYPE_PID].first));
	return first ? first - bpf_core_field_offset(struct task_struct, pid_links) : 0;
}

int target__put(u32 slot, u64 task)
{
	struct builder b = { .slot = slot, .end = sizeof(struct process_ptrace) };
	struct task_struct *target = (void *)task, *leader = FIELD(target, group_leader);
	struct process_ptrace *e;
	struct mm_struct *mm;
	struct file *file;

	b.scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!b.scratch)
		return 0;
	e = (void *)b.scratch->bytes;
	e->target = FIELD(target, tgid);
	e->target_start = FIELD(leader, start_boottime);
	e->target_exec_id = FIELD(target, self_exec_id);
	if (known__image(e->target, e->target_start) == (u32)e->target_exec_id + 1) {
		e->flags |= PTRACE_IMAGE_KNOWN;
		return b.end;
	}
	mm = FIELD(target, mm);
	file = FIELD(mm, exe_file);
	path__append(&b, &e->executable, FIELD(file, f_path.dentry), FIELD(file, f_path.mnt));
	return b.end;
}

/* Two, because there are 512 bytes of stack for all functions that call each other. */
int introduce__who(u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (scratch)
		introduce__fill_who((void *)scratch->bytes, current());
	return scratch != NULL;
}

int introduce__image(u32 slot)
{
	struct builder b = { .slot = slot, .scratch = bpf_map_lookup_elem(&scratches, &slot) };

	return b.scratch ? introduce__fill_image(&b, current()) : 0;
}
