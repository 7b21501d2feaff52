/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trigger says about itself: JSON lines on descriptor 3, so that 0, 1 and 2 can be anything. The files of
 * /proc are handed over as they are and read by test/support/truth.ts. Bytes become code points of the same number
 * (latin1), because names and arguments need not be UTF-8.
 */
#ifndef TRUTH_H
#define TRUTH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define TRUTH_FD 3
#define PROC_FD 100             /* /proc of the host, left open by who takes it away (chroot) */

static inline unsigned long long boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* A trigger that cannot go on says where it stands; the test prints it. */
static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(70);
}

#define MUST(call) ({ __typeof__(call) _r = (call); if (_r == (__typeof__(call))-1) die(#call); _r; })

static inline void json_bytes(FILE *to, const char *bytes, size_t length)
{
	fputc('"', to);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = bytes[i];

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			fprintf(to, "\\u%04x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static inline void json_text(FILE *to, const char *key, const char *text)
{
	fprintf(to, "\"%s\":", key);
	json_bytes(to, text, strlen(text));
	fputc(',', to);
}

/* /proc itself, from wherever we are; never on a descriptor that is told about. */
static inline int proc_root(void)
{
	int low = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = fcntl(low, F_DUPFD_CLOEXEC, PROC_FD + 1);

	close(low);
	return fd >= 0 && !faccessat(fd, "self/stat", R_OK, 0) ? fd : PROC_FD;
}

/* A file of /proc; the key is absent when it cannot be read. */
static inline void json_file(FILE *to, int proc, const char *key, const char *format, ...)
{
	static char text[65536];
	char path[256];
	va_list args;
	ssize_t n, length = 0;
	int fd;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = read(fd, text + length, sizeof(text) - length)) > 0)
		length += n;
	close(fd);
	fprintf(to, "\"%s\":", key);
	json_bytes(to, text, length);
	fputc(',', to);
}

static inline void json_link(FILE *to, int proc, const char *key, const char *format, ...)
{
	static char text[65536];
	char path[256];
	va_list args;
	ssize_t n;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	n = readlinkat(proc, path, text, sizeof(text));
	if (n < 0)
		return;
	fprintf(to, "\"%s\":", key);
	json_bytes(to, text, n);
	fputc(',', to);
}

/* The members of `Proc` in test/support/truth.ts, for the calling thread and its process. */
static inline void json_proc(FILE *to)
{
	static const char *const namespaces[] = { "pid", "mnt", "net", "uts", "user" };
	static const char *const files[] = { "stat", "status", "cgroup", "loginuid", "sessionid" };
	struct utsname names;
	int proc = proc_root(), parent = 0;
	char stat[512] = "", name[17] = "", *behind;
	int fd = openat(proc, "self/stat", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, stat, sizeof(stat) - 1) > 0 && (behind = strrchr(stat, ')')))
			sscanf(behind + 1, " %*c %d", &parent);
		close(fd);
	}
	fprintf(to, "\"proc\":{");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		json_file(to, proc, files[i], "self/%s", files[i]);
	json_file(to, proc, "parentStat", "%d/stat", parent);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		json_link(to, proc, namespaces[i], "self/ns/%s", namespaces[i]);
	json_link(to, proc, "exe", "self/exe");
	json_link(to, proc, "cwd", "self/cwd");
	json_link(to, proc, "stdin", "self/fd/0");
	json_link(to, proc, "stdout", "self/fd/1");
	json_link(to, proc, "stderr", "self/fd/2");
	/* The thread as the host's pid namespace numbers it. */
	json_link(to, proc, "thread", "thread-self");
	prctl(PR_GET_NAME, name);
	json_text(to, "comm", name);
	uname(&names);
	json_text(to, "nodename", names.nodename);
	fprintf(to, "\"boot\":\"%llu\"},", boot_ns());
	if (proc != PROC_FD)
		close(proc);
}

/* One JSON object, built in memory and written at once: children and threads print too. */
struct line {
	char *text;
	size_t size;
	FILE *to;
};

static inline FILE *line_begin(struct line *l)
{
	l->to = open_memstream(&l->text, &l->size);
	fputc('{', l->to);
	return l->to;
}

static inline void line_end(struct line *l)
{
	fclose(l->to);
	/* Every member ends with a comma; the last one becomes the bracket. */
	if (l->text[l->size - 1] == ',')
		l->size--;
	l->text = realloc(l->text, l->size + 3);
	memcpy(l->text + l->size, "}\n", 3);
	for (size_t at = 0; at < l->size + 2;) {
		ssize_t n = write(TRUTH_FD, l->text + at, l->size + 2 - at);

		if (n < 0)
			break;
		at += n;
	}
	free(l->text);
}

/* What the test needs is not there: it skips with this reason. */
static inline void skip(const char *reason)
{
	struct line l;

	json_text(line_begin(&l), "skip", reason);
	line_end(&l);
	exit(0);
}

#endif
