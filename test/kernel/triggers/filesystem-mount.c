/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts, in a mount namespace of its own: filesystem-mount WAY FOLDER. One line a call that counts; FOLDER is empty.
 * `path` is what is told of the place, `asked` what the call was given.
 */
#include "truth.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif

static unsigned long long began;

static void say(const char *operation, int result, const char *path, const char *source, const char *type,
		unsigned long flags)
{
	struct line l;
	FILE *to = line_begin(&l);

	json_text(to, "operation", operation);
	fprintf(to, "\"result\":%d,\"flags\":%lu,\"began\":\"%llu\",\"ended\":\"%llu\",", result, flags, began, boot_ns());
	if (path)
		json_text(to, "path", path);
	if (source)
		json_text(to, "source", source);
	if (type)
		json_text(to, "type", type);
	json_proc(to);
	line_end(&l);
}

static void try_mount(const char *operation, const char *source, const char *at, const char *path, const char *type,
		      unsigned long flags)
{
	int result;

	began = boot_ns();
	result = mount(source, at, type, flags, NULL) ? -errno : 0;
	say(operation, result, path, source, type, flags);
}

static char *below(const char *folder, const char *name)
{
	char *path;

	MUST(asprintf(&path, "%s/%s", folder, name));
	mkdir(path, 0755);
	return path;
}

static void detached(const char *folder)
{
	int fs, mnt, result;

	fs = syscall(SYS_fsopen, "tmpfs", 0);
	if (fs < 0)
		skip("this kernel has no fsopen");
	MUST(syscall(SYS_fsconfig, fs, 1, "source", "agentsmith-detached", 0));
	MUST(syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0));
	began = boot_ns();
	mnt = MUST(syscall(SYS_fsmount, fs, 0, 0));
	say("fsmount", 0, NULL, "agentsmith-detached", "tmpfs", 0);
	began = boot_ns();
	/* 4 = MOVE_MOUNT_F_EMPTY_PATH */
	result = syscall(SYS_move_mount, mnt, "", AT_FDCWD, folder, 4) ? -errno : 0;
	say("move_mount", result, folder, "agentsmith-detached", "tmpfs", 0);
	began = boot_ns();
	result = syscall(SYS_move_mount, mnt, "", AT_FDCWD, "/nonexistent", 4) ? -errno : 0;
	say("move_mount", result, "/nonexistent", NULL, NULL, 0);
}

static void tree(const char *folder)
{
	MUST(mount("agentsmith-tree", folder, "tmpfs", 0, NULL));
	/* Without a copy it is no mount. */
	close(MUST(syscall(SYS_open_tree, AT_FDCWD, folder, 0)));
	began = boot_ns();
	MUST(syscall(SYS_open_tree, AT_FDCWD, folder, 1));
	say("open_tree", 0, folder, "agentsmith-tree", "tmpfs", 0);
}

static void pivot(const char *folder)
{
	int result;

	MUST(mount("agentsmith-root", folder, "tmpfs", 0, NULL));
	MUST(dup2(open("/proc", O_PATH | O_DIRECTORY), PROC_FD));
	began = boot_ns();
	result = syscall(SYS_pivot_root, folder, below(folder, "old")) ? -errno : 0;
	if (result == -EINVAL)
		skip("this root cannot be left");
	say("pivot_root", result, NULL, "agentsmith-root", "tmpfs", 0);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "", *folder = argc > 2 ? argv[2] : "";

	if (strcmp(way, "forbidden")) {
		MUST(unshare(CLONE_NEWNS));
		try_mount("propagation", NULL, "/", "/", NULL, MS_REC | MS_PRIVATE);
	} else {
		MUST(setuid(65534));
	}
	if (!strcmp(way, "mount") || !strcmp(way, "forbidden")) {
		try_mount("mount", "agentsmith-source", folder, folder, "tmpfs", MS_NOSUID | MS_NODEV);
	} else if (!strcmp(way, "relative")) {
		MUST(chdir(folder));
		try_mount("mount", "none", "sub", below(folder, "sub"), "tmpfs", 0);
	} else if (!strcmp(way, "bind")) {
		char *to = below(folder, "to");

		try_mount("bind", below(folder, "from"), to, to, NULL, MS_BIND);
		try_mount("remount", NULL, to, to, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY);
		try_mount("move", to, below(folder, "moved"), below(folder, "moved"), NULL, MS_MOVE);
	} else if (!strcmp(way, "unknown")) {
		try_mount("mount", "none", folder, folder, "no-such-type", 0);
	} else if (!strcmp(way, "detached")) {
		detached(folder);
	} else if (!strcmp(way, "tree")) {
		tree(folder);
	} else if (!strcmp(way, "pivot")) {
		pivot(folder);
	} else {
		return 64;
	}
	return 0;
}
