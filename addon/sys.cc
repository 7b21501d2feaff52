// SPDX-License-Identifier: Apache-2.0
// One function per system call that Node lacks; no logic.
#include "sys.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace {

Napi::Error errno_error(Napi::Env env, const char* call) {
  Napi::Error e = Napi::Error::New(env, std::string(call) + ": " + strerror(errno));
  e.Set("errno", Napi::Number::New(env, errno));
  return e;
}

uint64_t now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

// A thread that loses its core between two readings would be wrong by milliseconds; three in a row take 0.1 us.
constexpr int kClockTries = 5;
constexpr uint64_t kClockTightNs = 2000;

/** clocks(out: BigUint64Array): [boot, real] in ns; real lies between two readings of boot, out[0] is their middle. */
Napi::Value Clocks(const Napi::CallbackInfo& info) {
  auto out = info[0].As<Napi::BigUint64Array>();
  uint64_t tightest = ~0ull;
  for (int i = 0; i < kClockTries && tightest > kClockTightNs; i++) {
    const uint64_t before = now(CLOCK_BOOTTIME), real = now(CLOCK_REALTIME), after = now(CLOCK_BOOTTIME);
    if (after - before >= tightest) continue;
    tightest = after - before;
    out[0] = before + tightest / 2;
    out[1] = real;
  }
  return info.Env().Undefined();
}

/** A detached cgroup2 mount: works without any mounted hierarchy (fsopen(2), Linux 5.2). Returns a descriptor. */
Napi::Value OpenCgroup2(const Napi::CallbackInfo& info) {
  const int fs = syscall(SYS_fsopen, "cgroup2", 1 /* FSOPEN_CLOEXEC */);
  if (fs < 0) throw errno_error(info.Env(), "fsopen");
  if (syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, nullptr, nullptr, 0) < 0) {
    const Napi::Error e = errno_error(info.Env(), "fsconfig");
    close(fs);
    throw e;
  }
  const int mount = syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
  const Napi::Error e = errno_error(info.Env(), "fsmount");
  close(fs);
  if (mount < 0) throw e;
  return Napi::Number::New(info.Env(), mount);
}

/** setns(fd): moves the calling thread into another cgroup namespace. */
Napi::Value SetCgroupNamespace(const Napi::CallbackInfo& info) {
  if (setns(info[0].As<Napi::Number>().Int32Value(), CLONE_NEWCGROUP) < 0) throw errno_error(info.Env(), "setns");
  return info.Env().Undefined();
}

/** Whether BPF trampolines load (fentry): an empty program on security_file_open, never attached. */
Napi::Value ProbeTrampoline(const Napi::CallbackInfo& info) {
  // A kernel without BTF is an answer, not a message.
  libbpf_set_print(nullptr);
  btf* vmlinux = btf__load_vmlinux_btf();
  if (!vmlinux) return Napi::Boolean::New(info.Env(), false);
  const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY);
  const int id = btf__find_by_name_kind(vmlinux, "security_file_open", BTF_KIND_FUNC);
  btf__free(vmlinux);
  if (id < 0) return Napi::Boolean::New(info.Env(), false);
  options.attach_btf_id = id;
  const int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "Dual BSD/GPL", code, 2, &options);
  if (fd < 0) return Napi::Boolean::New(info.Env(), false);
  const int link = bpf_raw_tracepoint_open(nullptr, fd);
  close(fd);
  if (link >= 0) close(link);
  return Napi::Boolean::New(info.Env(), link >= 0);
}

/** lockFile(fd): whether the file's lock is ours now, for as long as it is open; false = another open file has it. */
Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const int got = flock(info[0].As<Napi::Number>().Int32Value(), LOCK_EX | LOCK_NB);
  if (got < 0 && errno != EWOULDBLOCK) throw errno_error(info.Env(), "flock");
  return Napi::Boolean::New(info.Env(), got == 0);
}

/** Times every BPF program of the machine while the descriptor is open (BPF_ENABLE_STATS): for benchmarks. */
Napi::Value EnableStats(const Napi::CallbackInfo& info) {
  const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd < 0) throw errno_error(info.Env(), "BPF_ENABLE_STATS");
  return Napi::Number::New(info.Env(), fd);
}

/** peerCredentials(fd): [pid, uid] of the process that connected to a unix socket (SO_PEERCRED). */
Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (getsockopt(info[0].As<Napi::Number>().Int32Value(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
    throw errno_error(info.Env(), "SO_PEERCRED");
  }
  auto out = Napi::Array::New(info.Env());
  out.Set(0u, Napi::Number::New(info.Env(), peer.pid));
  out.Set(1u, Napi::Number::New(info.Env(), peer.uid));
  return out;
}

/** sendDatagram(path, text): to a unix datagram socket; a path that begins with @ is an abstract name. Never waits. */
Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>(), text = info[1].As<Napi::String>();
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  memcpy(to.sun_path, path.data(), std::min(path.size(), sizeof to.sun_path - 1));
  if (to.sun_path[0] == '@') to.sun_path[0] = 0;
  const socklen_t size = offsetof(sockaddr_un, sun_path) + std::min(path.size(), sizeof to.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw errno_error(info.Env(), "socket");
  const ssize_t sent = sendto(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&to), size);
  const Napi::Error e = errno_error(info.Env(), "sendto");
  close(fd);
  if (sent < 0) throw e;
  return info.Env().Undefined();
}

/** dropBoundingCapability(number): of the calling thread; false when the kernel does not know this number. */
Napi::Value DropBoundingCapability(const Napi::CallbackInfo& info) {
  const bool dropped = !prctl(PR_CAPBSET_DROP, info[0].As<Napi::Number>().Uint32Value(), 0, 0, 0);
  if (!dropped && errno != EINVAL) throw errno_error(info.Env(), "PR_CAPBSET_DROP");
  return Napi::Boolean::New(info.Env(), dropped);
}

/** clearInheritableCapabilities(): of the calling thread; the ambient ones go with them. */
Napi::Value ClearInheritableCapabilities(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) < 0) throw errno_error(info.Env(), "capget");
  for (auto& each : data) each.inheritable = 0;
  if (syscall(SYS_capset, &header, data) < 0) throw errno_error(info.Env(), "capset");
  return info.Env().Undefined();
}

/** setNoNewPrivileges(): of the calling thread, and of what it executes (PR_SET_NO_NEW_PRIVS). */
Napi::Value SetNoNewPrivileges(const Napi::CallbackInfo& info) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw errno_error(info.Env(), "PR_SET_NO_NEW_PRIVS");
  return info.Env().Undefined();
}

/** raiseMemoryLock(): RLIMIT_MEMLOCK without bound; before Linux 5.11 it bounds BPF maps. */
Napi::Value RaiseMemoryLock(const Napi::CallbackInfo& info) {
  const rlimit unbounded = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unbounded) < 0) throw errno_error(info.Env(), "RLIMIT_MEMLOCK");
  return info.Env().Undefined();
}

}  // namespace

void sys_define(Napi::Env env, Napi::Object exports) {
  exports.Set("clocks", Napi::Function::New(env, Clocks));
  exports.Set("openCgroup2", Napi::Function::New(env, OpenCgroup2));
  exports.Set("setCgroupNamespace", Napi::Function::New(env, SetCgroupNamespace));
  exports.Set("probeTrampoline", Napi::Function::New(env, ProbeTrampoline));
  exports.Set("lockFile", Napi::Function::New(env, LockFile));
  exports.Set("enableStats", Napi::Function::New(env, EnableStats));
  exports.Set("peerCredentials", Napi::Function::New(env, PeerCredentials));
  exports.Set("sendDatagram", Napi::Function::New(env, SendDatagram));
  exports.Set("dropBoundingCapability", Napi::Function::New(env, DropBoundingCapability));
  exports.Set("clearInheritableCapabilities", Napi::Function::New(env, ClearInheritableCapabilities));
  exports.Set("setNoNewPrivileges", Napi::Function::New(env, SetNoNewPrivileges));
  exports.Set("raiseMemoryLock", Napi::Function::New(env, RaiseMemoryLock));
}
