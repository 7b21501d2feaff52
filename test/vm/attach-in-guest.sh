#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest of attach.test.ts: what doctor says, then one known program under the agent, as JSON records.
set -e
# The runner names the kernel by it; to the agent it would be an unknown setting.
unset AGENTSMITH_VM
node=$1
cli=build/src/cli.js
uname -r
stat -c %s /sys/kernel/btf/vmlinux
"$node" $cli doctor | sed 's/^/doctor: /'
mkfifo /run/said
"$node" $cli --output json --tree $$ >/run/records 2>/run/said &
agent=$!
# The last line before the stream begins; the agent attaches before it prints it.
sed '/^stop: /q' </run/said >/run/start && cat /run/start
cat </run/said >/dev/null 2>&1 &
sh -c 'exec /bin/true marker'
bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>/dev/null || :
until grep -q '"agentsmith.network.connect"' /run/records || ! grep -q 'network.connect *cgroup' /run/start; do sleep 0.2; done
until grep -q '"marker"' /run/records; do sleep 0.2; done
kill -TERM $agent
wait $agent
sed 's/^/record: /' /run/records
