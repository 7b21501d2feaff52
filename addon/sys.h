// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

/** Adds the system calls of sys.cc to `exports`. */
void sys_define(Napi::Env env, Napi::Object exports);
