#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything that `npm start` needs, on a fresh Debian machine: system packages, npm packages, the BPF object, the addon,
# TypeScript. With `test` also what `npm test` needs. Skips what is there; a second run takes about a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 69; }

packages=(clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev pkg-config gcc g++ make python3)
if [ "${1:-}" = test ]; then
  packages+=(qemu-system-x86 qemu-system-common busybox-static cpio kmod xz-utils openssl util-linux iproute2 tmux)
  # Debian 12 ships virtiofsd with QEMU, 13 as a package of its own.
  [ -e /usr/lib/qemu/virtiofsd ] || packages+=(virtiofsd)
fi

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    command -v clang >/dev/null && command -v bpftool >/dev/null && pkg-config --exists libbpf 2>/dev/null && return
    die "this is no Debian. Install what these packages hold there, then run it again: ${packages[*]}"
  fi
  local missing=() package
  for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
  done
  # On Debian 12 virtiofsd is part of qemu-system-common, which is being installed.
  if [[ " ${missing[*]} " == *" qemu-system-common "* && " ${missing[*]} " == *" virtiofsd "* ]]; then
    apt-cache show virtiofsd >/dev/null 2>&1 || missing=("${missing[@]/virtiofsd/}")
  fi
  [ ${#missing[@]} -eq 0 ] && return
  say "apt-get install -y --no-install-recommends ${missing[*]}"
  [ "$(id -u)" = 0 ] || die 'installing packages needs root: run the line above as root, then run this again'
  # shellcheck disable=SC2068  # an emptied element must vanish
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[@]} >/dev/null 2>&1 || {
    apt-get update -qq
    # shellcheck disable=SC2068
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[@]} >/dev/null
  }
}

install_node_modules() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  say 'npm ci'
  # npm itself may run on an older Node than the one it installs here.
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
}

# True when a file of the given folders is newer than $1.
stale() {
  local target=$1
  shift
  [ ! -e "$target" ] || [ -n "$(find "$@" -name build -type d -prune -o -newer "$target" -type f -print -quit)" ]
}

build() {
  local node headers
  node=$(readlink -f node_modules/.bin/node)
  headers=$(echo node_modules/node/node_modules/node-linux-*)
  make -s -C ebpf NODE="$node"
  if stale addon/build/Release/agentsmith.node addon ebpf/build/agentsmith.bpf.o ebpf/build/agentsmith-untyped.bpf.o ebpf/build/agentsmith-legacy.bpf.o; then
    say 'building the addon'
    rm -f addon/build/Release/obj.target/agentsmith/object.o
    env -u npm_config_nodedir MAKEFLAGS=--silent "$node" node_modules/node-gyp/bin/node-gyp.js --silent --directory addon \
      --nodedir="$PWD/$headers" configure build >&2
  fi
  if stale build/.tsbuildinfo src test docs ebpf examples tsconfig.json package-lock.json; then
    say 'compiling TypeScript'
    node_modules/.bin/tsc -p .
    touch build/.tsbuildinfo
  fi
}

install_packages
install_node_modules
build
