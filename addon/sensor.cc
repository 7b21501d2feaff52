// SPDX-License-Identifier: Apache-2.0
#include "sensor.h"

#include <bpf/bpf.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

extern "C" const uint8_t agentsmith_object_start[], agentsmith_object_end[];
extern "C" const uint8_t agentsmith_untyped_object_start[], agentsmith_untyped_object_end[];
extern "C" const uint8_t agentsmith_legacy_object_start[], agentsmith_legacy_object_end[];

namespace {

// One batch: 1 MiB keeps a turn of the event loop short (5-10 ms); the largest record, 64 KiB, must fit behind it.
constexpr size_t kBatchBytes = 1 << 20;
constexpr size_t kRecordMax = 1 << 16;
// After as many batches without a pause, sockets and timers get their turn.
constexpr int kBatchesPerWake = 4;
// A turn of the loop for few records costs as much as fifty of them; a warning does not wait for it.
constexpr uint64_t kTickMs = 100;
// The programs wake us when so much waits (ebpf/lib/ring.h).
constexpr uint32_t kWakeBytes = 256 << 10;
// Of a small ring, a quarter.
constexpr int kWakeShare = 4;
// With fewer drains that found something in a second, the first record wakes us instead of a tick, and we look a little
// later, for company, as we do for a warning. From as many on, two turns of the loop for each drain cost as much as the
// ticks. The long tick is for a record that was missed all the same.
constexpr int kSlowDrains = 8;
constexpr uint64_t kSlowWindowMs = 1000;
constexpr uint64_t kCompanyMs = 10;
constexpr uint64_t kSlowTickMs = 1000;
constexpr size_t kExcludedMax = 8;

Napi::Error error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error e = Napi::Error::New(env, message);
  e.Set("code", Napi::String::New(env, code));
  return e;
}

std::set<std::string> to_set(Napi::Array names) {
  std::set<std::string> set;
  for (uint32_t i = 0; i < names.Length(); i++) set.insert(names.Get(i).As<Napi::String>().Utf8Value());
  return set;
}

uint64_t to_u64(Napi::Value value) {
  bool lossless;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : value.As<Napi::Number>().Int64Value();
}

}  // namespace

Napi::Function Sensor::Define(Napi::Env env) {
  return DefineClass(env, "Sensor", {
    InstanceMethod("hooks", &Sensor::Hooks), InstanceMethod("choose", &Sensor::Choose),
    InstanceMethod("verify", &Sensor::Verify), InstanceMethod("start", &Sensor::Start),
    InstanceMethod("drain", &Sensor::Drain), InstanceMethod("trim", &Sensor::Trim),
    InstanceMethod("sum", &Sensor::Sum),
    InstanceMethod("ringUsed", &Sensor::RingUsed), InstanceMethod("lookup", &Sensor::Lookup),
    InstanceMethod("exclude", &Sensor::Exclude), InstanceMethod("set", &Sensor::Set),
    InstanceMethod("update", &Sensor::Update), InstanceMethod("delete", &Sensor::Delete),
    InstanceMethod("entries", &Sensor::Entries), InstanceMethod("stats", &Sensor::Stats),
    InstanceMethod("detach", &Sensor::Stop), InstanceMethod("close", &Sensor::Close),
  });
}

Sensor::Sensor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Sensor>(info) {
  Napi::Env env = info.Env();
  Napi::Object options = info[0].As<Napi::Object>();
  settings_.objects = {
    {agentsmith_object_start, agentsmith_object_end - agentsmith_object_start},
    {agentsmith_untyped_object_start, agentsmith_untyped_object_end - agentsmith_untyped_object_start},
    {agentsmith_legacy_object_start, agentsmith_legacy_object_end - agentsmith_legacy_object_start},
  };
  if (options.Get("object").IsTypedArray()) {
    auto object = options.Get("object").As<Napi::Uint8Array>();
    object_bytes_.assign(object.Data(), object.Data() + object.ByteLength());
    settings_.objects = {{object_bytes_.data(), object_bytes_.size()}};
  }
  settings_.layout_id = to_u64(options.Get("layoutId"));
  settings_.sequence_base = to_u64(options.Get("sequenceBase"));
  settings_.ring_bytes = to_u64(options.Get("ringBytes"));
  settings_.pending_after_ns = to_u64(options.Get("pendingAfterNs"));
  auto environment = options.Get("environment").As<Napi::Array>();
  for (uint32_t i = 0; i < environment.Length(); i++) {
    settings_.environment.push_back(environment.Get(i).As<Napi::String>().Utf8Value());
  }
  auto ports = options.Get("dnsPorts").As<Napi::Array>();
  for (uint32_t i = 0; i < ports.Length(); i++) {
    settings_.dns_ports.push_back(ports.Get(i).As<Napi::Number>().Uint32Value());
  }
  try {
    Load(to_set(options.Get("programs").As<Napi::Array>()));
    MapRing(settings_.ring_bytes);
    MapGlobals();
    auto excluded = options.Get("excluded").As<Napi::Array>();
    for (uint32_t i = 0; i < excluded.Length() && i < kExcludedMax; i++) {
      excluded_[i] = excluded.Get(i).As<Napi::Number>().Uint32Value();
      excluded_written_.push_back(excluded_[i]);
    }
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
  const int fd = bpf_map__fd(Map("ring"));
  const size_t page = sysconf(_SC_PAGESIZE);
  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) throw LoadError("EMMAP", strerror(errno));
  consumer_ = static_cast<unsigned long*>(consumer);
  void* producer = mmap(nullptr, page + 2 * ring_bytes, PROT_READ, MAP_SHARED, fd, page);
  if (producer == MAP_FAILED) throw LoadError("EMMAP", strerror(errno));
  producer_ = static_cast<const unsigned long*>(producer);
  ring_bytes_ = ring_bytes;
  wake_bytes_ = std::min<uint64_t>(kWakeBytes, ring_bytes / kWakeShare);
}

bpf_map* Sensor::Map(const char* name) { return bpf_object__find_map_by_name(objects_.front(), name); }

bpf_program* Sensor::Find(const std::string& program) {
  for (bpf_object* object : objects_) {
    bpf_program* found = bpf_object__find_program_by_name(object, program.c_str());
    if (found && bpf_program__fd(found) >= 0) return found;
  }
  return nullptr;
}

/** Loads programs that were never asked for before; what becomes of each stands in `hooks_`. */
void Sensor::Load(const std::set<std::string>& programs) {
  settings_.programs = programs;
  std::vector<Hook> hooks;
  try {
    objects_.push_back(load_object(settings_, hooks, objects_.empty() ? nullptr : objects_.front()));
  } catch (const LoadError& e) {
    if (objects_.empty()) throw;
    for (Hook& hook : hooks) hook.error = hook.error.empty() ? e.what() : hook.error;
  }
  hooks_.insert(hooks_.end(), hooks.begin(), hooks.end());
}

/**
 * verify(): what somebody else has undone: names of programs that are not attached any more, and of globals that are not
 * as they were written. The programs count as detached, so that choose() attaches them again; globals are put right.
 */
Napi::Value Sensor::Verify(const Napi::CallbackInfo& info) {
  auto programs = Napi::Array::New(info.Env()), globals = Napi::Array::New(info.Env());
  for (const Hook& hook : hooks_) {
    const auto at = attached_.find(hook.program);
    if (at == attached_.end() || IsAttached(hook, at->second)) continue;
    programs.Set(programs.Length(), hook.program);
    Detach(hook.program);
  }
  for (const auto& [name, value] : written_) {
    const auto [address, size] = globals_by_name_[name];
    uint64_t now = 0;
    memcpy(&now, address, size);
    if (now == value) continue;
    globals.Set(globals.Length(), name);
    memcpy(address, &value, size);
  }
  const size_t bytes = excluded_written_.size() * sizeof(uint32_t);
  const bool more = excluded_written_.size() < kExcludedMax && excluded_ && excluded_[excluded_written_.size()];
  if (excluded_ && (more || memcmp(excluded_, excluded_written_.data(), bytes))) {
    globals.Set(globals.Length(), "excluded");
    memset(excluded_, 0, kExcludedMax * sizeof(uint32_t));
    memcpy(excluded_, excluded_written_.data(), bytes);
  }
  auto out = Napi::Object::New(info.Env());
  out.Set("programs", programs);
  out.Set("globals", globals);
  return out;
}

/**
 * choose(programs, enabledEvents, cgroupFd): exactly these programs are attached from now on; what was never loaded is
 * loaded. What was attached before and stays sees every event meanwhile.
 */
Napi::Value Sensor::Choose(const Napi::CallbackInfo& info) {
  if (objects_.empty()) return info.Env().Undefined();
  const std::set<std::string> wanted = to_set(info[0].As<Napi::Array>());
  const int cgroup_fd = info[2].As<Napi::Number>().Int32Value();
  std::set<std::string> unknown = wanted;
  for (const Hook& hook : hooks_) unknown.erase(hook.program);
  if (!unknown.empty()) Load(unknown);
  written_["enabled_events"] = to_u64(info[1]);
  __atomic_store_n(enabled_events_, to_u64(info[1]), __ATOMIC_SEQ_CST);
  for (Hook& hook : hooks_) {
    if (!wanted.count(hook.program)) Detach(hook.program);
    else if (!attached_.count(hook.program)) Attach(hook, cgroup_fd);
    if (attached_.count(hook.program)) Flag(hook.program, true);
  }
  // Reading BTF and relocating takes megabytes that glibc would keep for good.
  malloc_trim(0);
  // A thread that ends shows process_exit where the saved registers lie (ebpf/lib/compat.h), before the first connect.
  std::thread([] {}).join();
  return info.Env().Undefined();
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
  peak_ = std::max(peak_, filled);
  return filled;
}

Napi::Value Sensor::Drain(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), objects_.empty() ? 0 : Fill());
}

/** trim(): pages of the buffer that no drain since the last call filled are zero again, and take no memory. */
Napi::Value Sensor::Trim(const Napi::CallbackInfo& info) {
  const size_t page = sysconf(_SC_PAGESIZE);
  const uintptr_t from = (reinterpret_cast<uintptr_t>(bytes_) + peak_ + page - 1) & ~(page - 1);
  const uintptr_t to = (reinterpret_cast<uintptr_t>(bytes_) + kBatchBytes + kRecordMax) & ~(page - 1);
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  peak_ = 0;
  malloc_trim(0);
  return info.Env().Undefined();
}

void Sensor::StartTick(uint64_t ms) {
  uv_timer_start(tick_, [](uv_timer_t* timer) { static_cast<Sensor*>(timer->data)->Wake(); }, ms, 0);
}

/** The programs wake us: for the first record in a slow time, for a warning, or for many records. */
void Sensor::Woken() {
  epoll_event event;
  epoll_wait(epoll_, &event, 1, 0);
  if (company_ || __atomic_load_n(producer_, __ATOMIC_ACQUIRE) - *consumer_ >= wake_bytes_) return Wake();
  company_ = true;
  __atomic_store_n(wake_at_, wake_bytes_, __ATOMIC_SEQ_CST);
  StartTick(kCompanyMs);
}

void Sensor::Wake() {
  Napi::HandleScope scope(Env());
  size_t filled = 0;
  int batches = 0;
  company_ = false;
  // Before we look, so that none is missed: a warning that we find all the same wakes us once more for nothing.
  __atomic_store_n(wake_for_urgent_, 1, __ATOMIC_SEQ_CST);
  for (; !objects_.empty() && batches < kBatchesPerWake && (filled = Fill()) > 0; batches++) {
    on_batch_.MakeCallback(Value(), {Napi::Number::New(Env(), filled)}, *context_);
  }
  if (objects_.empty() || !tick_) return;
  if (batches && ++drains_ >= kSlowDrains) slow_ = false;
  const uint64_t now = uv_now(tick_->loop);
  if (now - window_ >= kSlowWindowMs) {
    slow_ = drains_ < kSlowDrains;
    drains_ = 0;
    window_ = now;
  }
  __atomic_store_n(wake_at_, slow_ ? 0 : wake_bytes_, __ATOMIC_SEQ_CST);
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
  epoll_ctl(epoll_, EPOLL_CTL_ADD, bpf_map__fd(Map("ring")), &event);
  uv_poll_init(loop, poll_, epoll_);
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) { static_cast<Sensor*>(poll->data)->Woken(); });
  uv_timer_init(loop, tick_);
  Ref();
  Wake();
  return env.Undefined();
}

Napi::Value Sensor::RingUsed(const Napi::CallbackInfo& info) {
  if (objects_.empty()) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(info.Env(), __atomic_load_n(producer_, __ATOMIC_ACQUIRE) - *consumer_);
}

/** exclude(pid): events of this process are the agent's own. False when all places are taken. */
Napi::Value Sensor::Exclude(const Napi::CallbackInfo& info) {
  for (size_t i = 0; !objects_.empty() && i < kExcludedMax; i++) {
    if (excluded_[i]) continue;
    excluded_[i] = info[0].As<Napi::Number>().Uint32Value();
    excluded_written_.push_back(excluded_[i]);
    return Napi::Boolean::New(info.Env(), true);
  }
  return Napi::Boolean::New(info.Env(), false);
}

/** set(name, value): a global of the programs that is written while they run. */
Napi::Value Sensor::Set(const Napi::CallbackInfo& info) {
  const auto at = globals_by_name_.find(info[0].As<Napi::String>().Utf8Value());
  const uint64_t value = to_u64(info[1]);
  if (!globals_ || at == globals_by_name_.end()) return Napi::Boolean::New(info.Env(), false);
  const auto [address, size] = at->second;
  if (size == 8) {
    __atomic_store_n(static_cast<uint64_t*>(address), value, __ATOMIC_SEQ_CST);
  } else if (size == 4) {
    __atomic_store_n(static_cast<uint32_t*>(address), value, __ATOMIC_SEQ_CST);
  } else {
    return Napi::Boolean::New(info.Env(), false);
  }
  written_[at->first] = value;
  return Napi::Boolean::New(info.Env(), true);
}

/** No program runs any more; what lies in the ring can still be drained. */
Napi::Value Sensor::Stop(const Napi::CallbackInfo& info) {
  DetachAll();
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
  DetachAll();
  const size_t page = sysconf(_SC_PAGESIZE);
  if (consumer_) munmap(consumer_, page);
  if (producer_) munmap(const_cast<unsigned long*>(producer_), page + 2 * ring_bytes_);
  if (globals_) munmap(globals_, globals_size_);
  consumer_ = nullptr;
  producer_ = nullptr;
  globals_ = nullptr;
  for (bpf_object* object : objects_) bpf_object__close(object);
  objects_.clear();
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
