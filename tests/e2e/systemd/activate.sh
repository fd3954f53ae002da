#!/usr/bin/env bash
# activate - the first connection starts pallocd on a socket that it is handed; it serves, tells the service manager that it
# is ready, that it lives and that it stops, and leaves the socket's file to whom it belongs
#
#   activate.sh BUILD
set -euo pipefail
build=$1
command -v systemd-socket-activate >/dev/null || { echo "skipped: systemd-socket-activate is not installed" && exit 77; }
dir=$(mktemp -d)
sock=$dir/pallocd.sock
pids=()
cleanup() {
	((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
fail() {
	printf '%s\n' "$@"
	echo "-- what the daemon said:" && cat "$dir/daemon.log"
	echo "-- what the service manager heard:" && cat "$dir/notify.log"
	exit 1
}

# until SECONDS COMMAND... - wait until the command succeeds
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.02
	done
}
heard() { # heard TEXT COUNT
	(($(grep -cxF "$1" "$dir/notify.log") >= $2))
}

"$build/tests/notify_listen" "$dir/notify" >"$dir/notify.log" &
pids+=($!)
until_true 5 test -S "$dir/notify" || fail "the notify socket did not appear"

# It passes almost no environment on. Watchdog: half a second, so a ping at least every quarter.
systemd-socket-activate -l "$sock" -E NOTIFY_SOCKET="$dir/notify" -E WATCHDOG_USEC=500000 \
	${ASAN_OPTIONS:+-E ASAN_OPTIONS="$ASAN_OPTIONS"} "$build/bin/pallocd" --region demo,limit=16M,initial=16M \
	>"$dir/daemon.log" 2>&1 &
daemon=$! # it execs pallocd: the same process
pids+=("$daemon")
until_true 5 test -S "$sock" || fail "the socket did not appear"
[[ $(readlink "/proc/$daemon/exe") != */pallocd ]] || fail "pallocd runs before the first connection"

"$build/bin/paclient" --socket "$sock" regions >"$dir/regions" || fail "paclient regions: exit $?"
grep -q demo "$dir/regions" || fail "paclient regions does not list demo:" "$(cat "$dir/regions")"
[[ $(readlink "/proc/$daemon/exe") == */pallocd ]] || fail "the process is not pallocd after the first connection"

until_true 5 heard READY=1 1 || fail "no READY=1"
until_true 5 heard WATCHDOG=1 3 || fail "fewer than 3 WATCHDOG=1 in 5 s, at a watchdog of half a second"

kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
((status == 0)) || fail "pallocd exited with $status after SIGTERM, wanted 0"
until_true 5 heard STOPPING=1 1 || fail "no STOPPING=1"
[[ -S $sock ]] || fail "pallocd removed the socket file, which is the service manager's"
