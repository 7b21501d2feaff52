// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

/** What the programs are told before they are loaded; ebpf/lib/ring.h names the globals. */
struct Settings {
  /** Tried in this order: the next one when the kernel takes no program of the one before. */
  std::vector<std::pair<const void*, size_t>> objects;
  uint64_t layout_id = 0;
  uint64_t sequence_base = 0;
  uint64_t ring_bytes = 8 << 20;
  uint64_t pending_after_ns = 0;
  std::vector<uint16_t> dns_ports;
  std::vector<std::string> environment;
  std::set<std::string> programs;
};

/** One program: the hook is its section name, the error says why it is missing ("" = loaded). */
struct Hook {
  std::string program;
  std::string hook;
  std::string error;
  /** Its place in `syscall_exits` (ebpf/lib/syscall.h); 0 = it is attached by itself. */
  uint32_t slot = 0;
};

/** `code` is what TypeScript branches on: ENOLAYOUT, ENOBTF, EPERM or the name of an errno. */
struct LoadError : std::runtime_error {
  std::string code;
  LoadError(std::string code, const std::string& message) : std::runtime_error(message), code(std::move(code)) {}
};

/**
 * Opens and loads the programs of an object that `settings` name. A program that this kernel does not take is left out
 * and named in `hooks`; only when none is left, or the object is not ours, does it throw LoadError.
 *
 * From then on `settings` name the object that was taken: another one's maps have other sizes, and libbpf unmaps too much
 * of what it gave them.
 *
 * With `first`, an object that was loaded before, the new programs use its maps: so programs come later to a ring that
 * is already read.
 */
bpf_object* load_object(Settings& settings, std::vector<Hook>& hooks, bpf_object* first);
