/* SPDX-License-Identifier: Apache-2.0 */
/* The linked BPF object as bytes of the addon. */
	.section .rodata
	.balign 16
	.global agentsmith_object_start
	.hidden agentsmith_object_start
	.global agentsmith_object_end
	.hidden agentsmith_object_end
agentsmith_object_start:
	.incbin AGENTSMITH_OBJECT
agentsmith_object_end:
	.section .note.GNU-stack,"",%progbits
