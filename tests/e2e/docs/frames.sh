#!/usr/bin/env bash
# frames - the README's producer and consumer: every frame that was seen was right, before and after the consumer was killed
#
#   frames.sh BUILD
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
fail() {
	printf '%s\n' "$@" "-- it said:"
	cat "$out"
	exit 1
}

"$top/client/frames.sh" --bin "$build/bin" >"$out" 2>&1 </dev/null || fail "frames.sh: exit code $?"
for line in '^consumer 1: killed after frame [0-9]+$' '^consumer 2: goes on with frame [0-9]+$' '^producer: done$' \
	'^consumer: saw [0-9]+ frames from [0-9]+ to 300, [0-9]+ too late, 0 wrong$' 'frame-ring' 'frame-3'; do
	grep -qE "$line" "$out" || fail "no line /$line/"
done
