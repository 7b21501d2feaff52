// SPDX-License-Identifier: Apache-2.0
// Maps of the programs by name, as bytes, and where their globals lie: what they hold is decided in src/sensor/.
#include "sensor.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

void Sensor::MapGlobals() {
  bpf_map* map = Map(".bss");
  const btf* types = bpf_object__btf(objects_.front());
  const int section = btf__find_by_name_kind(types, ".bss", BTF_KIND_DATASEC);
  if (!map || section < 0) throw LoadError("ENOLAYOUT", "the BPF object has no .bss");
  globals_size_ = bpf_map__value_size(map);
  void* at = mmap(nullptr, globals_size_, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (at == MAP_FAILED) throw LoadError("EMMAP", strerror(errno));
  globals_ = static_cast<uint8_t*>(at);
  const btf_type* type = btf__type_by_id(types, section);
  const btf_var_secinfo* var = btf_var_secinfos(type);
  for (int i = 0; i < btf_vlen(type); i++, var++) {
    const char* name = btf__name_by_offset(types, btf__type_by_id(types, var->type)->name_off);
    globals_by_name_[name] = {globals_ + var->offset, var->size};
  }
  enabled_events_ = static_cast<uint64_t*>(globals_by_name_["enabled_events"].first);
  wake_at_ = static_cast<uint32_t*>(globals_by_name_["wake_at"].first);
  wake_for_urgent_ = static_cast<uint32_t*>(globals_by_name_["wake_for_urgent"].first);
  excluded_ = static_cast<uint32_t*>(globals_by_name_["excluded"].first);
  running_ = static_cast<uint32_t*>(globals_by_name_["attached"].first);
  if (!enabled_events_ || !wake_at_ || !wake_for_urgent_ || !excluded_ || !running_) {
    throw LoadError("ENOLAYOUT", "the BPF object lacks enabled_events, wake_at, wake_for_urgent, excluded or attached");
  }
}

/**
 * sum(map, key, out): the 64-bit words of one value of a per-CPU array, summed over the CPUs, into a Float64Array of as
 * many. False when the map is none such.
 */
Napi::Value Sensor::Sum(const Napi::CallbackInfo& info) {
  const uint32_t key = info[1].As<Napi::Number>().Uint32Value();
  auto out = info[2].As<Napi::Float64Array>();
  const size_t words = out.ElementLength();
  const bpf_map* map = Map(info[0].As<Napi::String>(), sizeof key, words * sizeof(uint64_t));
  const int cpus = libbpf_num_possible_cpus();
  std::vector<uint64_t> values(cpus * words);
  if (!map || bpf_map_lookup_elem(bpf_map__fd(map), &key, values.data())) {
    return Napi::Boolean::New(info.Env(), false);
  }
  for (size_t i = 0; i < words; i++) {
    uint64_t sum = 0;
    for (int cpu = 0; cpu < cpus; cpu++) sum += values[cpu * words + i];
    out[i] = sum;
  }
  return Napi::Boolean::New(info.Env(), true);
}

/** The named map, when keys (and values) have its sizes; nullptr otherwise. */
bpf_map* Sensor::Map(const std::string& name, size_t key, size_t value) {
  bpf_map* map = objects_.empty() ? nullptr : Map(name.c_str());
  return map && bpf_map__key_size(map) == key && (!value || bpf_map__value_size(map) == value) ? map : nullptr;
}

/** update(map, key, value): false when the map has no room, or is none. */
Napi::Value Sensor::Update(const Napi::CallbackInfo& info) {
  auto key = info[1].As<Napi::Uint8Array>(), value = info[2].As<Napi::Uint8Array>();
  bpf_map* map = Map(info[0].As<Napi::String>(), key.ByteLength(), value.ByteLength());
  return Napi::Boolean::New(info.Env(), map && !bpf_map_update_elem(bpf_map__fd(map), key.Data(), value.Data(), BPF_ANY));
}

/** delete(map, key) */
Napi::Value Sensor::Delete(const Napi::CallbackInfo& info) {
  auto key = info[1].As<Napi::Uint8Array>();
  bpf_map* map = Map(info[0].As<Napi::String>(), key.ByteLength(), 0);
  return Napi::Boolean::New(info.Env(), map && !bpf_map_delete_elem(bpf_map__fd(map), key.Data()));
}

/** lookup(map, key): a value of a plain array, as a Buffer; undefined when there is none. */
Napi::Value Sensor::Lookup(const Napi::CallbackInfo& info) {
  auto key = info[1].As<Napi::Uint8Array>();
  bpf_map* map = Map(info[0].As<Napi::String>(), key.ByteLength(), 0);
  if (!map || bpf_map__type(map) != BPF_MAP_TYPE_ARRAY) return info.Env().Undefined();
  std::vector<uint8_t> value(bpf_map__value_size(map));
  if (bpf_map_lookup_elem(bpf_map__fd(map), key.Data(), value.data())) return info.Env().Undefined();
  return Napi::Buffer<uint8_t>::Copy(info.Env(), value.data(), value.size());
}

/** entries(map): key and value of each entry, one behind the other, as [keys, values]. */
Napi::Value Sensor::Entries(const Napi::CallbackInfo& info) {
  bpf_map* map = objects_.empty() ? nullptr : Map(info[0].As<Napi::String>().Utf8Value().c_str());
  auto out = Napi::Array::New(info.Env());
  if (!map) return out;
  uint32_t count = bpf_map__max_entries(map), batch = 0;
  std::vector<uint8_t> keys(count * bpf_map__key_size(map)), values(count * bpf_map__value_size(map));
  // The map is as large as the room, so one call has it all; ENOENT says that this was the end.
  if (bpf_map_lookup_batch(bpf_map__fd(map), nullptr, &batch, keys.data(), values.data(), &count, nullptr) &&
      errno != ENOENT) {
    return out;
  }
  out.Set(0u, Napi::Buffer<uint8_t>::Copy(info.Env(), keys.data(), count * bpf_map__key_size(map)));
  out.Set(1u, Napi::Buffer<uint8_t>::Copy(info.Env(), values.data(), count * bpf_map__value_size(map)));
  return out;
}
