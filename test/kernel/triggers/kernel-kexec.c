/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for another kernel, in ways that are refused before anything changes: kernel-kexec memory|crash|int80|file PATH */
#include "truth.h"
#include "int80.h"

#define NO_SUCH_FLAG 0x8000

static unsigned long long began;

static void say(const char *action, const char *path, int result)
{
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"result\":%d,\"began\":\"%llu\",\"ended\":\"%llu\",", result, began, boot_ns());
	json_text(to, "action", action);
	if (path)
		json_text(to, "path", path);
	json_proc(to);
	line_end(&l);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : NULL;
	unsigned char segment[32] = {};
	int fd = path ? MUST(open(path, O_RDONLY)) : -1, result;

	if (!strcmp(way, "forbidden"))
		MUST(setuid(65534));
	began = boot_ns();
	if (!strcmp(way, "file") || !strcmp(way, "forbidden")) {
#ifndef SYS_kexec_file_load
		skip("there is no kexec_file_load here");
#else
		/* 4 = KEXEC_FILE_NO_INITRAMFS */
		result = syscall(SYS_kexec_file_load, fd, -1, 0, NULL, 4 | NO_SUCH_FLAG) ? -errno : 0;
		say("load", path, result);
#endif
	} else if (!strcmp(way, "int80")) {
		result = int80(283, 0, 1, (long)low_memory());
		say("load", NULL, result);
	} else {
		/* Flags that no kernel knows. */
		result = syscall(SYS_kexec_load, 0, 1, segment, NO_SUCH_FLAG | !strcmp(way, "crash")) ? -errno : 0;
		say(strcmp(way, "crash") ? "load" : "load_on_crash", NULL, result);
	}
	return 0;
}
