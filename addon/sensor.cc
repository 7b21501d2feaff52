// SPDX-License-Identifier: Apache-2.0
#include "sensor.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

extern "C" const uint8_t agentsmith_object_start[], agentsmith_object_end[];
extern "C" const uint8_t agentsmith_legacy_object_start[], agentsmith_legacy_object_end[];

namespace {

// One batch: 1 MiB keeps a turn of the event loop short (5-10 ms); the largest record, 64 KiB, must fit behind it.
constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kRecordMax = 1 << 16;
// After as many batches without a pause, sockets and timers get their turn.
constexpr int kBatchesPerWake = 4;
constexpr uint64_t kTickMs = 20;
// The programs wake us when so much waits (ebpf/lib/ring.h).
constexpr uint32_t kWakeBytes = 256 << 10;
// With fewer drains that found something in a second, the first record wakes us instead of a tick, and we look a little
// later, for company: 1.6 records a second cost 0.43 % of a core by ticks of 20 ms. From as many on, two turns of the
// loop for each drain cost as much as the ticks. The long tick is for a record that was missed all the same.
constexpr int kSlowDrains = 16;
constexpr uint64_t kSlowWindowMs = 1000;
constexpr uint64_t kCompanyMs = 10;
constexpr uint64_t kSlowTickMs = 1000;
constexpr size_t kExcludedMax = 8;
constexpr size_t kCountersWords = 5;  // struct counters

Napi::Error error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error e = Napi::Error::New(env, message);
  e.Set("code", Napi::String::New(env, code));
  return e;
}

uint64_t to_u64(Napi::Value value) {
  bool lossless;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : value.As<Napi::Number>().Int64Value();
}

}  // namespace

Napi::Function Sensor::Define(Napi::Env env) {
  return DefineClass(env, "Sensor", {
    InstanceMethod("hooks", &Sensor::Hooks), InstanceMethod("start", &Sensor::Start),
    InstanceMethod("drain", &Sensor::Drain), InstanceMethod("counters", &Sensor::Counters),
    InstanceMethod("ringUsed", &Sensor::RingUsed), InstanceMethod("forget", &Sensor::Forget),
    InstanceMethod("exclude", &Sensor::Exclude), InstanceMethod("stats", &Sensor::Stats),
    InstanceMethod("detach", &Sensor::Detach), InstanceMethod("close", &Sensor::Close),
  });
}

Sensor::Sensor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Sensor>(info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[0].As<Napi::Object>();
  Settings settings;
  settings.objects = {
    {agentsmith_object_start, agentsmith_object_end - agentsmith_object_start},
    {agentsmith_legacy_object_start, agentsmith_legacy_object_end - agentsmith_legacy_object_start},
  };
  if (options.Get("object").IsTypedArray()) {
    auto object = options.Get("object").As<Napi::Uint8Array>();
    settings.objects = {{object.Data(), object.ByteLength()}};
  }
  settings.layout_id = to_u64(options.Get("layoutId"));
  settings.sequence_base = to_u64(options.Get("sequenceBase"));
  settings.ring_bytes = to_u64(options.Get("ringBytes"));
  settings.pending_after_ns = to_u64(options.Get("pendingAfterNs"));
  settings.enabled_events = to_u64(options.Get("enabledEvents"));
  auto environment = options.Get("environment").As<Napi::Array>();
  for (uint32_t i = 0; i < environment.Length(); i++) {
    settings.environment.push_back(environment.Get(i).As<Napi::String>().Utf8Value());
  }
  auto programs = options.Get("programs").As<Napi::Array>();
  for (uint32_t i = 0; i < programs.Length(); i++) {
    settings.programs.insert(programs.Get(i).As<Napi::String>().Utf8Value());
  }
  try {
    object_ = load_object(settings, hooks_);
    MapRing(settings.ring_bytes);
    MapGlobals();
    auto excluded = options.Get("excluded").As<Napi::Array>();
    for (uint32_t i = 0; i < excluded.Length() && i < kExcludedMax; i++) {
      excluded_[i] = excluded.Get(i).As<Napi::Number>().Uint32Value();
    }
    Attach(options.Get("cgroupFd").As<Napi::Number>().Int32Value());
  } catch (const LoadError& e) {
    Release();
    throw error(env, e.code, e.what());
  }
  auto buffer = Napi::ArrayBuffer::New(env, kBatchBytes + kRecordMax);
  bytes_ = static_cast<uint8_t*>(buffer.Data());
  buffer_ = Napi::Persistent(buffer);
  info.This().As<Napi::Object>().Set("buffer", buffer);
}

void Sensor::MapRing(uint64_t ring_bytes) {
  const int fd = bpf_map__fd(bpf_object__find_map_by_name(object_, "ring"));
  const size_t page = sysconf(_SC_PAGESIZE);
  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) throw LoadError("EMMAP", strerror(errno));
  consumer_ = static_cast<unsigned long*>(consumer);
  void* producer = mmap(nullptr, page + 2 * ring_bytes, PROT_READ, MAP_SHARED, fd, page);
  if (producer == MAP_FAILED) throw LoadError("EMMAP", strerror(errno));
  producer_ = static_cast<const unsigned long*>(producer);
  ring_bytes_ = ring_bytes;
}

void Sensor::MapGlobals() {
  bpf_map* map = bpf_object__find_map_by_name(object_, ".bss");
  const btf* types = bpf_object__btf(object_);
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
    if (!strcmp(name, "wake_at")) wake_at_ = reinterpret_cast<uint32_t*>(globals_ + var->offset);
    if (!strcmp(name, "excluded")) excluded_ = reinterpret_cast<uint32_t*>(globals_ + var->offset);
  }
  if (!wake_at_ || !excluded_) throw LoadError("ENOLAYOUT", "the BPF object lacks wake_at or excluded");
}

void Sensor::Attach(int cgroup_fd) {
  for (Hook& hook : hooks_) {
    if (!hook.error.empty()) continue;
    bpf_program* program = bpf_object__find_program_by_name(object_, hook.program.c_str());
    const bool cgroup = hook.hook.rfind("cgroup", 0) == 0;
    if (cgroup && cgroup_fd < 0) {
      hook.error = "no cgroup2 hierarchy to attach to";
      continue;
    }
    bpf_link* link = cgroup ? bpf_program__attach_cgroup(program, cgroup_fd) : bpf_program__attach(program);
    if (link) links_.push_back(link);
    else hook.error = strerror(errno);
  }
  // A thread that ends shows process_exit where the saved registers lie (ebpf/lib/compat.h), before the first connect.
  std::thread([] {}).join();
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

/** Copies whole records into the buffer; returns bytes. Layout of the ring: Documentation/bpf/ringbuf.rst. */
size_t Sensor::Fill() {
  const size_t page = sysconf(_SC_PAGESIZE);
  const auto* data = reinterpret_cast<const uint8_t*>(producer_) + page;
  unsigned long at = *consumer_, filled = 0;
  const unsigned long end = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
  while (at < end && filled < kBatchBytes) {
    const uint8_t* record = data + (at & (ring_bytes_ - 1));
    const uint32_t word = __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    if (word & BPF_RINGBUF_BUSY_BIT) break;
    const size_t size = word & ~BPF_RINGBUF_DISCARD_BIT;
    if (!(word & BPF_RINGBUF_DISCARD_BIT) && size <= kRecordMax) {
      memcpy(bytes_ + filled, record + BPF_RINGBUF_HDR_SZ, size);
      filled += (size + 7) & ~7ul;
    }
    at += (size + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
  }
  __atomic_store_n(consumer_, at, __ATOMIC_RELEASE);
  return filled;
}

Napi::Value Sensor::Drain(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), object_ ? Fill() : 0);
}

void Sensor::StartTick(uint64_t ms) {
  uv_timer_start(tick_, [](uv_timer_t* timer) { static_cast<Sensor*>(timer->data)->Wake(); }, ms, 0);
}

/** The programs wake us: for the first record in a slow time, else for many. */
void Sensor::Woken() {
  epoll_event event;
  epoll_wait(epoll_, &event, 1, 0);
  if (!slow_ || company_) return Wake();
  company_ = true;
  __atomic_store_n(wake_at_, kWakeBytes, __ATOMIC_SEQ_CST);
  StartTick(kCompanyMs);
}

void Sensor::Wake() {
  Napi::HandleScope scope(Env());
  size_t filled = 0;
  int batches = 0;
  company_ = false;
  for (; object_ && batches < kBatchesPerWake && (filled = Fill()) > 0; batches++) {
    on_batch_.MakeCallback(Value(), {Napi::Number::New(Env(), filled)}, *context_);
  }
  if (!object_ || !tick_) return;
  if (batches && ++drains_ >= kSlowDrains) slow_ = false;
  const uint64_t now = uv_now(tick_->loop);
  if (now - window_ >= kSlowWindowMs) {
    slow_ = drains_ < kSlowDrains;
    drains_ = 0;
    window_ = now;
  }
  __atomic_store_n(wake_at_, slow_ ? 0 : kWakeBytes, __ATOMIC_SEQ_CST);
  // A record that came before the programs saw the flag wakes nobody: it is looked for once more.
  const bool missed = slow_ && __atomic_load_n(producer_, __ATOMIC_SEQ_CST) != *consumer_;
  // Not empty yet: go on in the next turn of the loop instead of waiting for the tick.
  const bool more = missed || batches == kBatchesPerWake;
  StartTick(more ? 0 : slow_ ? kSlowTickMs : kTickMs);
}

Napi::Value Sensor::Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uv_loop_t* loop;
  napi_get_uv_event_loop(env, &loop);
  on_batch_ = Napi::Persistent(info[0].As<Napi::Function>());
  context_ = new Napi::AsyncContext(env, "agentsmith.sensor");
  poll_ = new uv_poll_t;
  tick_ = new uv_timer_t;
  poll_->data = tick_->data = this;
  // libuv's own epoll tells again and again of a ring that is not emptied at once; this one tells of each wake-up.
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(epoll_, EPOLL_CTL_ADD, bpf_map__fd(bpf_object__find_map_by_name(object_, "ring")), &event);
  uv_poll_init(loop, poll_, epoll_);
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) { static_cast<Sensor*>(poll->data)->Woken(); });
  uv_timer_init(loop, tick_);
  Ref();
  Wake();
  return env.Undefined();
}

/** Per event type the five words of struct counters, summed over the CPUs, into a Float64Array. */
Napi::Value Sensor::Counters(const Napi::CallbackInfo& info) {
  auto out = info[0].As<Napi::Float64Array>();
  if (!object_) return info.Env().Undefined();
  bpf_map* map = bpf_object__find_map_by_name(object_, "counts");
  const int cpus = libbpf_num_possible_cpus();
  std::vector<uint64_t> words(cpus * kCountersWords);
  for (uint32_t type = 0; type < bpf_map__max_entries(map); type++) {
    if (bpf_map_lookup_elem(bpf_map__fd(map), &type, words.data())) continue;
    for (size_t i = 0; i < kCountersWords && type * kCountersWords + i < out.ElementLength(); i++) {
      uint64_t sum = 0;
      for (int cpu = 0; cpu < cpus; cpu++) sum += words[cpu * kCountersWords + i];
      out[type * kCountersWords + i] = sum;
    }
  }
  return info.Env().Undefined();
}

Napi::Value Sensor::RingUsed(const Napi::CallbackInfo& info) {
  if (!object_) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(info.Env(), __atomic_load_n(producer_, __ATOMIC_ACQUIRE) - *consumer_);
}

/** forget(pid, startLow, startHigh): user space dropped the process, so the kernel introduces it again. */
Napi::Value Sensor::Forget(const Napi::CallbackInfo& info) {
  struct { uint64_t start; uint32_t pid, unused; } key = {};
  key.pid = info[0].As<Napi::Number>().Uint32Value();
  key.start = static_cast<uint64_t>(info[2].As<Napi::Number>().Uint32Value()) << 32 |
              info[1].As<Napi::Number>().Uint32Value();
  if (object_) bpf_map_delete_elem(bpf_map__fd(bpf_object__find_map_by_name(object_, "known")), &key);
  return info.Env().Undefined();
}

/** exclude(pid): events of this process are the agent's own. False when all places are taken. */
Napi::Value Sensor::Exclude(const Napi::CallbackInfo& info) {
  for (size_t i = 0; object_ && i < kExcludedMax; i++) {
    if (excluded_[i]) continue;
    excluded_[i] = info[0].As<Napi::Number>().Uint32Value();
    return Napi::Boolean::New(info.Env(), true);
  }
  return Napi::Boolean::New(info.Env(), false);
}

/** Per program [runs, nanoseconds]; zero unless bpf_stats are on (sys.enableStats). */
Napi::Value Sensor::Stats(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  bpf_program* program;
  if (!object_) return out;
  bpf_object__for_each_program(program, object_) {
    bpf_prog_info data = {};
    uint32_t size = sizeof data;
    if (bpf_program__fd(program) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(program), &data, &size)) continue;
    auto entry = Napi::Object::New(info.Env());
    entry.Set("runs", static_cast<double>(data.run_cnt));
    entry.Set("nanoseconds", static_cast<double>(data.run_time_ns));
    entry.Set("instructions", static_cast<double>(data.verified_insns));
    out.Set(bpf_program__name(program), entry);
  }
  return out;
}

/** No program runs any more; what lies in the ring can still be drained. */
Napi::Value Sensor::Detach(const Napi::CallbackInfo& info) {
  for (bpf_link* link : links_) bpf_link__destroy(link);
  links_.clear();
  // A program that still runs on another CPU ends within this grace period, and its record is in the ring.
  syscall(SYS_membarrier, 1 /* MEMBARRIER_CMD_GLOBAL */, 0, 0);
  return info.Env().Undefined();
}

void Sensor::Release() {
  if (poll_) {
    uv_poll_stop(poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(poll_), [](uv_handle_t* h) { delete reinterpret_cast<uv_poll_t*>(h); });
    close(epoll_);
    uv_timer_stop(tick_);
    uv_close(reinterpret_cast<uv_handle_t*>(tick_), [](uv_handle_t* h) { delete reinterpret_cast<uv_timer_t*>(h); });
    poll_ = nullptr;
    tick_ = nullptr;
  }
  for (bpf_link* link : links_) bpf_link__destroy(link);
  links_.clear();
  const size_t page = sysconf(_SC_PAGESIZE);
  if (consumer_) munmap(consumer_, page);
  if (producer_) munmap(const_cast<unsigned long*>(producer_), page + 2 * ring_bytes_);
  if (globals_) munmap(globals_, globals_size_);
  consumer_ = nullptr;
  producer_ = nullptr;
  globals_ = nullptr;
  if (object_) bpf_object__close(object_);
  object_ = nullptr;
}

Napi::Value Sensor::Close(const Napi::CallbackInfo& info) {
  const bool started = poll_ != nullptr;
  Release();
  if (started) {
    on_batch_.Reset();
    delete context_;
    context_ = nullptr;
    Unref();
  }
  return info.Env().Undefined();
}
