#!/usr/bin/env bash
# demo - the README's first command ends well: the processes were replayed without a failure, and afterwards nothing is held
#
#   demo.sh BUILD
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
out=$(mktemp)
daemon=
cleanup() {
	[[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true
	rm -rf "$out" ${socket:+"$(dirname "$socket")"}
}
trap cleanup EXIT
fail() {
	printf '%s\n' "$@" "-- the demonstration said:"
	cat "$out"
	exit 1
}

"$top/client/demo.sh" --keep --bin "$build/bin" >"$out" 2>&1 </dev/null || fail "demo.sh: exit code $?"
grep -q 'After 5 seconds' "$out" || fail "it showed nothing while the replay ran"

# With --keep it says how to reach the daemon and how to stop it; both must be so.
socket=$(sed -n 's/.*export PACLIENT_SOCKET=//p' "$out")
daemon=$(sed -n 's/.*stop it: *kill \([0-9]*\);.*/\1/p' "$out")
[[ -S $socket ]] || fail "no socket where it says: $socket"
stat=$("$build/bin/paclient" --socket "$socket" --json stat demo) || fail "paclient stat demo: exit code $?"
for name in session_npages detached_npages nextents; do
	value=$(jq ".. | objects | select(has(\"$name\")) | .$name" <<<"$stat")
	[[ $value == 0 ]] || fail "$name: wanted 0, got $value"
done
kill "$daemon"
for ((i = 0; i < 250; i++)); do
	[[ -d /proc/$daemon ]] || break
	sleep 0.02
done
[[ ! -d /proc/$daemon ]] || fail "kill $daemon did not stop it"
daemon=
