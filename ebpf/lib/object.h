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

#ifdef AGENTSMITH_SHARED
/* Only in lib/shared.bpf.c: bpftool of Debian 12 cannot link two objects that both call it. */
extern void *bpf_rdonly_cast(void *address, u32 type) __ksym __weak;

/* The helper came with 6.2 as well. The headers of Debian 12 do not know it. */
enum bpf_func_id___6_2 { BPF_FUNC_cgrp_storage_get___6_2 = 210 };
#define CAN_CAST bpf_core_enum_value_exists(enum bpf_func_id___6_2, BPF_FUNC_cgrp_storage_get___6_2)
#define CAST(object) ((typeof(object))bpf_rdonly_cast((void *)(object), bpf_core_type_id_kernel(typeof(*(object)))))

/* The field of an object at whatever address; 0 when nothing is there. */
#define FIELD(object, field)                                                 \
	({                                                                   \
		typeof((object)->field) _value;                              \
		if (CAN_CAST)                                                \
			_value = CAST(object)->field;                        \
		else                                                         \
			bpf_core_read(&_value, sizeof(_value), &(object)->field); \
		_value;                                                      \
	})
#else
#define CAN_CAST 0
#define CAST(object) (object)
#define FIELD(object, field) BPF_CORE_READ(object, field)
#endif

#endif
