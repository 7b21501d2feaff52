// SPDX-License-Identifier: Apache-2.0
// Programs to their hooks and off them, and what each of them costs.
#include "sensor.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <cerrno>
#include <cstring>

namespace {

constexpr size_t kProgramsMax = 128;  // `attached` of ebpf/lib/ring.h

}  // namespace

void Sensor::Attach(Hook& hook, int cgroup_fd) {
  bpf_program* program = Find(hook.program);
  if (!program) return;
  hook.error.clear();
  if (hook.slot) {
    const int fd = bpf_program__fd(program);
    if (bpf_map_update_elem(bpf_map__fd(Map("syscall_exits")), &hook.slot, &fd, BPF_ANY)) hook.error = strerror(errno);
    else attached_[hook.program] = nullptr;
    return;
  }
  const bool cgroup = hook.hook.rfind("cgroup", 0) == 0;
  if (cgroup && cgroup_fd < 0) {
    hook.error = "no cgroup2 hierarchy to attach to";
    return;
  }
  bpf_link* link = cgroup ? bpf_program__attach_cgroup(program, cgroup_fd) : bpf_program__attach(program);
  if (link) attached_[hook.program] = link;
  else hook.error = strerror(errno);
}

void Sensor::Detach(const std::string& program) {
  const auto at = attached_.find(program);
  if (at == attached_.end()) return;
  Flag(program, false);
  bpf_link__destroy(at->second);
  for (const Hook& hook : hooks_) {
    if (hook.program == program && hook.slot) bpf_map_delete_elem(bpf_map__fd(Map("syscall_exits")), &hook.slot);
  }
  attached_.erase(at);
}

/** Whether the kernel still runs a program: root can detach links of cgroups, and take programs out of an array. */
bool Sensor::IsAttached(const Hook& hook, bpf_link* link) {
  if (hook.slot) {
    uint32_t id = 0;
    return !bpf_map_lookup_elem(bpf_map__fd(Map("syscall_exits")), &hook.slot, &id);
  }
  bpf_link_info data = {};
  uint32_t size = sizeof data;
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &data, &size)) return false;
  return data.type != BPF_LINK_TYPE_CGROUP || data.cgroup.cgroup_id != 0;
}

/** Tells the programs whether one of them runs (ebpf/lib/ring.h); those that send no record have no number. */
void Sensor::Flag(const std::string& program, bool attached) {
  const btf* types = bpf_object__btf(objects_.front());
  const int id = btf__find_by_name_kind(types, "program", BTF_KIND_ENUM);
  if (id < 0) return;
  const btf_type* type = btf__type_by_id(types, id);
  const struct btf_enum* value = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); i++, value++) {
    if ("PROGRAM_" + program != btf__name_by_offset(types, value->name_off)) continue;
    const uint32_t number = value->val;
    if (number < kProgramsMax) __atomic_store_n(&running_[number], attached ? number : 0, __ATOMIC_SEQ_CST);
  }
}

void Sensor::DetachAll() {
  while (!attached_.empty()) Detach(std::string(attached_.begin()->first));
}

Napi::Value Sensor::Hooks(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env());
  for (const Hook& hook : hooks_) {
    auto entry = Napi::Object::New(info.Env());
    entry.Set("program", hook.program);
    entry.Set("hook", hook.hook);
    entry.Set("error", hook.error);
    list.Set(list.Length(), entry);
  }
  return list;
}

/** Per program [runs, nanoseconds]; zero unless bpf_stats are on (sys.enableStats). */
Napi::Value Sensor::Stats(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  for (const Hook& hook : hooks_) {
    const bpf_program* program = Find(hook.program);
    bpf_prog_info data = {};
    uint32_t size = sizeof data;
    if (!program || bpf_obj_get_info_by_fd(bpf_program__fd(program), &data, &size)) continue;
    auto entry = Napi::Object::New(info.Env());
    entry.Set("runs", static_cast<double>(data.run_cnt));
    entry.Set("nanoseconds", static_cast<double>(data.run_time_ns));
    entry.Set("instructions", static_cast<double>(data.verified_insns));
    out.Set(hook.program, entry);
  }
  return out;
}
