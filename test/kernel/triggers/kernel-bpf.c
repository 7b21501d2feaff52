/* SPDX-License-Identifier: Apache-2.0 */
/* Loads BPF programs that do nothing: kernel-bpf WAY. One line for each. */
#include "low.h"
#include <linux/bpf.h>

#define NOBODY 65534

static int compat;

static long bpf(int command, union bpf_attr *attr)
{
	long result;

	if (compat)
		return int80(357, command, (long)attr, sizeof(*attr), 0, 0);
	result = syscall(SYS_bpf, command, attr, sizeof(*attr));
	return result < 0 ? -errno : result;
}

static long load(int type, const char *name, int code)
{
	char *low = low_page();
	union bpf_attr *attr = (void *)low;
	struct bpf_insn *code_at = (void *)(low + 1024);
	struct bpf_insn program[] = {
		{ .code = code, .dst_reg = 0, .imm = 1 }, /* r0 = 1 */
		{ .code = BPF_JMP | BPF_EXIT },
	};
	unsigned long long before = boot_ns(), after;
	struct bpf_prog_info info = {};
	long fd;
	struct line l;
	FILE *to;

	memset(attr, 0, sizeof(*attr));
	memcpy(code_at, program, sizeof(program));
	attr->prog_type = type;
	attr->insn_cnt = 2;
	attr->insns = (unsigned long)code_at;
	attr->license = (unsigned long)strcpy(low + 2048, "GPL");
	strncpy(attr->prog_name, name, sizeof(attr->prog_name) - 1);
	fd = bpf(BPF_PROG_LOAD, attr);
	after = boot_ns();
	if (fd >= 0) {
		union bpf_attr ask = { .info = { .bpf_fd = fd, .info_len = sizeof(info), .info = (unsigned long)&info } };

		MUST(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask)));
	}
	to = line_begin(&l);
	if (fd >= 0) {
		fprintf(to, "\"id\":%u,\"type\":%u,", info.id, info.type);
		json_text(to, "name", info.name);
	}
	fprintf(to, "\"result\":%ld,\"before\":\"%llu\",\"after\":\"%llu\",", fd < 0 ? fd : 0, before, after);
	json_proc(to);
	line_end(&l);
	return fd;
}

#define MOVE (BPF_ALU64 | BPF_MOV | BPF_K)

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "types")) {
		load(BPF_PROG_TYPE_SOCKET_FILTER, "sec_probe", MOVE);
		load(BPF_PROG_TYPE_KPROBE, "fifteen_letters", MOVE);
		load(BPF_PROG_TYPE_CGROUP_SKB, "", MOVE);
		load(BPF_PROG_TYPE_XDP, "sec.probe_2", MOVE);
	} else if (!strcmp(way, "refused")) {
		load(BPF_PROG_TYPE_KPROBE, "sec_probe", 0xff);
		load(9999, "sec_probe", MOVE);
		MUST(setresuid(NOBODY, NOBODY, NOBODY));
		prctl(PR_SET_DUMPABLE, 1);
		load(BPF_PROG_TYPE_KPROBE, "sec_probe", MOVE);
	} else if (!strcmp(way, "int80")) {
		compat = 1;
		load(BPF_PROG_TYPE_SOCKET_FILTER, "sec_probe", MOVE);
		load(BPF_PROG_TYPE_SOCKET_FILTER, "sec_probe", 0xff);
	} else
		return 64;
	return 0;
}
