// SPDX-License-Identifier: Apache-2.0
#include <napi.h>

#include "sensor.h"
#include "sys.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Sensor", Sensor::Define(env));
  sys_define(env, exports);
  return exports;
}

NODE_API_MODULE(agentsmith, Init)
