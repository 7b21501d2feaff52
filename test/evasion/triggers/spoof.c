/* SPDX-License-Identifier: Apache-2.0 */
/* Calls itself a thread of the kernel, in its arguments and by its name, and connects: spoof ARG... */
#include "net.h"

int main(int argc, char **argv)
{
	static const char name[] = "[kworker/0:0]";
	char *end = argv[argc - 1] + strlen(argv[argc - 1]);
	struct attempt a;
	struct line l;
	FILE *to;
	int proc;

	memset(argv[0], 0, end - argv[0]);
	memcpy(argv[0], name, sizeof(name));
	MUST(prctl(PR_SET_NAME, "kworker/0:0"));
	a = try_connect(MUST(socket(AF_INET, SOCK_DGRAM, 0)), address_of("127.0.0.1", 9));
	say_attempt(&a, NULL);
	/* What ps would show. */
	to = line_begin(&l);
	proc = proc_root();
	json_file(to, proc, "cmdline", "self/cmdline");
	close(proc);
	json_proc(to);
	line_end(&l);
	return 0;
}
