/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls at their exit, for what has no better hook without BPF trampolines (tier B).
 *
 * One program alone is attached (programs/syscall-exit.bpf.c), because every further one costs every system call of the
 * machine as much again; it finds the call in a table and hands over to the programs of the events by tail call. Those
 * are named here: SLOT_ and the program's own name, which is how the loader finds their place. An event that is switched
 * off leaves its place empty. The exit and not the entry: the result is known, descriptors lead to kernel objects, and
 * strings that the kernel has just read are resident.
 */
#ifndef AGENTSMITH_SYSCALL_H
#define AGENTSMITH_SYSCALL_H

#include "compat.h"
#include "ring.h"

enum syscall_slot {
	SLOT_NONE,
	SLOT_file_open_exit,
	SLOT_file_path_exit,
	SLOT_network_bind_exit,
	SLOT_network_connect_exit,
	SLOT_process_ptrace_exit,
	SLOT_process_memory_exit,
	SLOT_process_credential_exit,
	SLOT_process_exec_exit,
	SLOT_kernel_module_exit,
	SLOT_kernel_bpf_exit,
	SLOT_process_namespace_exit,
	SLOT_filesystem_mount_exit,
	SLOT_kernel_helper_exit,
	SLOT_kernel_kexec_exit,
	SLOT_network_socket_exit,
	SLOTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, enum syscall_slot);
	__type(value, u32);
} syscall_exits SEC(".maps") __weak;

/* A system call whatever its number is on this architecture and in this ABI. */
enum call {
	CALL_NONE,
	CALL_OPEN, CALL_CREAT, CALL_OPENAT, CALL_OPENAT2, /* first: programs/syscall-exit.bpf.c looks at them itself */
	CALL_LINK, CALL_LINKAT, CALL_SYMLINK, CALL_SYMLINKAT, CALL_UNLINK, CALL_UNLINKAT, CALL_RMDIR,
	CALL_RENAME, CALL_RENAMEAT, CALL_RENAMEAT2, CALL_MKDIR, CALL_MKDIRAT, CALL_MKNOD, CALL_MKNODAT,
	CALL_BIND, CALL_CONNECT, CALL_SOCKETCALL,
	CALL_PTRACE, CALL_PROCESS_VM_READV, CALL_PROCESS_VM_WRITEV, CALL_PIDFD_GETFD,
	CALL_SETUID, CALL_SETGID, CALL_SETREUID, CALL_SETREGID, CALL_SETRESUID, CALL_SETRESGID, CALL_SETFSUID,
	CALL_SETFSGID, CALL_CAPSET, CALL_UNSHARE, CALL_SETNS,
	CALL_EXECVE, CALL_EXECVEAT,
	CALL_INIT_MODULE, CALL_FINIT_MODULE, CALL_BPF, CALL_KEXEC_LOAD, CALL_KEXEC_FILE_LOAD,
	CALL_MOUNT, CALL_MOVE_MOUNT, CALL_FSMOUNT, CALL_OPEN_TREE, CALL_PIVOT_ROOT,
	CALLS = 64,                 /* a power of two, for the mask */
};

/* Programs that want a call, in the order in which they get it. */
#define SLOTS_PER_CALL 4
static const u8 slots_of_call[CALLS][SLOTS_PER_CALL] = {
	[CALL_LINK ... CALL_MKNODAT] = { SLOT_file_path_exit },
	[CALL_BIND] = { SLOT_network_bind_exit, SLOT_file_path_exit },
	[CALL_CONNECT] = { SLOT_network_connect_exit, SLOT_network_socket_exit },
	[CALL_SOCKETCALL] = { SLOT_network_bind_exit, SLOT_file_path_exit, SLOT_network_connect_exit,
			      SLOT_network_socket_exit },
	[CALL_PTRACE ... CALL_PIDFD_GETFD] = { SLOT_process_ptrace_exit },
	[CALL_SETUID ... CALL_CAPSET] = { SLOT_process_credential_exit },
	[CALL_UNSHARE ... CALL_SETNS] = { SLOT_process_credential_exit, SLOT_process_namespace_exit },
	[CALL_EXECVE ... CALL_EXECVEAT] = { SLOT_process_exec_exit },
	[CALL_INIT_MODULE ... CALL_FINIT_MODULE] = { SLOT_kernel_module_exit },
	[CALL_BPF] = { SLOT_kernel_bpf_exit },
	[CALL_KEXEC_LOAD ... CALL_KEXEC_FILE_LOAD] = { SLOT_kernel_kexec_exit },
	[CALL_MOUNT ... CALL_PIVOT_ROOT] = { SLOT_filesystem_mount_exit },
};

#define SYSCALL_TABLE 512
#define X32_SYSCALL_BIT 0x40000000

/*
 * Side by side, because most calls end at one look: a number that is nothing in either ABI needs no word about which it was.
 */
static const struct {
	u8 native;                  /* arch/x86/entry/syscalls/syscall_64.tbl */
	u8 compat;                  /* syscall_32.tbl: int 0x80 and 32-bit programs. The 16-bit setuid and its like count too. */
} calls_x86[SYSCALL_TABLE] = {
	[2].native = CALL_OPEN, [42].native = CALL_CONNECT, [49].native = CALL_BIND, [59].native = CALL_EXECVE,
	[82].native = CALL_RENAME, [83].native = CALL_MKDIR, [84].native = CALL_RMDIR, [85].native = CALL_CREAT,
	[86].native = CALL_LINK, [87].native = CALL_UNLINK, [88].native = CALL_SYMLINK, [101].native = CALL_PTRACE,
	[105].native = CALL_SETUID, [106].native = CALL_SETGID, [113].native = CALL_SETREUID,
	[114].native = CALL_SETREGID, [117].native = CALL_SETRESUID, [119].native = CALL_SETRESGID,
	[122].native = CALL_SETFSUID, [123].native = CALL_SETFSGID, [126].native = CALL_CAPSET,
	[133].native = CALL_MKNOD, [155].native = CALL_PIVOT_ROOT, [165].native = CALL_MOUNT,
	[175].native = CALL_INIT_MODULE, [246].native = CALL_KEXEC_LOAD, [257].native = CALL_OPENAT,
	[258].native = CALL_MKDIRAT, [259].native = CALL_MKNODAT, [263].native = CALL_UNLINKAT,
	[264].native = CALL_RENAMEAT, [265].native = CALL_LINKAT, [266].native = CALL_SYMLINKAT,
	[272].native = CALL_UNSHARE, [308].native = CALL_SETNS, [310].native = CALL_PROCESS_VM_READV,
	[311].native = CALL_PROCESS_VM_WRITEV, [313].native = CALL_FINIT_MODULE, [316].native = CALL_RENAMEAT2,
	[320].native = CALL_KEXEC_FILE_LOAD, [321].native = CALL_BPF, [322].native = CALL_EXECVEAT,
	[428].native = CALL_OPEN_TREE, [429].native = CALL_MOVE_MOUNT, [432].native = CALL_FSMOUNT,
	[437].native = CALL_OPENAT2, [438].native = CALL_PIDFD_GETFD,

	[5].compat = CALL_OPEN, [8].compat = CALL_CREAT, [9].compat = CALL_LINK, [10].compat = CALL_UNLINK,
	[11].compat = CALL_EXECVE, [14].compat = CALL_MKNOD, [21].compat = CALL_MOUNT, [23].compat = CALL_SETUID,
	[26].compat = CALL_PTRACE, [38].compat = CALL_RENAME, [39].compat = CALL_MKDIR, [40].compat = CALL_RMDIR,
	[46].compat = CALL_SETGID, [70].compat = CALL_SETREUID, [71].compat = CALL_SETREGID,
	[83].compat = CALL_SYMLINK, [102].compat = CALL_SOCKETCALL, [128].compat = CALL_INIT_MODULE,
	[138].compat = CALL_SETFSUID, [139].compat = CALL_SETFSGID, [164].compat = CALL_SETRESUID,
	[170].compat = CALL_SETRESGID, [185].compat = CALL_CAPSET, [203].compat = CALL_SETREUID,
	[204].compat = CALL_SETREGID, [208].compat = CALL_SETRESUID, [210].compat = CALL_SETRESGID,
	[213].compat = CALL_SETUID, [214].compat = CALL_SETGID, [215].compat = CALL_SETFSUID,
	[216].compat = CALL_SETFSGID, [217].compat = CALL_PIVOT_ROOT, [283].compat = CALL_KEXEC_LOAD,
	[295].compat = CALL_OPENAT, [296].compat = CALL_MKDIRAT, [297].compat = CALL_MKNODAT,
	[301].compat = CALL_UNLINKAT, [302].compat = CALL_RENAMEAT, [303].compat = CALL_LINKAT,
	[304].compat = CALL_SYMLINKAT, [310].compat = CALL_UNSHARE, [346].compat = CALL_SETNS,
	[347].compat = CALL_PROCESS_VM_READV, [348].compat = CALL_PROCESS_VM_WRITEV,
	[350].compat = CALL_FINIT_MODULE, [353].compat = CALL_RENAMEAT2, [357].compat = CALL_BPF,
	[358].compat = CALL_EXECVEAT, [361].compat = CALL_BIND, [362].compat = CALL_CONNECT,
	[428].compat = CALL_OPEN_TREE, [429].compat = CALL_MOVE_MOUNT, [432].compat = CALL_FSMOUNT,
	[437].compat = CALL_OPENAT2, [438].compat = CALL_PIDFD_GETFD,
};

/* include/uapi/asm-generic/unistd.h */
static const u8 calls_arm64[SYSCALL_TABLE] = {
	[33] = CALL_MKNODAT, [34] = CALL_MKDIRAT, [35] = CALL_UNLINKAT, [36] = CALL_SYMLINKAT, [37] = CALL_LINKAT,
	[38] = CALL_RENAMEAT, [40] = CALL_MOUNT, [41] = CALL_PIVOT_ROOT, [56] = CALL_OPENAT, [91] = CALL_CAPSET, [97] = CALL_UNSHARE, [104] = CALL_KEXEC_LOAD, [105] = CALL_INIT_MODULE, [117] = CALL_PTRACE,
	[143] = CALL_SETREGID, [144] = CALL_SETGID, [145] = CALL_SETREUID, [146] = CALL_SETUID, [147] = CALL_SETRESUID,
	[149] = CALL_SETRESGID, [151] = CALL_SETFSUID, [152] = CALL_SETFSGID, [200] = CALL_BIND, [203] = CALL_CONNECT,
	[221] = CALL_EXECVE, [268] = CALL_SETNS, [270] = CALL_PROCESS_VM_READV, [271] = CALL_PROCESS_VM_WRITEV, [273] = CALL_FINIT_MODULE,
	[276] = CALL_RENAMEAT2, [280] = CALL_BPF, [281] = CALL_EXECVEAT, [294] = CALL_KEXEC_FILE_LOAD, [428] = CALL_OPEN_TREE, [429] = CALL_MOVE_MOUNT,
	[432] = CALL_FSMOUNT, [437] = CALL_OPENAT2, [438] = CALL_PIDFD_GETFD,
};

/* The x32 ABI has the numbers of x86-64 and a few of its own (from 512 on). */
static __always_inline u32 call_of_x32(u32 nr)
{
	switch (nr) {
	case 520: return CALL_EXECVE;
	case 521: return CALL_PTRACE;
	case 528: return CALL_KEXEC_LOAD;
	case 539: return CALL_PROCESS_VM_READV;
	case 540: return CALL_PROCESS_VM_WRITEV;
	case 545: return CALL_EXECVEAT;
	}
	return CALL_NONE;
}

static __always_inline bool syscall_is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

/* The number of the call that ends, without the bit of x32; `regs` are those that tp_btf/sys_exit hands over. */
static __always_inline u32 call_number(const struct pt_regs *regs)
{
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return (u32)((const struct pt_regs___x86 *)regs)->orig_ax & ~X32_SYSCALL_BIT;
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno))
		return ((const struct pt_regs___arm64 *)regs)->syscallno;
	return SYSCALL_TABLE;
}

/* Whether it can be one that is named here: what nearly all calls are asked, and all that they cost. */
static __always_inline bool call_is_named(const struct pt_regs *regs)
{
	u32 nr = call_number(regs), at = MASK(nr, SYSCALL_TABLE - 1);

	if (nr >= SYSCALL_TABLE)
		return true;
	if (!bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return calls_arm64[at];
	return calls_x86[at].native || (calls_x86[at].compat && syscall_is_compat(bpf_get_current_task_btf()));
}

/* Which call ends. */
static __always_inline u32 call_of(const struct pt_regs *regs)
{
	u32 nr = call_number(regs), at = MASK(nr, SYSCALL_TABLE - 1);

	if (!bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return nr < SYSCALL_TABLE ? calls_arm64[at] : CALL_NONE;
	if (!syscall_is_compat(bpf_get_current_task_btf()))
		return nr < SYSCALL_TABLE ? calls_x86[at].native : call_of_x32(nr);
	/* There the bit belongs to the number, of which there is no call. */
	nr = ((const struct pt_regs___x86 *)regs)->orig_ax;
	return nr < SYSCALL_TABLE ? calls_x86[at].compat : CALL_NONE;
}

/* Argument `n` (0-5, a constant) of the call that ends. A pointer of a 32-bit program is zero-extended. */
static __always_inline u64 call_argument(struct task_struct *task, const struct pt_regs *regs, int n)
{
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax)) {
		const struct pt_regs___x86 *x86 = (const void *)regs;

		if (syscall_is_compat(task)) {
			switch (n) {
			case 0: return (u32)x86->bx;
			case 1: return (u32)x86->cx;
			case 2: return (u32)x86->dx;
			case 3: return (u32)x86->si;
			case 4: return (u32)x86->di;
			default: return (u32)x86->bp;
			}
		}
		switch (n) {
		case 0: return x86->di;
		case 1: return x86->si;
		case 2: return x86->dx;
		case 3: return x86->r10;
		case 4: return x86->r8;
		default: return x86->r9;
		}
	}
	if (bpf_core_field_exists(struct pt_regs___arm64, syscallno)) {
		const struct pt_regs___arm64 *arm64 = (const void *)regs;

		/* The result is in x0 by now. */
		return n == 0 ? arm64->orig_x0 : arm64->regs[n];
	}
	return 0;
}

/* Bytes of a pointer in the memory of who makes the call that ends. x32 calls that take pointers have numbers of their own. */
static __always_inline u32 call_pointer_size(struct task_struct *task, const struct pt_regs *regs)
{
	if (!bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return 8;
	return syscall_is_compat(task) || (u32)((const struct pt_regs___x86 *)regs)->orig_ax >= X32_SYSCALL_BIT ? 4 : 8;
}

/* openat2 keeps its flags in memory that the caller may change: it may ask for anything. */
static __always_inline bool call_asks_for_creation(struct task_struct *task, const struct pt_regs *regs, u32 call)
{
	switch (call) {
	case CALL_OPEN: return call_argument(task, regs, 1) & O_CREAT;
	case CALL_OPENAT: return call_argument(task, regs, 2) & O_CREAT;
	default: return true;
	}
}

/* An open for reading only, as most are. */
static __always_inline bool call_only_reads(struct task_struct *task, const struct pt_regs *regs, u32 call)
{
	if (call == CALL_OPEN)
		return !(call_argument(task, regs, 1) & 3);
	return call == CALL_OPENAT && !(call_argument(task, regs, 2) & 3);
}

/* Hands the call over to the program that stands behind `mine` in its row; comes back when there is none. */
static __always_inline void syscall_next(void *ctx, u32 call, enum syscall_slot mine)
{
	bool behind = mine == SLOT_NONE;

	for (int i = 0; i < SLOTS_PER_CALL; i++) {
		u32 slot = slots_of_call[MASK(call, CALLS - 1)][i];

		if (behind && slot)
			bpf_tail_call(ctx, &syscall_exits, slot);
		if (slot == mine)
			behind = true;
	}
}

#endif
