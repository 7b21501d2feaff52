#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent, with a Collector, Loki and Prometheus behind it on this host: whichever of them are installed. As root:
#
#   examples/quickstart/quickstart.sh [arguments of agentsmith-otel]
#
# It prints the addresses; Ctrl-C ends all of them. What they keep is in ~/.local/state/agentsmith-quickstart.
# Variables: OTELCOL, LOKI, PROMETHEUS and AGENTSMITH name programs that are not on PATH ("" leaves one out);
# COLLECTOR_CONFIG another configuration; GRPC_PORT, HTTP_PORT, HEALTH_PORT, LOKI_PORT and PROMETHEUS_PORT other ports;
# QUICKSTART_DIR another folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${QUICKSTART_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/agentsmith-quickstart}
config=${COLLECTOR_CONFIG:-$root/otel-collector.yaml}
grpc=127.0.0.1:${GRPC_PORT:-4317}
health=127.0.0.1:${HEALTH_PORT:-13133}
loki_port=${LOKI_PORT:-3100}
prometheus_port=${PROMETHEUS_PORT:-9090}
# What otel-collector.yaml reads. Not exported: some names mean another thing to the agent.
settings=(
  AGENTSMITH_OTLP_GRPC="$grpc"
  AGENTSMITH_OTLP_HTTP="127.0.0.1:${HTTP_PORT:-4318}"
  AGENTSMITH_COLLECTOR_HEALTH="$health"
  AGENTSMITH_FILE="$dir/agentsmith-events.jsonl"
  AGENTSMITH_STORAGE="$dir/queues"
)

say() { printf '%s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

# The first of these programs that there is.
find_program() {
  local name
  for name; do command -v "$name" && return; done
  return 0
}

answers() { curl --fail --silent --output /dev/null --max-time 2 "$1"; }

# Names and process ids, the last one started first.
names=() pids=()

# start NAME URL COMMAND...: in the background, until URL answers. With setsid, because Ctrl-C goes to all processes of a
# terminal at once: the Collector would be gone before the agent has delivered.
start() {
  local name=$1 url=$2 log=$dir/$1.log pid
  shift 2
  answers "$url" && die "$url answers already: is $name running? It would get what is meant for the other one"
  setsid "$@" >>"$log" 2>&1 &
  pid=$!
  names=("$name" "${names[@]}") pids=("$pid" "${pids[@]}")
  for _ in $(seq 240); do
    answers "$url" && return
    kill -0 "$pid" 2>/dev/null || die "$name has ended; the end of $log: $(tail -n 3 "$log")"
    sleep 0.25
  done
  die "$name does not answer on $url within a minute: $log"
}

# The agent first, so that what it has seen still arrives. Each has ten seconds.
stop_all() {
  trap - EXIT
  trap '' HUP INT TERM
  local i
  for i in "${!pids[@]}"; do
    kill "${pids[i]}" 2>/dev/null || continue
    for _ in $(seq 100); do
      kill -0 "${pids[i]}" 2>/dev/null || continue 2
      sleep 0.1
    done
    say "${names[i]} does not end: killed"
    kill -9 "${pids[i]}" 2>/dev/null || true
  done
}

[ "$(id -u)" = 0 ] || die 'the agent needs root to load its kernel programs'
command -v curl >/dev/null || die 'curl is needed to see when a server is ready'
collector=${OTELCOL-$(find_program otelcol-contrib otelcol)}
loki=${LOKI-$(find_program loki)}
prometheus=${PROMETHEUS-$(find_program prometheus)}
[ -n "$collector" ] || die 'there is no Collector: install otelcol-contrib 0.154 or newer, or name it in OTELCOL'

# In a clone the agent is built by setup.sh, else it is installed.
if [ -n "${AGENTSMITH-}" ]; then
  agent=("$AGENTSMITH")
elif [ -x "$root/setup.sh" ]; then
  "$root/setup.sh"
  agent=("$root/node_modules/.bin/node" "$root/build/src/cli.js")
else
  agent=(agentsmith-otel)
fi

install -d -m 0700 "$dir"
cd "$dir"
trap stop_all EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "$loki" ]; then
  start Loki "http://127.0.0.1:$loki_port/ready" env LOKI_PORT="$loki_port" LOKI_DIR="$dir/loki" \
    "$loki" -config.file="$here/loki.yaml" -config.expand-env=true
  settings+=(AGENTSMITH_LOKI=otlp AGENTSMITH_LOKI_ENDPOINT="http://127.0.0.1:$loki_port/otlp")
fi
if [ -n "$prometheus" ]; then
  start Prometheus "http://127.0.0.1:$prometheus_port/-/ready" "$prometheus" \
    --config.file="$here/prometheus.yml" --storage.tsdb.path="$dir/prometheus" \
    --web.listen-address="127.0.0.1:$prometheus_port" \
    --web.enable-remote-write-receiver --enable-feature=native-histograms
  settings+=(
    AGENTSMITH_PROMETHEUS=otlp
    AGENTSMITH_PROMETHEUS_ENDPOINT="http://127.0.0.1:$prometheus_port/api/v1/write"
  )
fi
start Collector "http://$health/" env "${settings[@]}" "$collector" --config "$config"

say "Collector   http://$grpc takes OTLP; events are in $dir/agentsmith-events.jsonl"
[ -n "$loki" ] && say "Loki        http://127.0.0.1:$loki_port" || say 'Loki        not installed'
[ -n "$prometheus" ] && say "Prometheus  http://127.0.0.1:$prometheus_port" || say 'Prometheus  not installed'
say "Dashboards  $root/examples/grafana, for a Grafana with these two; questions: $root/docs/queries.md"
say 'Ctrl-C ends all of them'

setsid "${agent[@]}" --endpoint "http://$grpc" "$@" &
names=(agent "${names[@]}") pids=($! "${pids[@]}")
# A trap runs at once only while bash waits.
wait "${pids[0]}"
