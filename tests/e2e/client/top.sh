#!/usr/bin/env bash
# top - live: keys, sizes, signals, a terminal that goes and a daemon that comes back; and as plain samples, with rates, in text and in JSON
# shellcheck disable=SC2154 # out, err, holder are set by functions of lib.sh, env_* by hold
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
start() { daemon_start --region ddr,limit=64M,initial=16M,base=0x10000000 --region hbm,limit=32M,initial=16M --store-dir "$dir/store"; }
start
user=$(id -un)
hold old ddr 10
old=$holder
hold new ddr 1000
new=$holder

# Plain samples.
run 0 top --count 1
has "$out" '^[0-9:]+  pallocd .*, up ' "the head"
has "$out" '^3 sessions, .* - requests/s, - refused/s, 0 waiting, processor -' "the first sample has no rates"
has "$out" '^ddr  +█+[▏▎▍▌▋▊▉]?·+ +25% +3\.95MiB +16MiB +12\.1MiB +0% +- +- +- +0  off$' "a region"
has "$out" "^ +${env_new[SESSION]} +$user +$new +open .* 1 +3\.91 MiB  paclient\$" "a session"
same "${env_new[SESSION]} ${env_old[SESSION]}" "$(awk '$4 == "open" { print $1 }' <<<"$out" | paste -sd' ')" "who holds most comes first"
run 0 top ddr --count 1 --no-legend --ascii
has "$out" '^ddr +#+\.+ +25%' "--ascii, one region"
nchecks=$((nchecks + 1))
[[ $out != *hbm* && $out != *SESSION* && $out != *pallocd* ]] || fail "one region, no legend: $out"
run 0 top --count 2 --interval 100ms
same 2 "$(grep -c '^hbm ' <<<"$out")" "two samples"

# As objects: rates are those of what was done since the first look. Nobody else is there.
"$bin/paclient" --json top --interval 2s --count 2 >"$dir/samples" &
top=$!
eventually "the first sample" test -s "$dir/samples"
run 0 alloc hbm 4 4 4 4 4 4 4 4
run 0 free hbm 0x0:4
run 4 alloc hbm 8000
wait $top
same 0 $? "top --json: exit code"
samples="[$(paste -sd, "$dir/samples")]"
of() { json "$samples" "(lambda a, b: $1)(*j)" "$2"; }
of 'a["interval_usec"] is None and a["regions"][1]["allocs_per_second"] is None and a["connected"]' "the first one"
of 'all(round(b["regions"][1][k + "_per_second"] * b["interval_usec"] / 1e6) == n for k, n in (("allocs", 8), ("frees", 1), ("refusals", 1)))' "rates"
of 'b["regions"][0]["allocs_per_second"] == 0 and b["requests_per_second"] > 0' "rates of a region where nothing is done"
of '{s["bytes"] for s in b["sessions"]} == {40960, 4096000} and b["users"][0]["user"] == "'"$user"'" and b["users"][0]["bytes"] == (1010 + 28) * 4096' "sessions and users"

# What is wrong is told at once.
usage 'shorter than' top --interval 10ms
usage 'one too many' top ddr hbm
refused 5 NO_REGION top nothere --count 1
PACLIENT_SOCKET=$dir/none refused 3 NOT_CONNECTED top

# A reader that goes.
mkfifo "$dir/pipe"
"$bin/paclient" top --interval 1h >"$dir/pipe" 2>"$dir/err" &
top=$!
head -1 <"$dir/pipe" >/dev/null
wait $top
same "0 " "$? $(<"$dir/err")" "a pipe that is closed"

# Live. The daemon is killed and started again when that is asked for.
python3 "$here/top.py" "$bin" "$dir" &
driver=$!
for file in kill restart; do
	until [[ -e $dir/$file ]] || ! kill -0 $driver 2>/dev/null; do sleep 0.05; done
	if [[ $file == kill ]]; then daemon_kill; else start; fi
done
wait $driver || fail "on a terminal"
nchecks=$((nchecks + 1))
let_go "$old"
let_go "$new"
test_end
