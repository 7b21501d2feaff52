/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a file where the path is tricky: file-paths PLACE. One line a file. */
#include "files.h"
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>

static const char *place;

static int is(const char *name)
{
	return !strcmp(place, name);
}

static void make(const char *name)
{
	struct deed d = create_of(name);

	DEED(&d, open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void touch(const char *name)
{
	MUST(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

/* A mount namespace whose mounts stay in it. */
static void own_mounts(void)
{
	if (unshare(CLONE_NEWNS))
		skip("this kernel allows no mount namespace");
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void on_overlay(void)
{
	char options[PATH_MAX * 4], here[PATH_MAX / 2];

	MUST(getcwd(here, sizeof(here)) ? 0 : -1);
	PREPARE(MUST(mkdir("mounted", 0755)); MUST(mkdir("layers", 0755)));
	own_mounts();
	/* Not every file system can be a layer of another. */
	MUST(mount("layers", "layers", "tmpfs", 0, NULL));
	PREPARE(MUST(mkdir("layers/lower", 0755)); MUST(mkdir("layers/upper", 0755)); MUST(mkdir("layers/work", 0755));
		MUST(mkdir("layers/lower/dir", 0755)); touch("layers/lower/dir/old"));
	snprintf(options, sizeof(options), "lowerdir=%s/layers/lower,upperdir=%s/layers/upper,workdir=%s/layers/work", here,
		 here, here);
	if (mount("overlay", "mounted", "overlay", 0, options))
		skip("this kernel has no overlayfs");
}

/* What is done on it is done to its layer once more. */
static void in_overlay(void)
{
	struct deed d;

	on_overlay();
	make("mounted/dir/new");
	make("mounted/top");
	d = deed_of("file.directory.create", "mounted/dir/sub");
	DEED(&d, mkdir(d.name, 0700));
	d = deed_of("file.rename", "mounted/dir/moved");
	d.old_name = "mounted/dir/old";
	DEED(&d, rename(d.old_name, d.name));
	d = deed_of("file.link", "mounted/second");
	d.old_name = "mounted/top";
	DEED(&d, link(d.old_name, d.name));
	d = deed_of("file.symlink", "mounted/symlink");
	d.target = "x";
	DEED(&d, symlink(d.target, d.name));
	d = deed_of("file.delete", "mounted/dir/new");
	DEED(&d, unlink(d.name));
	d = deed_of("file.node.create", "mounted/pipe");
	DEED(&d, mkfifo(d.name, 0600));
}

/* The root is another; /proc is kept to tell of it. */
static void in_chroot(void)
{
	static char here[PATH_MAX];
	struct deed d;
	int proc = MUST(open("/proc", O_PATH | O_DIRECTORY));

	MUST(dup2(proc, PROC_FD));
	close(proc);
	PREPARE(MUST(mkdir("root", 0755)); MUST(mkdir("root/dir", 0755)));
	MUST(getcwd(here, sizeof(here) - 8) ? 0 : -1);
	MUST(chroot("root"));
	MUST(chdir("/dir"));
	outside = strcat(here, "/root");
	make("new");
	make("/dir/absolute");
	d = deed_of("file.directory.create", "/dir/sub");
	DEED(&d, mkdir("/dir/sub", 0700));
}

/* 600 directories below each other; no path leads there in one call. */
static void in_depths(int depth, const char *name)
{
	for (int i = 0; i < depth; i++) {
		PREPARE(MUST(mkdir(name, 0755)));
		MUST(chdir(name));
	}
}

static void deep(void)
{
	struct deed d;

	in_depths(600, "d");
	make("new");
	d = deed_of("file.directory.create", "sub");
	DEED(&d, mkdir("sub", 0700));
}

int main(int argc, char **argv)
{
	static char longest[NAME_MAX + 1];
	struct deed d;

	place = argc > 1 ? argv[1] : "";
	umask(0);
	memset(longest, 'n', NAME_MAX);
	if (is("absolute")) {
		static char here[PATH_MAX];

		MUST(getcwd(here, sizeof(here) - 8) ? 0 : -1);
		strcat(here, "/new");
		make(here);
		d = deed_of("file.rename", "new2");
		d.old_name = here;
		DEED(&d, rename(here, "new2"));
	} else if (is("dots")) {
		PREPARE(MUST(mkdir("dir", 0755)));
		make("./dir/..//dir/./new");
		d = deed_of("file.directory.create", "dir/.././sub");
		DEED(&d, mkdir(d.name, 0700));
	} else if (is("symlink")) {
		PREPARE(MUST(mkdir("dir", 0755)); MUST(symlink("dir", "way")));
		make("way/new");
	} else if (is("dangling")) {
		PREPARE(MUST(mkdir("dir", 0755)); MUST(symlink("dir/new", "old")));
		d = create_of("dir/new");
		DEED(&d, open("old", O_CREAT | O_WRONLY, 0600));
	} else if (is("bind-mount")) {
		PREPARE(MUST(mkdir("dir", 0755)); MUST(mkdir("there", 0755)); MUST(mkdir("dir/inner", 0755)));
		own_mounts();
		MUST(mount("dir/inner", "there", NULL, MS_BIND, NULL));
		make("there/new");
	} else if (is("tmpfs")) {
		PREPARE(MUST(mkdir("there", 0755)));
		own_mounts();
		MUST(mount("none", "there", "tmpfs", 0, NULL));
		make("there/new");
		d = deed_of("file.node.create", "there/pipe");
		DEED(&d, mkfifo(d.name, 0600));
	} else if (is("overlay")) {
		in_overlay();
	} else if (is("chroot")) {
		in_chroot();
	} else if (is("longest-name")) {
		make(longest);
		d = deed_of("file.symlink", "to");
		d.target = longest;
		DEED(&d, symlink(longest, "to"));
	} else if (is("deep")) {
		deep();
	} else if (is("long")) {
		/* As long as a path can be that is told whole. */
		in_depths(14, longest);
		make("new");
	} else if (is("bytes")) {
		make("caf\xe9 \xff\xfe\\x41");
		d = deed_of("file.rename", "\xc3\xa9t\xc3\xa9");
		d.old_name = "caf\xe9 \xff\xfe\\x41";
		DEED(&d, rename(d.old_name, d.name));
		d = deed_of("file.delete", "\xc3\xa9t\xc3\xa9");
		DEED(&d, unlink(d.name));
	} else if (is("control")) {
		make("a\nb\x1e\x17\"\t\x1b[31m");
		make("back\\slash");
	} else if (is("utf8")) {
		make("\xf0\x9f\x98\x80\xe4\xb8\xad\xef\xbb\xbf");
	} else {
		return 64;
	}
	return 0;
}
