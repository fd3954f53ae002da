#!/usr/bin/env bash
# reload - pallocd --reload, which the unit calls: it ends when the daemon has said what came of it, and says the same by its exit code
#
#   reload.sh BUILD
# shellcheck disable=SC2317 # eventually calls functions
set -uo pipefail
build=$1
bin=$build/bin
dir=$(mktemp -d)
daemon=""
cleanup() {
	[[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
nfailed=0
nchecks=0
fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}
# asks EXIT_CODE PATTERN WHAT
asks() {
	nchecks=$((nchecks + 2))
	"$bin/pallocd" --reload 2>"$dir/err"
	local code=$?
	((code == $1)) || fail "$3: wanted exit code $1, got $code: $(<"$dir/err")"
	[[ $(<"$dir/err") =~ $2 ]] || fail "$3: wanted /$2/, got: $(<"$dir/err")"
}
# eventually COMMAND... - true, at once or soon
eventually() {
	local until=$((SECONDS + 20))
	while ((SECONDS < until)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	return 1
}
asks 2 'MAINPID and RUNTIME_DIRECTORY' "without a service manager"
export PACLIENT_SOCKET=$dir/sock RUNTIME_DIRECTORY=$dir/run:$dir/other
mkdir "$dir/run"
printf '%s\n' '[Region ddr]' 'Limit = 1M' >"$dir/conf"
"$bin/pallocd" --socket "$dir/sock" --config "$dir/conf" 2>"$dir/log" &
daemon=$!
export MAINPID=$daemon
eventually "$bin/paclient" ping || fail "the daemon does not answer: $(<"$dir/log")"

for ((i = 2; i < 12; i++)); do
	sed -i "s/^Limit.*/Limit = ${i}M/" "$dir/conf"
	asks 0 '' "a higher limit"
	nchecks=$((nchecks + 1))
	grep -q "ddr: Limit was $((i - 1))M, and is ${i}M now" "$dir/log" || fail "it has returned before ${i}M was in force: $(<"$dir/log")"
done
echo 'Nonsense = 1' >>"$dir/conf"
asks 2 "is refused: $dir/conf:3: .*Nonsense" "what is refused"
sed -i '/Nonsense/d' "$dir/conf"
asks 0 '' "a good one after it"

# A daemon that does not get to it: it is waited for.
kill -STOP "$daemon"
"$bin/pallocd" --reload &
ask=$!
asleep() { [[ $(<"/proc/$ask/wchan") == *poll* || $(awk '{ print $3 }' "/proc/$ask/stat") == S ]]; }
eventually asleep
nchecks=$((nchecks + 2))
kill -0 $ask 2>/dev/null || fail "it does not wait for a daemon that stands still"
kill -CONT "$daemon"
wait $ask || fail "a daemon that was late: exit code $?"

# It cannot say: nobody waits for it. And one that ends meanwhile.
mkdir "$dir/run/reload.new"
asks 1 'cannot say' "a folder that it cannot write to"
rmdir "$dir/run/reload.new"
asks 0 '' "a folder that it can write to again"
kill -STOP "$daemon"
"$bin/pallocd" --reload 2>"$dir/err" &
ask=$!
eventually asleep
kill -KILL "$daemon"
nchecks=$((nchecks + 1))
wait $ask
(($? == 1)) || fail "a daemon that has ended meanwhile: another exit code than 1: $(<"$dir/err")"
wait "$daemon" 2>/dev/null
asks 1 'no such daemon' "a daemon that is not there"
daemon=""
printf '%d checks, %d failed\n' $nchecks $nfailed
exit $((nfailed > 0))
