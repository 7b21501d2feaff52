#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a stock kernel in QEMU and runs a command in it, on the files of this machine.
#
#   test/vm/run.sh fetch 6.1 6.12            renews the kernels in the cache
#   test/vm/run.sh run 6.1 'uname -r'        fetches the kernel when it is not in the cache
#   test/vm/run.sh run 6.12 'uname -r' lockdown=integrity        what follows goes on the kernel's command line
#
# The guest's root is the host's own, read-only by virtiofs, with a tmpfs laid over it: Node, node_modules and
# what was built here are there without any image, in the folder where this script is called, and what the
# command writes is gone with the guest. Only the guest's mount makes it read-only: run our own code in it.
#
# What the command prints comes on stdout. The last words are on stderr: PASS, SKIP with what is missing here
# (exit code 77), or FAIL with the command's exit code, 124 (deadline) or 125 (the kernel died).
# VM_TIMEOUT (300 s), VM_CPUS (2: one would hide races between CPUs) and VM_MEMORY (2G) can be set. With VM_INSTRUCTIONS=1
# there is one CPU, and times in the guest are counts of instructions.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/agentsmith-otel/vm
PATH=$PATH:/usr/sbin:/sbin # su leaves them out
PACKAGES='qemu-system-x86 qemu-system-common busybox-static cpio kmod xz-utils'

# shellcheck source-path=SCRIPTDIR source=fetch.sh
. "$HERE/fetch.sh"
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "$HERE/guest.sh"

main() {
  case "${1:-}:$#" in
    fetch:1) usage ;;
    run:1 | run:2) usage ;;
    fetch:*) require; fetch "${@:2}" ;;
    run:*) require; run "${@:2}" ;;
    *) usage ;;
  esac
}

usage() {
  sed -n '4,/^set/{/^set/d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}" >&2
  exit 64
}

say() { printf '%s\n' "$*" >&2; }

skip() { # what [reason...]
  say "SKIP $1: ${*:2}"
  exit 77
}

# The machine has what the runner is made of.
require() {
  local missing=()
  [ "$(uname -m)" = x86_64 ] || skip vm 'the runner boots x86-64 kernels only'
  [ "$(id -u)" = 0 ] || skip vm 'needs root: virtiofsd serves the whole file system'
  for program in qemu-system-x86_64 busybox cpio depmod modprobe xz flock timeout; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  VIRTIOFSD=$(first /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd) || missing+=(virtiofsd)
  [ ${#missing[@]} = 0 ] || skip vm "no ${missing[*]}; apt-get install --no-install-recommends $PACKAGES"
  ! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip vm 'busybox is not the static one; apt-get install busybox-static'
  mkdir -p "$CACHE"
  exec 9>"$CACHE/lock"
}

quote() { # word... for a shell, and for people: %q would put a backslash before every blank
  local word
  for word; do
    case $word in *[!A-Za-z0-9_./=-]*) printf "'%s' " "${word//\'/\'\\\'\'}" ;; *) printf '%s ' "$word" ;; esac
  done
}

first() { # file...
  local file
  for file; do [ ! -e "$file" ] || { echo "$file"; return; }; done
  return 1
}

run() { # series command [kernel argument...]
  local series=$1 command=$2
  if [ ! -e "$CACHE/$series/version" ]; then fetch "$series"; fi
  flock -s 9 # a `fetch` waits until the guest has ended
  VERSION=$(<"$CACHE/$series/version")
  WORK=$(mktemp -d -t agentsmith-vm.XXXXXX) # not in the cache: the name of a socket has 108 bytes at most
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  pack_initramfs "$series" "$command"
  serve_root
  boot "$CACHE/$series/vmlinuz" "${@:3}"
  tell "$series" "$command" "${@:3}"
}

# The guest has no other way to hand over an exit code than to print it; one that died printed none.
tell() { # series command [kernel argument...]
  local code reason name seconds
  seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $BOOTED }")
  name="$1 ($VERSION, $seconds s)"
  code=$(sed -n 's/.*VM-EXIT code=\([0-9]*\).*/\1/p' "$WORK/console" | tail -n 1)
  if [ "$code" = 0 ]; then
    say "PASS $name"
    return 0
  fi
  if [ -n "$code" ]; then reason="exit code $code"
  elif [ $QEMU_CODE = 124 ] || [ $QEMU_CODE = 137 ]; then code=124 reason="no end in ${VM_TIMEOUT:-300} s"
  else code=125 reason="the kernel died (QEMU: exit code $QEMU_CODE)"
  fi
  KEEP=1
  tail -v -n 15 "$WORK/console" "$WORK/qemu.log" >&2
  say "FAIL $name: $reason; logs in $WORK"
  say "     again: cd $(quote "$PWD")&& $(quote "${BASH_SOURCE[0]}" run "$1")$(quote "${@:2}")"
  exit "$code"
}

end() {
  local pid
  for pid in ${QEMU:-} ${SERVER:-}; do kill "$pid" 2>/dev/null || true; done
  wait
  [ -n "${KEEP:-}" ] || rm -rf "$WORK"
}

main "$@"
