# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by run.sh: puts kernels into the cache. Nothing is installed and the machine's own apt is left alone:
# packages are looked up in an index of our own and only unpacked.
# Of each series the cache then holds: version, vmlinuz, lib/modules/.

fetch() { # series...
  local series code=0
  flock 9
  for series; do
    [ -n "$(kernel "$series" 2)" ] || { say "no series $series in $HERE/kernels.txt"; exit 64; }
    (fetch_newest "$series") || code=$?
  done
  return $code
}

# A field of a series in kernels.txt: 2 is the suite, 3 the pattern.
kernel() { # series field
  awk -v series="$1" -v field="$2" '$1 == series { print $field }' "$HERE/kernels.txt"
}

# An index of the one suite: a second or two, where all of Debian takes a minute.
update_index() { # series
  local apt=$CACHE/apt suite keys mirror
  suite=$(kernel "$1" 2)
  keys=$(first /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}) || skip "$1" 'not a Debian: no archive keyring'
  mirror=$(mirror_of "$suite") || skip "$1" "the apt sources of this machine have no mirror for $suite"
  mkdir -p "$apt"/{lists,archives}/partial
  : >"$apt/status"
  echo "deb [signed-by=$keys] $mirror $suite main" >"$apt/sources.list"
  cat >"$apt/conf" <<END
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Dir::State "$apt"; Dir::State::status "$apt/status"; Dir::Cache "$apt";
APT::Architecture "amd64"; APT::Architectures { "amd64"; }; Acquire::Languages "none"; APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
END
  export APT_CONFIG=$apt/conf
  apt-get -qq update >"$apt/log" 2>&1 || skip "$1" "no package index of $suite: $(grep -m 1 '^E:' "$apt/log")"
}

# Where this machine gets its own packages from, the same mirror has those of other releases.
mirror_of() { # suite
  local own
  # shellcheck source=/dev/null
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  case $1 in *-security) own+=-security ;; esac
  apt-get --print-uris update 2>/dev/null | sed -n "s#^'\(.*/\)dists/$own/InRelease' .*#\1#p" | awk 'NR == 1' | grep .
}

fetch_newest() { # series
  local series=$1 version packages dir=$CACHE/$1 new=$CACHE/new
  update_index "$series"
  version=$(newest "$series") || skip "$series" 'the mirror has no such kernel'
  if [ "$(cat "$dir/version" 2>/dev/null)" = "$version" ]; then
    say "$series: $version is in the cache"
    return 0
  fi
  packages=(linux-image-"$version")
  # From 6.19 on it is empty and needs these.
  ! apt-cache show linux-modules-"$version" >/dev/null 2>&1 || packages=(linux-{binary,modules,base}-"$version")
  say "$series: fetching $version"
  rm -rf "$new"
  mkdir -p "$new/deb"
  (cd "$new/deb" && apt-get -qq download "${packages[@]}") >"$CACHE/apt/log" 2>&1 ||
    skip "$series" "$version is in the index, but cannot be had: $(grep -m 1 '^E:' "$CACHE/apt/log")"
  unpack "$new" "$version" || { say "FAIL $series: $version cannot be unpacked; see $new"; exit 1; }
  rm -rf "$dir"
  mv "$new" "$dir"
}

newest() { # series
  local pattern
  pattern=$(kernel "$1" 3)
  apt-cache pkgnames linux-image- | sed 's/^linux-image-//' | grep -E "^$pattern-cloud-amd64$" | sort -V | tail -n 1 | grep .
}

unpack() { # folder version
  local package
  for package in "$1"/deb/*.deb; do dpkg -x "$package" "$1/files" || return; done
  mkdir -p "$1/lib"
  # Where /usr is merged, the modules are below usr/lib.
  mv "$(first "$1"/files/{,usr/}lib/modules)" "$1/lib/modules" &&
    mv "$(first "$1"/files/boot/vmlinuz-"$2" "$1/lib/modules/$2/vmlinuz")" "$1/vmlinuz" &&
    depmod -b "$1" "$2" &&
    rm -rf "$1/deb" "$1/files" &&
    echo "$2" >"$1/version"
}
