// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is the same for all that runs here and never changes: run once by the loader (BPF_PROG_RUN, addon/load.cc) before anything
 * is attached, and by nobody else. Without it all is seen as well, descriptors of connects excepted, and takes a little longer.
 * Kernels: 5.15 for the registers, 5.11 for the rest.
 */
#include "../lib/task.h"

#define ANCESTORS 64            /* of the agent: more is no service's */

SEC("raw_tp")
int host_learn(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct nsproxy *ns;

	if (HAVE_HELPER(task_pt_regs))
		pt_regs_offset = (u64)bpf_task_pt_regs(task) - (u64)BPF_CORE_READ(task, stack);
	/* The parent of the first process and of the kernel's threads alone has the number 0. */
	for (int i = 0; i < ANCESTORS && BPF_CORE_READ(task, pid); i++)
		task = BPF_CORE_READ(task, real_parent);
	if (BPF_CORE_READ(task, pid))
		return 0;
	ns = BPF_CORE_READ(task, nsproxy);
	host_mnt_and_net = (u64)BPF_CORE_READ(ns, net_ns, ns.inum) << 32 | BPF_CORE_READ(ns, mnt_ns, ns.inum);
	host_user_ns = (u64)BPF_CORE_READ(task, cred, user_ns);
	host_nsproxy = (u64)ns;
	return 0;
}
