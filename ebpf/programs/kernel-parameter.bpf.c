// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * kernel.parameter.change: a file below /proc/sys is written, as core_pattern, modprobe or kptr_restrict.
 *
 * Hook: cgroup/sysctl on the root. It runs in whoever writes, for whatever way of writing, before the kernel takes the
 * value, and has the kernel's own copies of the old and of the new one; fentry on the handlers would be one program for
 * each kind of parameter. Reads come by too and end at once; the kernel reads the value once
 * more for each (372 ns instead of 258).
 * Kernels: 5.13 as part of the object. Escapes: values that the kernel sets by itself or is started with; whether the
 * kernel took the value is not known; what does the same and lies elsewhere (kernel-helper.bpf.c knows the worst).
 */
#include "../lib/act.h"

#define NAME_MAX 256
#define VALUE_MAX 1024

/* A text of `n` bytes lies at the end of what is built; a newline at its end is none of the value. */
static __always_inline void keep(struct builder *b, struct text *t, u32 n, u32 max)
{
	t->offset = b->end;
	t->length = 0;
	if (n < 1 || n >= max)
		return;
	if (b->scratch->bytes[MASK(b->end + n - 1, SCRATCH_SIZE - 1)] == '\n')
		n--;
	t->length = n;
	b->end += n;
}

#define AT_END(b) ((char *)(b)->scratch->bytes + MASK((b)->end, SCRATCH_SIZE - 1))

/* The helpers give the length, or -E2BIG when they had to cut. */
static __always_inline void keep_value(struct builder *b, struct kernel_parameter_change *e, struct text *t, int n)
{
	if (n == -7) {
		e->flags |= PARAMETER_TRUNCATED;
		n = VALUE_MAX - 1;
	}
	keep(b, t, n, VALUE_MAX);
}

SEC("cgroup/sysctl")
int kernel_parameter(struct bpf_sysctl *ctx)
{
	struct kernel_parameter_change *e;
	struct builder b = {};
	int n;

	if (!ctx->write)
		return 1;
	TIMED(EVENT_KERNEL_PARAMETER_CHANGE);
	if (!act__begin(&b, IN_TRAMPOLINE, EVENT_KERNEL_PARAMETER_CHANGE, sizeof(*e), bpf_get_current_task_btf()))
		return 1;
	e = (void *)b.scratch->bytes;
	e->flags = 0;
	n = bpf_sysctl_get_name(ctx, AT_END(&b), NAME_MAX, 0);
	keep(&b, &e->name, n < 0 ? 0 : n, NAME_MAX);
	n = bpf_sysctl_get_new_value(ctx, AT_END(&b), VALUE_MAX);
	keep_value(&b, e, &e->value, n);
	n = bpf_sysctl_get_current_value(ctx, AT_END(&b), VALUE_MAX);
	keep_value(&b, e, &e->old_value, n);
	act__send(&b, IN_TRAMPOLINE, EVENT_KERNEL_PARAMETER_CHANGE, PROGRAM_kernel_parameter);
	return 1;
}
