/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread rewrites a path while a call takes it: rewrite-path open|mkdir COUNT. It tells which names were made of
 * which the memory said otherwise before or after the call; at least COUNT.
 */
#include "truth.h"
#include <pthread.h>
#include <sys/stat.h>

/* With one CPU the threads would hardly ever meet. */
#define MOST 20000
#define WHICH 6

static char path[16];
static volatile int done;

static void *rewrite(void *unused)
{
	for (unsigned i = 0; !done; i++)
		((volatile char *)path)[WHICH] = "ab"[i & 1];
	return unused;
}

int main(int argc, char **argv)
{
	int is_open = argc > 1 && !strcmp(argv[1], "open"), wanted = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t thread;
	struct line l;
	FILE *to = line_begin(&l);

	strcpy(path, "n00000a");
	pthread_create(&thread, NULL, rewrite, NULL);
	fputs("\"made\":[", to);
	for (int i = 0; i < MOST && wanted > 0; i++) {
		char before, after, number[16], real[16];

		snprintf(number, sizeof(number), "%05d", i);
		memcpy(path + 1, number, 5);
		before = ((volatile char *)path)[WHICH];
		if (is_open)
			close(MUST(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600)));
		else
			MUST(syscall(SYS_mkdirat, AT_FDCWD, path, 0700));
		after = ((volatile char *)path)[WHICH];
		snprintf(real, sizeof(real), "n%05da", i);
		if (access(real, F_OK))
			real[WHICH] = 'b';
		if (real[WHICH] != before || real[WHICH] != after) {
			fprintf(to, "\"%s\",", real);
			wanted--;
		}
	}
	done = 1;
	pthread_join(thread, NULL);
	fputs("\"\"],", to);
	json_proc(to);
	line_end(&l);
	return 0;
}
