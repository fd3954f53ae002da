#!/usr/bin/env bash
# wait - an alloc that waits for space: it gets it, in the order of coming, or the time is up; who dies waits no longer
# shellcheck disable=SC2154,SC2317 # out and err are set by run, pid_* are set by waits, env_* by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region ddr,limit=64K,initial=64K --region own,limit=1M,initial=1M,quota-user=64K \
	--region big,limit=4M,initial=2M

# waits NAME N ARGUMENT... - `paclient alloc ARGUMENT...` in the background, the N-th that waits; its process is in pid_NAME
waits() {
	local name=$1 n=$2
	shift 2
	"$bin/paclient" alloc "$@" >"$dir/out.$name" 2>"$dir/err.$name" &
	printf -v "pid_$name" %s $!
	eventually "$name waits" stat_is "$n" nwaiting
}

# gets NAME WANT - it has ended, and printed that
gets() {
	local pid=pid_$1
	wait "${!pid}"
	same 0 $? "$1: exit code ($(<"$dir/err.$1"))"
	same "$2" "$(<"$dir/out.$1")" "$1: address"
}

run 0 alloc ddr 16
run 4 alloc ddr 1
run 0 --json stat ddr
json "$out" 'j["nwaiting"] == 0 and j["no_space_total"] == 1' "nobody waits who does not ask for it"

# It gets its place as soon as that is free, with its name.
waits one 1 ddr 4 --wait 20s --name late --label patient
eventually "the region counts it" stat_is 1 nwaiting ddr
run 0 free ddr 0x8000:2
sleep 0.1
nchecks=$((nchecks + 1))
kill -0 "$pid_one" 2>/dev/null || fail "two pages are no four"
run 0 free ddr 0xa000:2
gets one 0x8000
run 0 --json lookup ddr late
json "$out" 'j["label"] == "patient" and j["npages"] == 4' "name and label"
run 0 free ddr 0x8000:4
run 0 alloc ddr 4
nchecks=$((nchecks + 1))
stat_is 0 nwaiting || fail "nobody waits any more"

# First come, first served: the second waiter would fit before the first.
waits first 1 ddr 8 --wait 20s
waits second 2 ddr 2 --wait 20s
run 0 free ddr 0x0:4
sleep 0.2
nchecks=$((nchecks + 1))
{ kill -0 "$pid_first" && kill -0 "$pid_second"; } 2>/dev/null || fail "the second has overtaken the first"
# Nor does one overtake them that does not wait at all.
run 0 free ddr 0x4000:4
gets first 0x0
nchecks=$((nchecks + 1))
kill -0 "$pid_second" 2>/dev/null || fail "the second got what the first has"
run 0 free ddr 0xe000:2
gets second 0xe000

# A session's end is a free, too.
run 0 free ddr 0x8000:6
hold holder ddr 6
waits three 1 ddr 5 --wait 20s
kill -KILL "$holder"
wait "$holder" 2>/dev/null
gets three 0x8000
run 0 alloc ddr 1

# So is growth.
run 0 alloc big 512
waits grown 1 big 3 --wait 20s
run 0 grow big 512
gets grown 0x200000

# In vain: exit code 4 when the time is up, neither before nor long after; --timeout is not the limit.
began=$(date +%s%N)
run 4 alloc ddr 1 --wait 700ms --timeout 200ms
took=$((($(date +%s%N) - began) / 1000000))
has "$err" 'no room for 1 page' "NO_SPACE after waiting"
nchecks=$((nchecks + 1))
((took >= 700 && took < 5000)) || fail "it waited for $took ms, not for 700"
refused 4 NO_SPACE alloc ddr 1 --wait 50ms
refused 4 NO_SPACE alloc ddr 4 --scatter 4 --wait 50ms
refused 4 NO_SPACE exec ddr 1 --wait 50ms -- touch "$dir/ran"
nchecks=$((nchecks + 1))
[[ ! -e $dir/ran ]] || fail "the command ran without an extent"

# What can never be is refused at once.
began=$(date +%s%N)
refused 2 LIMIT alloc ddr 17 --wait 20s
refused 2 INVALID alloc ddr 1 --align 3 --wait 20s
refused 5 NO_REGION alloc nothere 1 --wait 20s
nchecks=$((nchecks + 1))
((($(date +%s%N) - began) / 1000000 < 15000)) || fail "what can never be was waited for"

# Interrupted or killed: it is forgotten, and the pages are the next one's.
for signal in INT KILL; do
	env --default-signal=INT "$bin/paclient" alloc ddr 2 --wait 20s >"$dir/out" 2>&1 &
	victim=$!
	eventually "it waits" stat_is 1 nwaiting
	waits heir 2 ddr 1 --wait 20s
	kill -$signal "$victim"
	wait "$victim" 2>/dev/null
	eventually "$signal: one waits" stat_is 1 nwaiting
	run 0 free ddr 0xd000:1
	gets heir 0xd000
done

# exec waits, too, for its own extent.
# shellcheck disable=SC2016 # for the inner shell
"$bin/paclient" exec ddr 1 --wait 20s -- sh -c 'echo "$PACLIENT_ADDR"' >"$dir/out.exec" 2>"$dir/err.exec" &
# shellcheck disable=SC2034 # gets uses it
pid_exec=$!
eventually "exec waits" stat_is 1 nwaiting
run 0 free ddr 0xe000:1
gets exec 0xe000

# What a quota refuses is refused at once: whoever waits for others does not wait for oneself.
run 0 alloc own 16
refused 4 QUOTA alloc own 1 --wait 20s

usage '--wait needs a value' alloc ddr 1 --wait
usage '--wait.*unit' alloc ddr 1 --wait 5parsecs
usage '--wait.*longer than 0' alloc ddr 1 --wait 0
usage 'for an extent that is taken' exec --share ddr:x --wait 1s -- true
test_end
