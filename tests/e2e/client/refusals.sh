#!/usr/bin/env bash
# refusals - every documented exit code, and wrong input of every kind
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
daemon_start --region 'ddr,limit=4M,initial=2M,allow=*:alloc+attach-ro' --region 'big,limit=64T,allow=root:all'

# What the daemon refuses.
refused 5 NO_REGION info nothere
refused 5 NO_REGION alloc nothere 1
refused 4 NO_SPACE alloc ddr 600
has "$err" '"free_npages": ?512.*"largest_npages": ?512.*"growable_npages": ?512' "NO_SPACE: numbers"
run 4 alloc ddr 600
has "$err" '600 asked, 512 free, longest run 512, may grow by 512' "NO_SPACE: numbers"
refused 6 NOT_ALLOCATED free ddr 0x1000
json "$err" 'j["error"]["addr"] == "0x1000"' "NOT_ALLOCATED: address"
refused 2 UNALIGNED free ddr 0x1001
refused 2 OUT_OF_REGION free ddr 0x100000000
refused 2 LIMIT alloc ddr 4G
refused 2 LIMIT alloc ddr 18446744073709551615
refused 2 LIMIT grow ddr 4G
sizes=$(printf '1 %.0s' {1..3073})
# One argument per size is what is wanted.
# shellcheck disable=SC2086
refused 2 LIMIT alloc big $sizes
# Double free.
run 0 alloc ddr 1
addr=$out
run 0 free ddr "$addr"
refused 6 NOT_ALLOCATED free ddr "$addr"
# What others hold, and what one may not do: the daemon's own user may all, so this takes another one.
if other_user; then
	run 0 alloc ddr 1 --name roots
	addr=$out
	hold it ddr 1
	real=$bin bin=${other%/*}
	refused 6 NOT_OWNER free ddr "$addr"
	refused 6 NOT_OWNER annotate ddr roots --label mine
	refused 6 NOT_OWNER release ddr roots
	refused 6 DENIED grow ddr 1
	json "$err" 'j["error"]["field"] == "grow" and "paclient info" in j["error"]["remedy"]' "DENIED: which right, and what to do"
	refused 6 DENIED shrink ddr 512
	refused 6 DENIED alloc big 1
	json "$err" 'j["error"]["field"] == "any"' "DENIED: none at all"
	# shellcheck disable=SC2154 # hold sets it
	refused 6 DENIED sessions kill "${env_it[SESSION]}"
	run 0 alloc ddr 1 --name nobodys
	refused 6 DENIED handover ddr nobodys --user 0
	run 0 info ddr
	has "$out" '^your rights +alloc, attach-ro$' "info: rights"
	run 0 sessions
	same 2 "$(wc -l <<<"$out")" "sessions: none of others"
	run 0 release ddr nobodys
	bin=$real
	let_go "$holder"
	run 0 free ddr "$addr"
fi
settles 0 ddr

# All or nothing: the second range is wrong, the first is still there.
run 0 alloc ddr 4
addr=$out
refused 6 NOT_ALLOCATED free ddr "$addr" 0x100000
settles 4 ddr
run 6 free ddr "$addr" 0x100000
has "$err" '0x100000' "a batch: which entry"
run 0 free ddr "$addr:4"

# The command line.
usage 'no verb' --timeout 1s
usage 'unknown verb frobnicate' frobnicate
usage 'unknown option --frob' --frob regions
usage 'unknown option --ascii' regions --ascii
usage '--timeout needs a value' regions --timeout
usage '--timeout.*unit' --timeout 5parsecs ping
usage '--timeout.*longer than 0' --timeout 0 ping
usage '--timeout.*24 days' --timeout 99999999h ping
usage '--timeout.*64 bits' --timeout 99999999999999999999s ping
usage '--help takes no value' regions --help=5
usage '--socket.*empty' --socket= regions
usage 'one too many' regions extra
usage 'name a region' info
usage 'one too many' info ddr ddr
usage 'name a region and a size' alloc
usage 'name a region and a size' alloc ddr
usage '"0" is 0' alloc ddr 0
usage '"0K" is 0' alloc ddr 0K
usage '"-5".*number|unknown option' alloc ddr -5
usage '"12x".*suffix' alloc ddr 12x
usage '"5KB".*suffix' alloc ddr 5KB
usage '"" is not a number' alloc ddr ''
usage '"18446744073709551616" does not fit' alloc ddr 18446744073709551616
usage '"99999999999T" does not fit' alloc ddr 99999999999T
usage '"0x" is not a number' alloc ddr 0x
usage 'name a region and pages' free ddr
usage '"zero" is not a number' free ddr zero
usage 'names no pages' free ddr 0x1000:0
usage '"0x1000:" is not a number' free ddr 0x1000:
usage 'name a region and a size' grow ddr
usage 'one too many' grow ddr 1 2
usage '--width.*at least 1' map ddr --width 0
usage '--lines.*number' map ddr --lines many
usage 'one too many' map ddr hbm
usage 'name a region and a file' replay
usage 'name a region and a file' replay file
usage 'takes no region' ping --region ddr
usage 'takes no region' --region ddr regions
usage '--color.*auto[|]always[|]never' map ddr --color red
usage 'no command given' exec ddr 1
usage 'no command given' exec ddr 1 --
usage 'behind --' exec ddr 1 true
usage 'name a region and a size' exec -- true
usage 'cannot begin' exec ddr 1 --prefix A=B -- true
usage 'only exec takes a command' alloc ddr 1 -- true
usage 'unknown verb' help frobnicate
run 2
has "$err" 'no verb given' "no arguments at all"
settles 0 ddr

# Nobody there, and a daemon that is none. Each of these listens in a process of its own.
PACLIENT_SOCKET=$dir/nobody refused 3 NOT_CONNECTED regions
PACLIENT_SOCKET=/ refused 3 NOT_CONNECTED regions
PACLIENT_SOCKET=$(printf 'x%.0s' {1..200}) refused 2 BAD_ARGUMENT regions
fake() {
	python3 - "$dir/$1" "$2" <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
kept = []
while True:
    c = s.accept()[0]
    kept.append(c)
    c.recv(1000)
    if sys.argv[2] == "end":
        c.close()
    elif sys.argv[2] != "silence":
        c.sendall(bytes.fromhex(sys.argv[2]))
PYTHON
	fakes+=($!)
	for ((i = 0; i < 100; i++)); do
		[[ -S $dir/$1 ]] && break
		sleep 0.05
	done
}
fakes=()
fake silent silence
fake gone end
fake garbage 48545450
fake busy 020000001010
PACLIENT_SOCKET=$dir/silent refused 7 TIMED_OUT --timeout 50ms regions
PACLIENT_SOCKET=$dir/gone refused 3 DISCONNECTED regions
PACLIENT_SOCKET=$dir/garbage refused 1 PROTOCOL regions
PACLIENT_SOCKET=$dir/busy refused 1 OVERLOADED regions
kill "${fakes[@]}"
wait "${fakes[@]}" 2>/dev/null

# An output that cannot be written is a failure, and an extent whose address is lost is held by nobody.
"$bin/paclient" regions >/dev/full 2>"$dir/err"
same 1 $? "regions >/dev/full"
"$bin/paclient" alloc ddr 3 >/dev/full 2>"$dir/err"
same 1 $? "alloc >/dev/full"
settles 0 ddr

# The exit codes of --help are those of the table of statuses, which the library's unit test compares with proto/status.h.
run 0 --help
while read -r name code; do
	has "$out" "^  $code .*|^ " "--help: exit code $code"
	line=$(awk -v code="$code" '/^Exit codes/ {on = 1} on && $1 == code {hit = 1} hit && $1 != code && /^  [0-9]/ {hit = 0} hit' <<<"$out")
	has "$line" "(^| )$name( |\$)" "--help: $name is under $code"
done < <(sed -nE 's/^\tX\(([0-9]+), ([A-Z_]+), ([0-9]+),.*/\2 \3/p' "$top/proto/status.h")
test_end
