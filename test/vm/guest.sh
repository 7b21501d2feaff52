# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by run.sh: one guest, from its initramfs to its end. Its files are in $WORK.

# What mounts the real root: busybox, our init and the modules that takes, in the order they depend on each other.
pack_initramfs() { # series command
  local tree=$WORK/initramfs.d modules=$CACHE/$1/lib/modules/$VERSION module file number=10
  mkdir -p "$tree"/{bin,dev,proc,sys,modules,lower,upper,root}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 755 "$HERE/init" "$tree/init"
  printf '%s\n' "$2" >"$tree/command"
  printf '%s=%q\n' SERIES "$1" VERSION "$VERSION" MODULES "$modules" FOLDER "$PWD" >"$tree/settings"
  for module in virtio_pci virtiofs overlay; do
    modprobe -d "$CACHE/$1" -S "$VERSION" --show-depends "$module" # one that is built in has no file
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$WORK/modules"
  while read -r file; do
    number=$((number + 1))
    case $file in
      *.xz) xz -dc "$file" >"$tree/modules/$number-$(basename "$file" .xz)" ;;
      *) cp "$file" "$tree/modules/$number-$(basename "$file")" ;;
    esac
  done <"$WORK/modules"
  (cd "$tree" && find . | cpio -o -H newc --quiet) >"$WORK/initramfs"
}

serve_root() {
  local options=(--socket-path="$WORK/root.sock")
  # Debian 12 has it in C, with QEMU; from 13 on it is another program and the package virtiofsd. The default
  # sandbox needs pivot_root, which containers do not allow, and overlayfs refuses mount points that it is told of.
  case $VIRTIOFSD in
    */qemu/*) options+=(-o source=/ -o cache=always -o sandbox=chroot) ;;
    *) options+=(--shared-dir=/ --cache=always --sandbox=chroot --readonly --no-announce-submounts) ;;
  esac
  "$VIRTIOFSD" "${options[@]}" >"$WORK/virtiofsd.log" 2>&1 &
  SERVER=$!
  for _ in {1..200}; do
    [ ! -S "$WORK/root.sock" ] || return 0
    kill -0 "$SERVER" 2>/dev/null || break
    sleep 0.05
  done
  say "FAIL vm: virtiofsd does not serve; logs in $WORK"
  cat "$WORK/virtiofsd.log" >&2
  KEEP=1
  exit 1
}

boot() { # vmlinuz [kernel argument...]
  local memory=${VM_MEMORY:-2G} clock=(-accel "$(accelerator)" -smp "${VM_CPUS:-2}")
  # One CPU, and a clock that goes on by a nanosecond with each instruction: times in the guest are counts.
  [ -z "${VM_INSTRUCTIONS:-}" ] || clock=(-accel tcg,thread=single -icount shift=0,sleep=off -smp 1)
  : >"$WORK/output"
  BOOTED=$EPOCHREALTIME
  timeout --kill-after=5 "${VM_TIMEOUT:-300}" qemu-system-x86_64 \
    -machine q35 -cpu max -m "$memory" \
    "${clock[@]}" \
    -object memory-backend-memfd,id=memory,size="$memory",share=on -numa node,memdev=memory \
    -chardev socket,id=root,path="$WORK/root.sock" \
    -device vhost-user-fs-pci,chardev=root,tag=root,queue-size=1024 \
    -nodefaults -no-user-config -display none -no-reboot \
    -serial file:"$WORK/console" -serial file:"$WORK/output" \
    -kernel "$1" -initrd "$WORK/initramfs" \
    -append "console=ttyS0 panic=-1 quiet lsm=lockdown,yama,apparmor,bpf ${*:2}" \
    </dev/null >"$WORK/qemu.log" 2>&1 &
  QEMU=$!
  tail -n +1 -s 0.1 -f --pid=$QEMU "$WORK/output" & # as it comes, until QEMU has ended
  local printer=$!
  QEMU_CODE=0
  wait $QEMU || QEMU_CODE=$?
  wait $printer
}

# Some hosts are themselves guests whose /dev/kvm is not backed by the processor; a stock kernel hangs in it.
accelerator() {
  if [ -w /dev/kvm ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then echo kvm; else echo tcg,thread=multi; fi
}
