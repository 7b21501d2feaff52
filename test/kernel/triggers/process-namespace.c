/* SPDX-License-Identifier: Apache-2.0 */
/* Goes into other namespaces: process-namespace unshare|setns|setns-any|clone|int80|forbidden|nothing TYPE... */
#include "truth.h"
#include "int80.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static const struct {
	const char *name, *link;
	int flag;
} types[] = {
	{ "mnt", "mnt", CLONE_NEWNS },
	{ "net", "net", CLONE_NEWNET },
	{ "uts", "uts", CLONE_NEWUTS },
	{ "ipc", "ipc", CLONE_NEWIPC },
	{ "pid", "pid_for_children", CLONE_NEWPID },
	{ "cgroup", "cgroup", CLONE_NEWCGROUP },
	{ "time", "time_for_children", CLONE_NEWTIME },
	{ "user", "user", CLONE_NEWUSER },
};

#define TYPES (sizeof(types) / sizeof(*types))

static int flag_of(const char *name)
{
	for (size_t i = 0; i < TYPES; i++)
		if (!strcmp(types[i].name, name))
			return types[i].flag;
	return 0;
}

/* As they are now; what cannot be read yet is left out (pid_for_children before it has a child). */
static char *links(int pid)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int proc = proc_root();

	for (size_t i = 0; i < TYPES; i++)
		json_link(to, proc, types[i].name, "%d/ns/%s", pid, types[i].link);
	close(proc);
	fprintf(to, "\"of\":%d", pid);
	fclose(to);
	return text;
}

static unsigned long long began;
static char *before;

static void begin(void)
{
	before = links(getpid());
	began = boot_ns();
}

static void say(const char *call, int result, int child)
{
	struct line l;
	FILE *to = line_begin(&l);
	int proc = proc_root();

	fprintf(to, "\"result\":%d,\"began\":\"%llu\",\"ended\":\"%llu\",\"child\":%d,", result, began, boot_ns(), child);
	fprintf(to, "\"before\":{%s},\"now\":{%s},", before, links(child ? child : getpid()));
	if (child)
		json_file(to, proc, "childStat", "%d/stat", child);
	json_text(to, "call", call);
	json_proc(to);
	line_end(&l);
}

static int clone_child(int flags)
{
	int hold[2], child;
	char byte;

	MUST(pipe(hold));
	child = syscall(SYS_clone, (long)flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!child) {
		close(hold[1]);
		_exit(read(hold[0], &byte, 1) > 0);
	}
	if (child > 0) {
		say("clone", 0, child);
		close(hold[1]);
		waitpid(child, NULL, 0);
	}
	return child;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	int flags = 0, fd, result;
	char path[64];

	for (int i = 2; i < argc; i++)
		flags |= flag_of(argv[i]);
	if (!strcmp(way, "forbidden"))
		MUST(setuid(65534));
	begin();
	if (!strcmp(way, "setns") || !strcmp(way, "setns-any")) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", argv[2]);
		fd = MUST(open(path, O_RDONLY));
		if (unshare(flags))
			skip("this kernel has no such namespace");
		say("unshare", 0, 0);
		begin();
		result = setns(fd, way[5] ? 0 : flags);
		say("setns", result ? -errno : 0, 0);
		return 0;
	}
	if (!strcmp(way, "clone")) {
		if (clone_child(flags) < 0)
			skip("this kernel has no such namespace");
	} else if (!strcmp(way, "int80")) {
		result = int80(310, flags, 0, 0);
		say("unshare", result, 0);
	} else if (!strcmp(way, "nothing")) {
		MUST(unshare(CLONE_FILES | CLONE_FS));
		result = setns(-1, 0) ? -errno : 0;
		say("setns", result, 0);
	} else {
		result = unshare(flags) ? -errno : 0;
		if (result == -EINVAL)
			skip("this kernel has no such namespace");
		say("unshare", result, 0);
	}
	return 0;
}
