/* SPDX-License-Identifier: Apache-2.0 */
/* What leads out of a container: escape mount | setns | core-pattern. The host is left as it was. */
#include "truth.h"
#include <sched.h>
#include <sys/mount.h>

static void way_mount(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip("this kernel allows no mount namespace");
	MUST(mount("none", "/dev", "tmpfs", 0, NULL));
}

static void way_setns(void)
{
	int fd = MUST(open("/proc/self/ns/net", O_RDONLY));

	MUST(unshare(CLONE_NEWNET));
	MUST(setns(fd, CLONE_NEWNET));
}

/* Written as it was. */
static void way_core_pattern(void)
{
	char text[256];
	int fd = open("/proc/sys/kernel/core_pattern", O_RDWR), length;

	if (fd < 0)
		skip("core_pattern cannot be written here");
	length = MUST(read(fd, text, sizeof(text)));
	MUST(lseek(fd, 0, SEEK_SET));
	MUST(write(fd, text, length));
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	struct line l;

	if (!strcmp(way, "mount")) {
		way_mount();
	} else if (!strcmp(way, "setns")) {
		way_setns();
	} else if (!strcmp(way, "core-pattern")) {
		way_core_pattern();
	} else {
		return 64;
	}
	json_proc(line_begin(&l));
	line_end(&l);
	return 0;
}
