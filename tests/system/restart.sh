#!/usr/bin/env bash
# restart - the daemon goes and comes back under programs that hold pages, memory and huge pages: restarted, killed, stuck, unable to start; nothing is
# lost. What a stop costs.
#
#   restart.sh BUILD
# shellcheck disable=SC2016,SC2317 # for other shells; eventually calls functions
# shellcheck source=tests/system/lib.sh
HUGE_PAGES=8 source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

nthreads=4
printf '%s\n' '[Daemon]' 'RestartGrace = 2min' >/etc/pallocd/pallocd.conf
region frames Limit=64M Initial=64M Backing=memfd
region plain Limit=1M Initial=1M
regions=2
if ((HUGE_PAGES)); then
	region huge Limit=16M Initial=16M PageSize=2M HugePageSize=2M
	regions=3
	# As an administrator would have them set aside; there are enough already, and here nobody may change the kernel's settings.
	install -D -m 644 -t /etc/systemd/system/$unit.d /usr/share/doc/pallocd/examples/$unit.d/hugepages.conf
	drop_in pages "Environment=HUGEPAGES=$HUGE_PAGES"
else
	echo "left out: huge pages, which this system does not give"
fi
drop_in watchdog WatchdogSec=1s

# put REGION NAME TEXT, is REGION NAME TEXT WHAT - a detached extent with that in its memory
put() {
	ok "an extent in $1" paclient alloc "$1" 1 --name "$2"
	ok "its memory" bash -c 'printf %s "$1" | paclient write "$2" "$3"' - "$3" "$1" "$2"
}
is() {
	same "$3" "$(paclient read "$1" "$2" | head -c "${#3}")" "$4: $2 in $1"
}
put frames before 'what was there before'
((!HUGE_PAGES)) || put huge large 'a page of 2 MiB'
ok "an extent without memory" paclient alloc plain 3 --name addresses
same $((regions - 1)) "$(property NFileDescriptorStore)" "what systemd keeps"

# near WHAT RECONNECTS - the load goes on, on connections that were made anew since the last time
reconnects=0
near() {
	local calls now longest
	nchecks=$((nchecks + 1))
	echo >&"$load_in"
	if ! read -r -t 60 calls now longest <&"$load_out"; then
		fail "$1: the load does not go on: $(<"$dir/load.err")"
		test_end
	fi
	((now - reconnects >= $2)) || fail "$1: wanted $2 new connections, got $((now - reconnects))"
	reconnects=$now
	echo "$1: the longest of the calls, $calls by now, took $longest ms"
	is frames before 'what was there before' "$1"
	((!HUGE_PAGES)) || is huge large 'a page of 2 MiB' "$1"
}
restarted() {
	(($(property NRestarts) > nrestarts))
}
# again WHAT SIGNAL - the daemon gets it, and is started again by systemd
again() {
	nrestarts=$(property NRestarts)
	kill "-$2" "$(property MainPID)"
	eventually "$1: a start" restarted
	near "$1" $nthreads
}

mkfifo "$dir/in" "$dir/out"
"$build/tests/system_load" $sock frames $nthreads <"$dir/in" >"$dir/out" 2>"$dir/load.err" &
load=$!
exec {load_in}>"$dir/in" {load_out}<"$dir/out"
near "the load" 0
for ((i = 0; i < 3; i++)); do
	ok "restart" systemctl restart $unit
	near "systemctl restart" $nthreads
done
again "kill -9" KILL

# A loop that stands still, as far as the manager can see.
again "a stuck daemon" STOP
has "$(journalctl -u $unit -o cat _PID=1)" 'Watchdog timeout' "the journal"
ok "daemon-reexec" systemctl daemon-reexec
near "daemon-reexec" 0
ok "restart of the socket as well" systemctl restart pallocd.socket $unit
near "systemctl restart of the socket as well" $nthreads

# A restart into a configuration that is none: it is tried on and on, with programs that knock, until somebody has seen to it.
cp /etc/pallocd/pallocd.conf "$dir/good.conf"
region broken Limit=none
systemctl restart --no-block $unit
nrestarts=$(($(property NRestarts) + 3))
eventually "a broken configuration: several starts" restarted
has "$(journal -q)" 'pallocd.conf:[0-9]+: ' "what is wrong"
cp "$dir/good.conf" /etc/pallocd/pallocd.conf
near "a broken configuration" $nthreads
eventually "the service runs" property_is ActiveState active
eventually "the socket runs" property_is ActiveState active pallocd.socket
same $((regions - 1)) "$(property NFileDescriptorStore)" "what systemd keeps, after all that"

# All that the load held is as it was, and goes back.
exec {load_in}>&-
wait $load
same 0 $? "the load: exit code ($(<"$dir/load.err"))"
same 1 "$(paclient --json stat frames | jq .nextents)" "extents that are left in frames"
ok "check" paclient check
has "$out" '^sound: ' "check"

# A stop lets go of memory, of nothing else; handles of before are refused.
ok "stop" systemctl stop $unit
ok "start" systemctl start $unit
same 3 "$(paclient --json lookup plain addresses | jq .npages)" "addresses after stop and start"
paclient lookup frames before >"$dir/out.stop" 2>&1
same 5 $? "memory after stop and start: exit code"
same 2 "$(paclient --json info frames | jq .generation)" "the generation of frames after stop and start"
same $((regions - 1)) "$(property NFileDescriptorStore)" "what systemd keeps from then on"
test_end
