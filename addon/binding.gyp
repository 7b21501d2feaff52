# SPDX-License-Identifier: Apache-2.0
# The BPF object is linked into the addon (object.S), so a published package is one file that cannot be mixed up.
{
  "targets": [{
    "target_name": "agentsmith",
    "sources": ["addon.cc", "sensor.cc", "sensor-hooks.cc", "sensor-maps.cc", "load.cc", "sys.cc", "object.S"],
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "AGENTSMITH_OBJECT=\"<(module_root_dir)/../ebpf/build/agentsmith.bpf.o\"", "AGENTSMITH_UNTYPED_OBJECT=\"<(module_root_dir)/../ebpf/build/agentsmith-untyped.bpf.o\"", "AGENTSMITH_LEGACY_OBJECT=\"<(module_root_dir)/../ebpf/build/agentsmith-legacy.bpf.o\""],
    "cflags_cc": ["-std=c++20", "-fexceptions", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fvisibility=hidden"],
    "cflags_cc!": ["-fno-exceptions"],
    "conditions": [["OS=='linux'", {"libraries": ["<!@(pkg-config --libs libbpf)"]}]],
  }]
}
