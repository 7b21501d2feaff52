/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for another kernel to be loaded, in a way that is refused before anything changes. */
#include "truth.h"

int main(void)
{
	struct line l;
	FILE *to = line_begin(&l);
	/* Flags that no kernel knows: it is refused before anything changes. */
	int result = syscall(SYS_kexec_load, 0, 0, NULL, 0x8000) ? -errno : 0;

	fprintf(to, "\"result\":%d,", result);
	json_proc(to);
	line_end(&l);
	return 0;
}
