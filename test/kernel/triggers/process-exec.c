/* SPDX-License-Identifier: Apache-2.0 */
/* The program that is executed in the exec tests: it says who it is and what it was given. */
#include "truth.h"

int main(int argc, char **argv)
{
	unsigned long long began = boot_ns();
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"began\":\"%llu\",\"args\":[", began);
	for (int i = 0; i < argc; i++) {
		if (i)
			fputc(',', to);
		json_bytes(to, argv[i], strlen(argv[i]));
	}
	fputs("],", to);
	json_proc(to);
	line_end(&l);
	return 0;
}
