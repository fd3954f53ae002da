#!/usr/bin/env bash
# reload - `systemctl reload` returns when the new configuration is in force, or refused, and not before; the daemon stays the same one
#
#   reload.sh BUILD [--all]
#
# Without --all, fewer reloads one after the other.
# shellcheck disable=SC2317 # eventually calls functions
# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out is set by ok
# shellcheck disable=SC2154

# region_file NAME LINE... - a region in regions.d
region_file() {
	local name=$1
	shift
	printf '%s\n' '[Region]' "$@" >"/etc/pallocd/regions.d/$name.region"
}

systemctl reload $unit 2>"$dir/err"
same 1 $? "reload of what does not run: exit code"
region_file frames Limit=64M Initial=64M Backing=memfd
ok "start" systemctl start $unit
pid=$(property MainPID)
has "$(property StatusText)" '^1 region, ' "the status after the start"

# With programs at work.
mkfifo "$dir/in" "$dir/out"
"$build/tests/system_load" $sock frames 2 <"$dir/in" >"$dir/out" 2>"$dir/load.err" &
load=$!
exec {load_in}>"$dir/in" {load_out}<"$dir/out"
near() {
	nchecks=$((nchecks + 1))
	echo >&"$load_in"
	read -r -t 60 _ <&"$load_out" || fail "$1: the load does not go on: $(<"$dir/load.err")"
}
near "the load"

# refused WHAT - a reload fails, and not because nobody has answered
refused() {
	nchecks=$((nchecks + 1))
	systemctl reload $unit 2>"$dir/err" && fail "$1: exit code 0"
	has "$(property ExecReload)" 'status=2' "$1: what pallocd --reload ends with"
	same "$pid" "$(property MainPID)" "$1: the daemon after it"
}

# In force at once; and refused at once, with what is there as it was.
for ((i = 1; i <= 4; i++)); do
	region_file "new$i" Limit=1M Initial=1M
	ok "reload $i" systemctl reload $unit
	ok "region new$i" paclient alloc "new$i" 1
	same "active running" "$(property ActiveState) $(property SubState)" "the service after reload $i"

	region_file bad Limit=1M "Nonsense$i=1"
	refused "reload $i of what is no configuration"
	has "$(property StatusText)" 'reload|refused' "the status after it"
	has "$(journal -n 20)" "bad\\.region:3: .*Nonsense$i" "the journal after it"
	same "active running" "$(property ActiveState) $(property SubState)" "the service after it"
	ok "region new$i after it" paclient alloc "new$i" 1
	rm /etc/pallocd/regions.d/bad.region
	near "reload $i"
done
ok "a good reload after a bad one" systemctl reload $unit
has "$(property StatusText)" '^5 regions, ' "the status after a good reload"

# What cannot change while the daemon runs: said which, and nothing has changed.
region_file frames Limit=64M Initial=64M Backing=none
region_file never Limit=1M Initial=1M
refused "reload with a change that needs a restart"
has "$(journal -n 20)" 'frames.*Backing|Backing.*frames' "what cannot change"
same memfd "$(paclient --json info frames | jq -r .backing)" "the backing after it"
rm /etc/pallocd/regions.d/never.region
region_file frames Limit=64M Initial=64M Backing=memfd

# A daemon that does not get to it yet: the reload waits for it.
waits_for() {
	[[ $(cat "/proc/$(property ControlPID)/comm" 2>/dev/null) == "$1" ]]
}
region_file late Limit=1M Initial=1M
kill -STOP "$pid"
systemctl reload $unit &
reload=$!
eventually "the reload asks" waits_for pallocd
nchecks=$((nchecks + 1))
kill -0 $reload 2>/dev/null || fail "the reload has not waited for the daemon"
kill -CONT "$pid"
wait $reload
same 0 $? "the reload of a daemon that was late: exit code"
ok "region late" paclient alloc late 1

# A daemon of before pallocd was upgraded: it is told, says nothing, and is not waited for, whatever lies in its folder.
chmod 711 "$dir"
cat >"$dir/older" <<'END'
#!/usr/bin/env bash
cd "$RUNTIME_DIRECTORY" && mkfifo never && exec 3<>never
trap 'echo told >>told' HUP
systemd-notify --ready
while :; do read -r -u 3; done
END
printf '%s\n' '[Service]' Type=notify NotifyAccess=all User=pallocd RuntimeDirectory=older "ExecStart=bash $dir/older" \
	'ExecReload=/usr/sbin/pallocd --reload' TimeoutStartSec=60s >/run/systemd/system/older.service
systemctl daemon-reload
ok "start of an older daemon" systemctl start older.service
for left in '' 99999999999999 '99999999999999 1' "99999999999999 $(property MainPID older.service)9"; do
	rm -f /run/older/{told,reload}
	[[ ! $left ]] || echo "$left" >/run/older/reload
	nchecks=$((nchecks + 1))
	systemctl reload older.service 2>"$dir/err" && fail "an older daemon, '$left': exit code 0"
	has "$(property ExecReload older.service)" 'code=exited ; status=1' "an older daemon, '$left': what pallocd --reload ends with"
	eventually "an older daemon, '$left': it is told" test -s /run/older/told
	same "active running" "$(property ActiveState older.service) $(property SubState older.service)" "an older daemon, '$left': after it"
done
journalctl --sync
has "$(journalctl -q -u older.service -o cat)" 'told to read its configuration again, but cannot say .* restarted' "an older daemon: the journal"
systemctl stop older.service

# Time and again, with a daemon that lets nobody in, and without paclient: the new limit is there whenever the reload has returned.
ninit=$(sed -n 's/.* pages allocated of \([0-9]*\)$/\1/p' <<<"$(property StatusText)")
printf '%s\n' '[Daemon]' 'MaxConnections = 1' >>/etc/pallocd/pallocd.conf
region_file grows Limit=1M
nreloads=20
[[ ${2:-} != --all ]] || nreloads=100
for ((i = 1; i <= nreloads; i++)); do
	# Most of them without the sandbox, which takes the longest of it: so there is the least time in which to be late.
	((i != 6)) || drop_in quick 'ExecReload=' 'ExecReload=+/usr/sbin/pallocd --reload'
	region_file grows "Limit=$((i + 1))M"
	nchecks=$((nchecks + 2))
	systemctl reload $unit || fail "reload $i of $nreloads: exit code $?"
	out=$(systemctl show -p SubState -p StatusText $unit)
	[[ $out == *"pages allocated of $((ninit + (i + 1) * 256))"* && $out == *SubState=running* ]] || fail "the limit after reload $i of $nreloads: $out"
done
rm /etc/systemd/system/$unit.d/quick.conf
systemctl daemon-reload
sed -i '/MaxConnections/d' /etc/pallocd/pallocd.conf
ok "reload" systemctl reload $unit

# By itself, as `kill -HUP` does it, and several at once.
region_file hup Limit=1M Initial=1M
kill -HUP "$pid" && kill -HUP "$pid"
eventually "region hup" paclient info hup
eventually "the service after kill -HUP" property_is SubState running
same "$pid" "$(property MainPID)" "the daemon"
same 0 "$(property NRestarts)" "restarts"

exec {load_in}>&-
wait $load
same 0 $? "the load: exit code ($(<"$dir/load.err"))"
ok "check" paclient check
test_end
