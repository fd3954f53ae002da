#!/usr/bin/env bash
# keys - the keys of every verb's JSON, and of errors, are those that keys.txt lists, no more and no fewer; addresses are hexadecimal strings
#
#   keys.sh BUILD [--update]    --update writes them down
# shellcheck disable=SC2154,SC2317 # out and err are set by run, env_* by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
json=$dir/json
mkdir "$json"
daemon_start --region ddr,limit=8M,initial=4M,base=0x10000000,low-space=1M,quota-user=6M \
	--region mem,limit=8M,initial=4M,backing=memfd,retain=100,scavenge-delay=1h --region q,limit=4M,initial=4M,death=quarantine,quarantine=1h

# keys NAME ARGUMENT... - what `paclient --json` prints is NAME's
keys() {
	local name=$1
	shift
	run 0 --json "$@"
	printf '%s\n' "$out" >>"$json/$name.json"
}
# fails NAME CODE ARGUMENT... - the same of an error
fails() {
	local name=$1 code=$2
	shift 2
	run "$code" --json "$@"
	printf '%s\n' "$err" >>"$json/$name.json"
}

"$bin/paclient" --json watch >"$dir/events" 2>/dev/null &
watcher=$!
eventually "a watcher" stat_is 1 nwatchers
hold worker q 5 --name mine --label text
hold other q 6
kill -KILL "$holder"
wait "$holder" 2>/dev/null
session=${env_worker[SESSION]}
keys alloc alloc ddr 4 --name frames --label text
keys alloc-scatter alloc ddr 8 --scatter 2
keys lookup lookup ddr frames
keys list list ddr
keys list list q
keys annotate annotate ddr frames --label other
keys split split ddr 0x10002000
keys join join ddr 0x10000000:4
keys resize resize ddr 0x10000000 3
keys grow grow ddr 512
keys shrink shrink ddr 512
keys drain drain ddr 0x10000000:16
keys drain-undo drain ddr 0x10000000:16 --undo
keys reserve reserve ddr 0x10200000:16
keys drain drain ddr 0x10200000:16
keys regions regions
keys info info ddr
keys stat stat
keys stat-region stat ddr
keys why why ddr 4
run 4 --json why ddr 900 --align 1024 --boundary 2048 --lowest 0x10000000
printf '%s\n' "$out" >>"$json/why-not.json"
keys fit fit ddr 4
keys sessions sessions
keys quotas quotas
keys quotas quotas ddr
keys ping ping
keys map map ddr
keys map-all map
keys map map mem
keys top top --count 1
keys scavenge scavenge mem --wait
run 0 alloc mem 4 --name memory
printf 'x%.0s' {1..4096} | "$bin/paclient" --json write mem memory:1 2>/dev/null || printf 'x' | "$bin/paclient" --json write mem memory >"$json/write.json"
keys check check
"$bin/paclient" --json check q >"$dir/report"
keys handover handover ddr frames --session "$session"
keys handover-user handover ddr frames --user "$(id -un)"
keys release release ddr frames
keys free free ddr "$(run 0 alloc ddr 1; echo "$out")"
keys release-report release --from-report "$dir/report"
keys bench bench ddr --duration 50ms
printf '0 open 1\n1 alloc 1 1 4\n2 free 1 1 0 4\n3 close 1\n' >"$dir/workload"
run 0 alloc ddr 1
keys replay replay mem "$dir/workload" --check
keys trace-start trace start ddr --output "$dir/trace"
keys trace-status trace status
keys trace-stop trace stop
# What it finds is the host's affair.
"$bin/paclient" --json doctor >"$json/doctor.json"
fails error-usage 2 alloc
fails error-no-space 4 alloc ddr 1000 --align 1024
fails error-quota 4 alloc ddr 2000
fails error-in-use 4 shrink ddr 0x10000000:512
fails error-not-found 5 lookup ddr nothing
fails error-not-allocated 6 free ddr 0x10300000
keys sessions-kill sessions kill "$session"
let_go "$holder" 2>/dev/null
eventually "the end of a session among the events" grep -q session-end "$dir/events"
kill "$watcher"
wait "$watcher"
# Each kind has its own.
python3 - "$dir/events" "$json" <<'END'
import json, sys
for line in open(sys.argv[1]):
    kind = json.loads(line)["kind"]
    with open(f"{sys.argv[2]}/watch-{kind}.json", "a") as f:
        f.write(line)
END

# No verb is left out, but those that print no JSON: they say what others made, or run them.
for verb in $("$bin/paclient" --help | sed -nE '/^Verbs/,/^$/s/^  ([a-z]+) .*/\1/p'); do
	nchecks=$((nchecks + 1))
	case $verb in
	exec | read | metrics | dump | completion | help) continue ;;
	esac
	compgen -G "$json/$verb*.json" >/dev/null || fail "$verb: its keys are not looked at"
done
nchecks=$((nchecks + 1))
python3 "$here/keys.py" "$json" "$here/keys.txt" "${@:2}" || fail "keys of JSON"
test_end
