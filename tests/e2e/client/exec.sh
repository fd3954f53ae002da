#!/usr/bin/env bash
# exec - paclient exec: environment, exit codes, signals, and that the extent goes back whatever happens
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region ddr,limit=4M,initial=4M,base=0x40000000

run 0 exec ddr 10K -- env
for line in ADDR=0x40000000 NPAGES=3 BYTES=12288 PAGE_SIZE=4096 REGION=ddr "SOCKET=$PACLIENT_SOCKET"; do
	has "$out" "^PACLIENT_$line\$" "environment"
done
settles 0 ddr

# shellcheck disable=SC2016 # for the inner shell
run 0 exec ddr 1 --prefix A -- "$bin/paclient" exec --prefix B ddr 1 -- sh -c 'echo $A_ADDR $B_ADDR'
same "0x40000000 0x40001000" "$out" "one exec within another"
settles 0 ddr

# Held while it runs, by the session; the descriptor of the connection does not reach the command.
run 0 exec ddr 7 -- bash -c "'$bin/paclient' --json stat ddr; ls -l /proc/self/fd"
has "$out" '"session_npages": 7' "held while the command runs"
nchecks=$((nchecks + 1))
! grep -q 'socket:' <<<"$out" || fail "the connection is open in the command: $out"
settles 0 ddr

run 42 exec ddr 1 -- sh -c 'exit 42'
run 137 exec ddr 1 -- sh -c 'kill -KILL $$'
run 143 exec ddr 1 -- sh -c 'kill -TERM $$'
run 127 exec ddr 1 -- "$dir/nothere"
has "$err" 'cannot run' "no such command"
run 126 exec ddr 1 -- /
run 127 --json exec ddr 1 -- "$dir/nothere"
json "$err" 'j["error"]["status"] == "SYSTEM"' "no such command, as JSON"
run 2 exec ddr 5000 -- touch "$dir/ran"
run 0 alloc ddr 1000
run 4 exec ddr 500 -- touch "$dir/ran"
run 0 free ddr 0x40000000:1000
run 2 exec ddr 0 -- touch "$dir/ran"
nchecks=$((nchecks + 1))
[[ ! -e $dir/ran ]] || fail "the command ran without an extent"
settles 0 ddr

# start COMMAND... - exec in the background, up when the command has said so. A shell's background job ignores SIGINT and
# SIGQUIT, and so would the command.
start() {
	rm -f "$dir/up"
	env --default-signal=INT,QUIT "$bin/paclient" exec ddr 5 -- "$@" >"$dir/out" 2>&1 &
	exec_pid=$!
	for ((i = 0; i < 200; i++)); do
		[[ -e $dir/up ]] && return 0
		sleep 0.02
	done
	fail "the command did not start: $(<"$dir/out")"
}

# Signals sent to paclient reach the command, whose answer is the exit code.
for signal in TERM INT HUP QUIT; do
	start bash -c "trap 'exit 33' $signal; : >$dir/up; for ((i = 0; i < 500; i++)); do sleep 0.02; done"
	kill -"$signal" "$exec_pid"
	wait "$exec_pid"
	same 33 $? "$signal: the command's exit code"
	settles 0 ddr
done
start bash -c ": >$dir/up; exec sleep 60"
kill -TERM "$exec_pid"
wait "$exec_pid"
same 143 $? "TERM: ends a command that does nothing about it"
settles 0 ddr

# Killed outright: the pages go back, and the command does not go on with them.
start bash -c "echo \$\$ >$dir/pid; : >$dir/up; exec sleep 60"
kill -KILL "$exec_pid"
wait "$exec_pid" 2>/dev/null
settles 0 ddr
pid=$(<"$dir/pid")
for ((i = 0; i < 100; i++)); do
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.02
done
nchecks=$((nchecks + 1))
! kill -0 "$pid" 2>/dev/null || fail "the command outlives the extent"

# With SIGCHLD ignored by whoever started us the exit code is still the command's.
timeout 20 env --ignore-signal=CHLD "$bin/paclient" exec ddr 1 -- sh -c 'exit 9' >/dev/null 2>&1
same 9 $? "SIGCHLD ignored"
test_end
