#!/usr/bin/env bash
# cache - programs with page caches: one gives back when another wants space, one is killed, the daemon is started anew under them
# shellcheck disable=SC2154,SC2317 # out and err are set by run; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

options=(--store-dir "$dir/store" --restart-grace 30s --region "ddr,limit=4M,initial=4M,base=0x40000000" # 1024 pages
	--region "held,limit=4M,initial=4M,death=keep" --region "few,limit=4M,initial=4M,quota-session=400K"
	--region "gone,limit=4M,initial=4M,durability=none")

# begin NAME REGION [background] - a program with a cache; its process is in ${pid[NAME]}
declare -A pid to from
begin() {
	local name=$1
	shift
	mkfifo "$dir/to.$name" "$dir/from.$name"
	"$build/tests/cache_probe" "$@" <"$dir/to.$name" >"$dir/from.$name" &
	pid[$name]=$!
	exec {fd}>"$dir/to.$name"
	to[$name]=$fd
	exec {fd}<"$dir/from.$name"
	from[$name]=$fd
	answers "$name" ready
}
# answers NAME WANT - its next line
answers() {
	local line
	read -r -t 60 line <&"${from[$1]}" || line="(it has ended)"
	same "$2" "$line" "$1: ${3-begin}"
}
# tell NAME WANT COMMAND... - and what it answers
tell() {
	local name=$1 want=$2
	shift 2
	echo "$*" >&"${to[$name]}"
	answers "$name" "$want" "$*"
}
end() {
	echo quit >&"${to[$1]}"
	wait "${pid[$1]}"
	same "${2-0}" $? "$1: exit code"
	rm "$dir/to.$1" "$dir/from.$1"
}

daemon_start "${options[@]}"

# Blocks are leased, and pages come and go without the daemon hearing of it.
begin a ddr background
tell a ok take 10
same 64 "$(used ddr)" "a lease"
tell a ok churn 100000
tell a ok give 5
tell a "64 59 5" stat
ask "$(exec "$bin/paclient" --json stat ddr)" 'j["allocs_total"]'
same "= 1" "$answer" "allocs"

# Somebody wants all that there is: a waits for nothing and calls nothing, and gives back what it does not use.
run 0 alloc ddr 1019 --scatter 20 --wait 20s
same 1024 "$(used ddr)" "all in use"
tell a "5 0 5" stat
# shellcheck disable=SC2086 # one word a range
run 0 free ddr $out
tell a ok take 1
# At once or not at all: at first it is not there, soon it is.
all_left() {
	"$bin/paclient" alloc ddr 1018 --scatter 20 >"$dir/got"
}
run 4 alloc ddr 1018 --scatter 20
eventually "what was refused" all_left
tell a "6 0 6" stat
tell a ok give 1
tell a ok take 1
tell a NO_SPACE take 1
# shellcheck disable=SC2046 # one word a range
run 0 free ddr $(<"$dir/got")

# Two of them in one region: what the one keeps the other one gets, which is refused until it is there.
begin b ddr background
tell a ok take 500
tell a ok give 500
tell b ok fill 1018
tell a "6 0 6" stat
tell b "1018 0 1018" stat
tell a NO_SPACE take 1
tell b ok give 1
# It is b's to keep, and is had all the same.
tell a ok fill 7

# Killed: all that was leased comes back, used or not.
tell b ok give 500
kill -KILL "${pid[b]}"
wait "${pid[b]}" 2>/dev/null
rm "$dir/to.b" "$dir/from.b"
tell a ok trim
settles 7 ddr
tell a ok take 1

# The daemon is killed and started anew: nothing of a cache is lost, nor anything in it handed out twice.
tell a ok take 20
held=$(used ddr)
daemon_kill
tell a ok churn 1000
daemon_start "${options[@]}"
eventually "the session goes on by itself" stat_is "$held" session_npages ddr
tell a ok give 10
tell a ok take 200
tell a ok give 200
echo stat >&"${to[a]}"
read -r -t 60 held free taken <&"${from[a]}"
same "$held" "$(used ddr)" "after a restart: held"
same "$((held - taken))" "$free" "after a restart: free"
# And it hears the new daemon as it did the old one.
run 0 alloc ddr $((1024 - taken)) --scatter 60 --wait 20s
# shellcheck disable=SC2086 # one word a range
run 0 free ddr $out
tell a ok close
same "$taken" "$(used ddr)" "closed: what is in use stays the session's"
end a
settles 0 ddr
run 0 check

# A region that keeps what its sessions leave keeps what their caches have, too.
begin c held
tell c ok take 3
kill -KILL "${pid[c]}"
wait "${pid[c]}" 2>/dev/null
rm "$dir/to.c" "$dir/from.c"
eventually "it is the user's" stat_is 64 detached_npages held

# Up to the last page of a quota: whole blocks first, then what is left.
begin d few
tell d ok take 100
tell d QUOTA take 1
tell d ok give 50
tell d ok take 50
tell d "100 0 100" stat
end d
settles 0 few

# A region that a daemon does not remember: the cache says so, and hands out nothing.
begin e gone background
tell e ok take 3
daemon_kill
daemon_start "${options[@]}"
tell e STALE trim
tell e STALE take 1
tell e STALE give 1
tell e STALE close
end e

test_end
