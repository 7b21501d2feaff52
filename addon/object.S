/* SPDX-License-Identifier: Apache-2.0 */
/* The linked BPF objects as bytes of the addon: the usual one, that for kernels before 6.2, and that for those before 5.13. */
	.macro object name, file
	.balign 16
	.global \name\()_start
	.hidden \name\()_start
	.global \name\()_end
	.hidden \name\()_end
\name\()_start:
	.incbin "\file"
\name\()_end:
	.endm

	.section .rodata
	object agentsmith_object, AGENTSMITH_OBJECT
	object agentsmith_untyped_object, AGENTSMITH_UNTYPED_OBJECT
	object agentsmith_legacy_object, AGENTSMITH_LEGACY_OBJECT
	.section .note.GNU-stack,"",%progbits
