/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between kernels and architectures, each shim with its reason. */
#ifndef AGENTSMITH_COMPAT_H
#define AGENTSMITH_COMPAT_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* One object serves both architectures: the field that exists says where we run. */
struct pt_regs___x86 { unsigned long bx, cx, dx, si, di, bp, r8, r9, r10, orig_ax; };
struct pt_regs___arm64 { u64 regs[31]; u64 orig_x0; int syscallno; };
/* A short name lies in its dentry: up to 39 bytes, before 6.12 31; under another name since 6.14. */
struct dentry___iname { unsigned char d_iname[32]; };
struct dentry___shortname { union { unsigned char string[40]; } d_shortname; };
#pragma clang attribute pop

/*
 * AGENTSMITH_LEGACY is a second object for 5.10 and 5.11, which refuse any program with an atomic that returns a value
 * (5.12) or a callback (5.13), even in code that is never reached.
 */
#ifdef AGENTSMITH_LEGACY
#define HAVE_HELPER(name) 0
#else
#define HAVE_HELPER(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)
#endif

/*
 * A function that many programs call: compiled once, in lib/shared.bpf.c, and verified by itself once in each program, not
 * once for each way that leads to it. 5.10 takes it in line, which is less.
 */
#if defined(AGENTSMITH_LEGACY)
#define SHARED static __always_inline
#elif defined(AGENTSMITH_SHARED)
#define SHARED __noinline
#else
#define SHARED extern
#endif

/*
 * Where the saved user registers lie behind task->stack depends on THREAD_SIZE (KASAN) and on FRED's padding (x86, 6.9), so it is
 * learnt (programs/host.bpf.c) for the cgroup programs, which may not ask. 0 = not known.
 */
u32 pt_regs_offset SEC(".bss") __weak;

#endif
