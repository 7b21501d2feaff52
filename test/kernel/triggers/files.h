/* SPDX-License-Identifier: Apache-2.0 */
/* One change of names in the file system, and what the trigger says of it: `Deed` in test/support/files.ts. */
#ifndef FILES_H
#define FILES_H

#include "truth.h"
#include <sys/stat.h>
#include <sys/wait.h>

struct deed {
	const char *event;
	int dfd;                    /* what the name is relative to */
	int old_dfd;
	const char *name;
	const char *old_name;
	const char *target;
	int is_sure;                /* the real path is known on tier B too */
	int is_unsure;              /* it is unresolved on every way of tier B, and what it is of is not known */
	int knows_file;             /* on tier B a descriptor shows the file behind the name */
	unsigned long long before;
	unsigned long long after;
	struct stat stat;
	char real[8192];
	char old_real[8192];
};

/* What lies ready for the deed is made by another process, whose events are not ours. */
#define PREPARE(...) do {                       \
	pid_t _child = MUST(fork());            \
	int _status;                            \
	if (!_child) { __VA_ARGS__; _exit(0); } \
	MUST(waitpid(_child, &_status, 0));     \
	if (_status) exit(71);                  \
} while (0)

/* The path of what a descriptor is open on, from the root of the process. */
static inline void path_of_fd(int fd, char *path, size_t size)
{
	char link[64];
	int proc = proc_root();
	ssize_t n;

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = MUST(readlinkat(proc, link, path, size - 1));
	path[n] = 0;
	if (proc != PROC_FD)
		close(proc);
}

/* Set by who has called chroot: the host's path of our root. */
static const char *outside = "";

static inline void real_path(int dfd, const char *name, char *path, size_t size)
{
	int fd = MUST(openat(dfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	size_t length = strlen(outside);

	memcpy(path, outside, length);
	path_of_fd(fd, path + length, size - length);
	close(fd);
}

static inline void look_at(struct deed *d)
{
	MUST(fstatat(d->dfd, d->name, &d->stat, AT_SYMLINK_NOFOLLOW));
	real_path(d->dfd, d->name, d->real, sizeof(d->real));
}

static inline void look_at_old(struct deed *d)
{
	if (d->old_name)
		real_path(d->old_dfd, d->old_name, d->old_real, sizeof(d->old_real));
}

/* Before the deed; a name that is to go is looked at now. */
static inline void begin(struct deed *d)
{
	look_at_old(d);
	if (!strcmp(d->event, "file.delete"))
		look_at(d);
	d->before = boot_ns();
}

static inline void json_base(FILE *to, const char *key, int dfd, const char *name)
{
	char path[8192] = "";
	size_t length = strlen(outside);

	memcpy(path, outside, length);
	if (name[0] == '/') {
		if (!length)
			strcpy(path, "/");
	} else {
		int fd = MUST(openat(dfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));

		path_of_fd(fd, path + length, sizeof(path) - length);
		close(fd);
	}
	json_text(to, key, path);
}

static inline void say_deed(struct deed *d)
{
	struct line l;
	FILE *to = line_begin(&l);

	if (strcmp(d->event, "file.delete"))
		look_at(d);
	json_text(to, "event", d->event);
	json_text(to, "real", d->real);
	json_text(to, "name", d->name);
	json_base(to, "base", d->dfd, d->name);
	if (d->old_name) {
		json_text(to, "oldReal", d->old_real);
		json_text(to, "oldName", d->old_name);
		json_base(to, "oldBase", d->old_dfd, d->old_name);
	}
	if (d->target)
		json_text(to, "target", d->target);
	fprintf(to, "\"sure\":%d,\"unsure\":%d,\"knowsFile\":%d,", d->is_sure, d->is_unsure, d->knows_file);
	fprintf(to, "\"inode\":\"%llu\",\"mode\":%u,\"owner\":%u,\"before\":\"%llu\",\"after\":\"%llu\",",
		(unsigned long long)d->stat.st_ino, d->stat.st_mode, d->stat.st_uid, d->before, d->after);
	json_proc(to);
	line_end(&l);
}

/* The deed is done in between; the result of `call` is that of the expression. */
#define DEED(d, call) ({                        \
	begin(d);                               \
	__typeof__(call) _result = MUST(call);  \
	(d)->after = boot_ns();                 \
	say_deed(d);                            \
	_result;                                \
})

static inline struct deed create_of(const char *name)
{
	return (struct deed){ .event = "file.create", .dfd = AT_FDCWD, .old_dfd = AT_FDCWD, .name = name, .is_sure = 1 };
}

static inline struct deed deed_of(const char *event, const char *name)
{
	return (struct deed){ .event = event, .dfd = AT_FDCWD, .old_dfd = AT_FDCWD, .name = name };
}

#endif
