// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

constexpr size_t kEnvironmentNames = 8;  // ebpf/lib/environment.h, as what is below
constexpr size_t kEnvironmentNameMax = 32;
constexpr size_t kSampleStride = 8;
constexpr int kSampleBits = 12;
constexpr uint32_t kSampleFactor = 0x9e3779b1;  // Knuth: 2^32 by the golden ratio, a prime
constexpr int kScratchTries = 4;          // ebpf/lib/task.h
constexpr size_t kDnsPorts = 8;  // ebpf/programs/dns.bpf.c
constexpr const char* kNoHook = "this kernel has no such hook";
constexpr size_t kLogMax = 1 << 16;  // a verifier log can be megabytes; its end names the reason

std::string libbpf_log;

int keep_log(enum libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, args);
  std::string text(std::max(0, vsnprintf(nullptr, 0, format, args)) + 1, 0);
  vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  text.pop_back();
  if (getenv("AGENTSMITH_LIBBPF_LOG")) fputs(text.c_str(), stderr);
  libbpf_log += text;
  if (libbpf_log.size() > kLogMax) libbpf_log.erase(0, libbpf_log.size() - kLogMax);
  return 0;
}

/** The bytes of a global variable in the object's .rodata; nullptr when it has none of that name and size. */
void* global(bpf_object* object, const char* name, size_t size) {
  const btf* types = bpf_object__btf(object);
  const int section = types ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : -1;
  bpf_map* map = bpf_object__find_map_by_name(object, ".rodata");
  size_t length = 0;
  if (section < 0 || !map) return nullptr;
  auto* bytes = static_cast<uint8_t*>(const_cast<void*>(bpf_map__initial_value(map, &length)));
  const btf_type* type = btf__type_by_id(types, section);
  const btf_var_secinfo* var = btf_var_secinfos(type);
  for (int i = 0; bytes && i < btf_vlen(type); i++, var++) {
    const btf_type* variable = btf__type_by_id(types, var->type);
    if (strcmp(btf__name_by_offset(types, variable->name_off), name) != 0) continue;
    return var->size == size && var->offset + size <= length ? bytes + var->offset : nullptr;
  }
  return nullptr;
}

template <typename T>
void set(bpf_object* object, const char* name, T value) {
  void* at = global(object, name, sizeof value);
  if (!at) throw LoadError("ENOLAYOUT", std::string("the BPF object has no ") + name);
  memcpy(at, &value, sizeof value);
}

void set_environment(bpf_object* object, const std::vector<std::string>& names) {
  struct Name { uint8_t bytes[kEnvironmentNameMax], mask[kEnvironmentNameMax]; } list[kEnvironmentNames] = {};
  uint64_t initials = 0, samples[(1 << kSampleBits) / 64] = {};
  uint32_t factor = kSampleFactor;
  for (size_t i = 0; i < names.size() && i < kEnvironmentNames; i++) {
    const std::string text = names[i] + "=";
    if (text.size() > kEnvironmentNameMax) continue;
    memcpy(list[i].bytes, text.data(), text.size());
    memset(list[i].mask, 0xff, text.size());
    initials |= 1ull << (text[0] & 63);
    if (text.size() < kSampleStride - 1 + sizeof(uint32_t)) factor = 0;
    for (size_t at = 0; factor && at < kSampleStride; at++) {
      uint32_t word;
      memcpy(&word, text.data() + at, sizeof word);
      const uint32_t hash = word * factor >> (32 - kSampleBits);
      samples[hash / 64] |= 1ull << (hash & 63);
    }
  }
  void* at = global(object, "environment_names", sizeof list);
  if (at) memcpy(at, list, sizeof list);
  at = global(object, "environment_initials", sizeof initials);
  if (at) memcpy(at, &initials, sizeof initials);
  at = global(object, "environment_samples", sizeof samples);
  if (at) memcpy(at, samples, sizeof samples);
  at = global(object, "environment_factor", sizeof factor);
  if (at) memcpy(at, &factor, sizeof factor);
}

/** Programs that are entered into `syscall_exits` have SLOT_ and their name in an enum of the object. */
uint32_t slot_of(const bpf_object* object, const std::string& program) {
  const btf* types = bpf_object__btf(object);
  const int id = types ? btf__find_by_name_kind(types, "syscall_slot", BTF_KIND_ENUM) : -1;
  if (id < 0) return 0;
  const btf_type* type = btf__type_by_id(types, id);
  const struct btf_enum* value = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); i++, value++) {
    if ("SLOT_" + program == btf__name_by_offset(types, value->name_off)) return value->val;
  }
  return 0;
}

void reuse_maps(bpf_object* object, const bpf_object* first) {
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const bpf_map* theirs = bpf_object__find_map_by_name(first, bpf_map__name(map));
    if (theirs && bpf_map__fd(theirs) >= 0) bpf_map__reuse_fd(map, bpf_map__fd(theirs));
  }
}

/** The object for old kernels has no such programs. */
void set_dns_ports(bpf_object* object, const std::vector<uint16_t>& ports) {
  uint16_t list[kDnsPorts] = {};
  std::copy_n(ports.begin(), std::min(ports.size(), kDnsPorts), list);
  void* at = global(object, "dns_ports", sizeof list);
  if (at) memcpy(at, list, sizeof list);
}

size_t size_of(const bpf_object* object, const char* name) {
  const bpf_map* map = bpf_object__find_map_by_name(object, name);
  return map ? bpf_map__value_size(map) : 0;
}

bpf_object* open_object(const Settings& settings, const std::pair<const void*, size_t>& bytes, bpf_object* first) {
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "agentsmith");
  bpf_object* object = bpf_object__open_mem(bytes.first, bytes.second, &options);
  if (!object) throw LoadError("ENOLAYOUT", "not a BPF object");
  try {
    auto* id = static_cast<uint64_t*>(global(object, "layout_id", sizeof(uint64_t)));
    if (!id || *id != settings.layout_id) {
      throw LoadError("ENOLAYOUT", "the BPF object was built from another events.h");
    }
    const int cpus = libbpf_num_possible_cpus();
    set<uint64_t>(object, "sequence_base", settings.sequence_base);
    set<uint64_t>(object, "ring_bytes", settings.ring_bytes);
    set<uint64_t>(object, "pending_after", settings.pending_after_ns);
    set<uint32_t>(object, "possible_cpus", cpus);
    set_environment(object, settings.environment);
    set_dns_ports(object, settings.dns_ports);
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "ring"), settings.ring_bytes);
    // One for each CPU, and those that can be borrowed: ebpf/lib/task.h.
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "scratches"), cpus + std::max(cpus, kScratchTries));
    if (first) {
      // The other object: it has none of the programs that this one lacks, and libbpf would unmap by a wrong size.
      if (size_of(object, ".bss") != size_of(first, ".bss")) throw LoadError("ENOHOOKS", "no object has this program");
      reuse_maps(object, first);
    }
  } catch (...) {
    bpf_object__close(object);
    throw;
  }
  return object;
}

/** libbpf names the program that failed; of its lines the last that is no noise says why. */
std::string failed_program() {
  const size_t at = libbpf_log.rfind("prog '");
  if (at == std::string::npos) return "";
  const size_t end = libbpf_log.find('\'', at + 6);
  return end == std::string::npos ? "" : libbpf_log.substr(at + 6, end - at - 6);
}

std::string reason(int error) {
  if (libbpf_log.find("failed to find kernel BTF type ID") != std::string::npos) return kNoHook;
  // The verifier's verdict is the line before "processed N insns", or before the end of its log.
  size_t end = libbpf_log.rfind("\nprocessed ");
  if (end == std::string::npos) end = libbpf_log.rfind("\n-- END PROG LOAD LOG --");
  if (end != std::string::npos && end > 0) {
    const size_t start = libbpf_log.rfind('\n', end - 1);
    const std::string line = libbpf_log.substr(start + 1, end - start - 1);
    if (line.rfind("--", 0) != 0 && !line.empty()) return "the verifier says: " + line;
  }
  return strerror(-error);
}

/**
 * What a program would be attached to, where its section says so: looked up before anything is loaded, because each
 * program that fails to load costs the loading of all others once more.
 */
bool is_absent(const btf* kernel, const std::string& section) {
  const size_t slash = section.find('/');
  const std::string kind = section.substr(0, slash), name = slash == std::string::npos ? "" : section.substr(slash + 1);
  if (!kernel || name.empty()) return false;
  if (kind == "tp_btf") return btf__find_by_name_kind(kernel, ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) < 0;
  if (kind == "fentry" || kind == "fexit") return btf__find_by_name_kind(kernel, name.c_str(), BTF_KIND_FUNC) < 0;
  return false;
}

/** Whether an object calls what this kernel does not have. libbpf would look for it in all modules, and may not. */
bool calls_absent(const bpf_object* object, const btf* kernel) {
  constexpr const char* kCast = "bpf_rdonly_cast";  // ebpf/lib/object.h
  return kernel && btf__find_by_name_kind(bpf_object__btf(object), kCast, BTF_KIND_FUNC) >= 0 &&
         btf__find_by_name_kind(kernel, kCast, BTF_KIND_FUNC) < 0;
}

/** Programs that no hook is for: they run once, with the first object. Where a kernel refuses them the others do without. */
bool runs_once(const bpf_program* program) { return bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT; }

void run_once(const bpf_object* object) {
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    if (runs_once(program) && bpf_program__autoload(program)) {
      bpf_prog_test_run_opts(bpf_program__fd(program), &options);
    }
  }
}

bpf_object* try_object(const Settings& settings, const std::pair<const void*, size_t>& bytes, std::vector<Hook>& hooks,
                       bpf_object* first) {
  std::map<std::string, std::string> missing;
  const std::unique_ptr<btf, decltype(&btf__free)> kernel(btf__load_vmlinux_btf(), btf__free);
  // One program fewer each round, so it ends.
  for (;;) {
    libbpf_log.clear();
    bpf_object* object = open_object(settings, bytes, first);
    if (calls_absent(object, kernel.get())) {
      bpf_object__close(object);
      throw LoadError("ENOHOOKS", kNoHook);
    }
    bpf_program* program;
    size_t wanted = 0;
    hooks.clear();
    bpf_object__for_each_program(program, object) {
      const std::string name = bpf_program__name(program);
      if (runs_once(program)) {
        bpf_program__set_autoload(program, !first && !missing.count(name));
        continue;
      }
      const bool want = settings.programs.empty() || settings.programs.count(name);
      if (want && !missing.count(name) && is_absent(kernel.get(), bpf_program__section_name(program))) {
        missing[name] = kNoHook;
      }
      bpf_program__set_autoload(program, want && !missing.count(name));
      if (want && !missing.count(name)) wanted++;
      if (want) {
        hooks.push_back({name, bpf_program__section_name(program), missing.count(name) ? missing[name] : "",
                         slot_of(object, name)});
      }
    }
    if (!wanted) {
      bpf_object__close(object);
      throw LoadError("ENOHOOKS", missing.empty() ? "no event is switched on" : missing.begin()->second);
    }
    const int error = bpf_object__load(object);
    if (!error) {
      run_once(object);
      return object;
    }
    bpf_object__close(object);
    if (libbpf_log.find("failed to find valid kernel BTF") != std::string::npos) {
      throw LoadError("ENOBTF", "this kernel offers no BTF");
    }
    const std::string failed = failed_program();
    if (failed.empty() || missing.count(failed)) {
      throw LoadError(error == -EPERM ? "EPERM" : "ELOAD", strerror(-error));
    }
    missing[failed] = reason(error);
    // Without permission every program fails alike; no need to try them one by one.
    if (error == -EPERM && missing.size() > 1) throw LoadError("EPERM", strerror(EPERM));
  }
}

/** Whether an object has a program of which another one's was not taken. */
bool has_missing(const std::pair<const void*, size_t>& bytes, const std::vector<Hook>& hooks) {
  bpf_object* object = bpf_object__open_mem(bytes.first, bytes.second, nullptr);
  bpf_program* program;
  bool found = false;
  bpf_object__for_each_program(program, object) {
    for (const Hook& hook : hooks) found |= !hook.error.empty() && hook.program == bpf_program__name(program);
  }
  bpf_object__close(object);
  return found;
}

}  // namespace

bpf_object* load_object(Settings& settings, std::vector<Hook>& hooks, bpf_object* first) {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  libbpf_set_print(keep_log);
  bpf_object* kept = nullptr;
  std::vector<Hook> kept_hooks;
  size_t taken = 0;
  for (size_t i = 0; i < settings.objects.size(); i++) {
    const bool last = i + 1 == settings.objects.size();
    bpf_object* object;
    try {
      object = try_object(settings, settings.objects[i], hooks, first);
    } catch (const LoadError& e) {
      if (e.code == "ENOHOOKS" && !last) continue;
      if (!kept) throw;
      hooks = kept_hooks;
      break;
    }
    if (kept) bpf_object__close(kept);
    kept = object;
    kept_hooks = hooks;
    taken = i;
    // 5.10 takes a few programs of the usual objects, but the last has those that matter.
    if (last || !has_missing(settings.objects.back(), hooks)) break;
    i = settings.objects.size() - 2;
  }
  settings.objects = {settings.objects.at(taken)};
  return kept;
}
