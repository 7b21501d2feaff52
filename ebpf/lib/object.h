/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Objects of the kernel as what they are. A read by helper costs about a hundred instructions whatever its size
 * (copy_from_kernel_nofault); a field of a pointer whose type the verifier knows is a load. From 6.2 on bpf_rdonly_cast
 * gives a type to any address, for nothing, and what is reached from there needs none of the searches by name that
 * the verifier makes for each pointer that it follows from a trusted one (btf_nested_type_is_trusted): they were half of
 * the time that loading took.
 */
#ifndef AGENTSMITH_OBJECT_H
#define AGENTSMITH_OBJECT_H

#include "compat.h"

/*
 * Only in lib/shared.bpf.c: bpftool of Debian 12 cannot link two objects that both call it. For kernels without it that file
 * is compiled once more (AGENTSMITH_UNTYPED): libbpf would look for it in all modules, which takes CAP_SYS_ADMIN.
 */
#if defined(AGENTSMITH_SHARED) && !defined(AGENTSMITH_UNTYPED)
extern void *bpf_rdonly_cast(void *address, u32 type) __ksym;

#define CAN_CAST 1
#define CAST(object) ((typeof(object))bpf_rdonly_cast((void *)(object), bpf_core_type_id_kernel(typeof(*(object)))))
/* The field of an object at whatever address; 0 when nothing is there. */
#define FIELD(object, field) (CAST(object)->field)
/* The word at an address, as a number. Of a pointer whose type the verifier knows there is no way to one. */
#define WORD(address) ((u64)CAST((struct timespec64 *)(address))->tv_sec)
#else
#define CAN_CAST 0
#define CAST(object) (object)
#define FIELD(object, field) BPF_CORE_READ(object, field)
#define WORD(address) ({ u64 _word = 0; bpf_probe_read_kernel(&_word, sizeof(_word), (void *)(address)); _word; })
#endif

#endif
