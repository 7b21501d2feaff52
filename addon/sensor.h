// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>
#include <uv.h>

#include "load.h"

/**
 * The loaded programs and their ring, as one object for JavaScript. It knows bytes, not events: it hands over batches
 * of whole records in one buffer that is used again for the next batch. No threads: libuv watches the ring.
 */
class Sensor : public Napi::ObjectWrap<Sensor> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Sensor(const Napi::CallbackInfo& info);
  ~Sensor() override { Release(); }

 private:
  Napi::Value Hooks(const Napi::CallbackInfo& info);
  Napi::Value Choose(const Napi::CallbackInfo& info);
  Napi::Value Verify(const Napi::CallbackInfo& info);
  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value Trim(const Napi::CallbackInfo& info);
  Napi::Value Sum(const Napi::CallbackInfo& info);
  Napi::Value RingUsed(const Napi::CallbackInfo& info);
  Napi::Value Lookup(const Napi::CallbackInfo& info);
  Napi::Value Exclude(const Napi::CallbackInfo& info);
  Napi::Value Set(const Napi::CallbackInfo& info);
  Napi::Value Update(const Napi::CallbackInfo& info);
  Napi::Value Delete(const Napi::CallbackInfo& info);
  Napi::Value Entries(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  void MapRing(uint64_t ring_bytes);
  void MapGlobals();
  void Load(const std::set<std::string>& programs);
  void Attach(Hook& hook, int cgroup_fd);
  void Detach(const std::string& program);
  void Flag(const std::string& program, bool attached);
  void DetachAll();
  bool IsAttached(const Hook& hook, bpf_link* link);
  bpf_map* Map(const char* name);
  bpf_map* Map(const std::string& name, size_t key, size_t value);
  bpf_program* Find(const std::string& program);
  size_t Fill();
  void StartTick(uint64_t ms);
  void Woken();
  void Wake();
  void Release();

  /** One for each time that programs were added; all have the maps of the first. */
  std::vector<bpf_object*> objects_;
  Settings settings_;
  std::vector<uint8_t> object_bytes_;        // of an object that the caller gave
  std::vector<Hook> hooks_;
  /** By program; nullptr for one that is entered into `syscall_exits`. */
  std::map<std::string, bpf_link*> attached_;

  uint64_t ring_bytes_ = 0;
  unsigned long* consumer_ = nullptr;        // the one page of the ring that we write
  const unsigned long* producer_ = nullptr;  // followed by the data, mapped twice in a row
  uint8_t* globals_ = nullptr;               // .bss: enabled_events, wake_at, excluded, attached
  size_t globals_size_ = 0;
  std::map<std::string, std::pair<void*, size_t>> globals_by_name_;
  /** What was written there: nobody else has any business with it. */
  std::map<std::string, uint64_t> written_;
  std::vector<uint32_t> excluded_written_;
  uint64_t* enabled_events_ = nullptr;
  uint32_t* wake_at_ = nullptr;
  uint32_t* wake_for_urgent_ = nullptr;
  uint32_t wake_bytes_ = 0;
  uint32_t* excluded_ = nullptr;
  uint32_t* running_ = nullptr;              // by enum program

  Napi::Reference<Napi::ArrayBuffer> buffer_;
  uint8_t* bytes_ = nullptr;
  size_t peak_ = 0;         // of it so much was filled at once, since the last trim()
  Napi::FunctionReference on_batch_;
  Napi::AsyncContext* context_ = nullptr;
  bool slow_ = false;       // the first record wakes us
  bool company_ = false;    // it did, and we wait for others
  int drains_ = 0;          // that found records, since window_
  uint64_t window_ = 0;     // ms, of the loop's clock
  int epoll_ = -1;
  uv_poll_t* poll_ = nullptr;
  uv_timer_t* tick_ = nullptr;
};
