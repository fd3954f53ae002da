#!/bin/sh
# The replayer must see a difference: change one result of a trace of each kind and expect the line to be named.
#
#   differ.sh REPLAY_TRACE TRACE_DIR
set -eu
replay=$1 traces=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
for trace in "$traces"/*.trace; do
	# The last line with a numeric result: its last digit changes.
	line=$(grep -n ' = .*[0-9a-f]$' "$trace" | tail -n 1 | cut -d: -f1)
	[ -n "$line" ] || continue
	awk -v line="$line" 'NR == line { c = substr($0, length($0)); $0 = substr($0, 1, length($0) - 1) (c == "1" ? "2" : "1") } { print }' \
		"$trace" >"$work/changed.trace"
	if "$replay" --quiet "$work/changed.trace" >"$work/out" 2>&1; then
		echo "changed line $line of $(basename "$trace"): no difference seen"
		exit 1
	fi
	grep -q "changed.trace:$line: .*wanted .* got " "$work/out" || {
		echo "changed line $line of $(basename "$trace") is not named:"
		cat "$work/out"
		exit 1
	}
	n=$((n + 1))
done
for damage in 's/^end$//' 's/^lines .*/lines 1/' 's/^cases .*/cases 99/' 's/^case .*/nonsense/'; do
	sed "$damage" "$traces/t01_grow.trace" >"$work/changed.trace"
	if "$replay" --quiet "$work/changed.trace" >"$work/out" 2>&1; then
		echo "damage $damage: not seen"
		exit 1
	fi
done
[ "$n" -ge 10 ] || { echo "only $n traces were changed"; exit 1; }
echo "$n changed traces, each named"
