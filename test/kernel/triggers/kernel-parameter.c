/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what is there already: kernel-parameter core-pattern | release-agent | long. The host is left as it was.
 */
#include "truth.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static unsigned long long began;

static void say(const char *name, const char *value, const char *old, const char *path)
{
	struct line l;
	FILE *to = line_begin(&l);

	fprintf(to, "\"began\":\"%llu\",\"ended\":\"%llu\",", began, boot_ns());
	if (name)
		json_text(to, "name", name);
	if (value)
		json_text(to, "value", value);
	if (old)
		json_text(to, "old", old);
	if (path)
		json_text(to, "path", path);
	json_proc(to);
	line_end(&l);
}

static char *read_all(const char *path)
{
	static char text[8192];
	int fd = open(path, O_RDONLY), n;

	if (fd < 0)
		skip("this kernel has no such parameter");
	n = MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	text[n] = 0;
	if (n && text[n - 1] == '\n')
		text[n - 1] = 0;
	return strdup(text);
}

static void write_parameter(const char *name, const char *value)
{
	char path[256], *old;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	old = read_all(path);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		skip("parameters cannot be written here");
	if (!value)
		value = old;
	began = boot_ns();
	/* Whether the kernel takes it is another matter. */
	if (write(fd, value, strlen(value)) < 0 && errno == EPERM)
		skip("parameters cannot be written here");
	say(name, value, old, NULL);
	close(fd);
}

/* In a hierarchy of its own, of version 1. */
static void release_agent(const char *folder)
{
	char path[512];
	int fd;

	MUST(unshare(CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (mount("none", folder, "cgroup", 0, "none,name=agentsmith-test"))
		skip("this kernel has no control groups of version 1");
	snprintf(path, sizeof(path), "%s/release_agent", folder);
	close(MUST(open(path, O_RDONLY)));
	began = boot_ns();
	fd = MUST(open(path, O_WRONLY));
	say(NULL, NULL, NULL, path);
	close(fd);
	umount(folder);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	static char value[2048];

	if (!strcmp(way, "core-pattern")) {
		write_parameter("kernel/core_pattern", NULL);
	} else if (!strcmp(way, "setting")) {
		write_parameter("vm/swappiness", NULL);
	} else if (!strcmp(way, "long")) {
		/* The handler of numbers takes no such value. */
		memset(value, '9', sizeof(value) - 1);
		write_parameter("vm/swappiness", value);
	} else if (!strcmp(way, "release-agent") && argc > 2) {
		release_agent(argv[2]);
	} else {
		return 64;
	}
	return 0;
}
