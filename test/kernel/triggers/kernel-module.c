/* SPDX-License-Identifier: Apache-2.0 */
/* Loads kernel modules: one deed a line on stdin, one line of truth for each. */
#include "low.h"
#include <limits.h>
#include <sys/stat.h>

#define NOBODY 65534

static void done(long result, unsigned long long before, const char *path)
{
	unsigned long long after = boot_ns();
	char real[PATH_MAX];
	struct line l;
	FILE *to = line_begin(&l);

	if (path && realpath(path, real))
		json_text(to, "path", real);
	fprintf(to, "\"result\":%ld,\"before\":\"%llu\",\"after\":\"%llu\",", result, before, after);
	json_proc(to);
	line_end(&l);
}

static long call(long nr, unsigned long a, unsigned long b, unsigned long c)
{
	return syscall(nr, a, b, c) ? -errno : 0;
}

/* finit PATH FLAGS */
static void deed_finit(const char *path, int flags, int compat)
{
	int fd = MUST(open(path, O_RDONLY));
	char *none = low_page();
	unsigned long long before = boot_ns();
	long result = compat ? int80(350, fd, (long)none, flags, 0, 0) : call(SYS_finit_module, fd, (unsigned long)none, flags);

	done(result, before, path);
	close(fd);
}

/* init PATH: what the file holds, from memory */
static void deed_init(const char *path, int compat)
{
	int fd = MUST(open(path, O_RDONLY));
	struct stat st;
	char *bytes, *none = low_page();
	unsigned long long before;

	MUST(fstat(fd, &st));
	bytes = MUST(mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_32BIT, fd, 0));
	before = boot_ns();
	done(compat ? int80(128, (long)bytes, st.st_size, (long)none, 0, 0)
		    : call(SYS_init_module, (unsigned long)bytes, st.st_size, (unsigned long)none),
	     before, NULL);
	close(fd);
}

int main(void)
{
	static char line[PATH_MAX + 64], word[64], operand[PATH_MAX];
	int number;
	unsigned long long before;

	while (fgets(line, sizeof(line), stdin)) {
		number = *operand = 0;
		sscanf(line, "%63s %4095s %d", word, operand, &number);
		before = boot_ns();
		if (!strcmp(word, "finit"))
			deed_finit(operand, number, 0);
		else if (!strcmp(word, "finit80"))
			deed_finit(operand, number, 1);
		else if (!strcmp(word, "init"))
			deed_init(operand, 0);
		else if (!strcmp(word, "init80"))
			deed_init(operand, 1);
		else if (!strcmp(word, "finit-nothing"))
			done(call(SYS_finit_module, 999, (unsigned long)"", 0), before, NULL);
		else if (!strcmp(word, "delete"))
			done(call(SYS_delete_module, (unsigned long)operand, O_NONBLOCK, 0), before, NULL);
		else if (!strcmp(word, "nobody")) {
			MUST(setresuid(NOBODY, NOBODY, NOBODY));
			prctl(PR_SET_DUMPABLE, 1);
			done(0, before, NULL);
		} else
			return 64;
	}
	return 0;
}
