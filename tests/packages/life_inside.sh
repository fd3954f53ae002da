#!/usr/bin/env bash
# life_inside - what life.sh does under the booted systemd
#
#   life_inside.sh FOLDER   with new/*.deb, previous/*.deb and consumer.c
set -uo pipefail
stage=$1
dir=$(mktemp -d)
nchecks=0
nfailed=0
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}
same() { # same WANTED GOT WHAT
	nchecks=$((nchecks + 1))
	[[ $1 == "$2" ]] || fail "$3: wanted '$1', got '$2'"
}
has() { # has TEXT PATTERN WHAT
	nchecks=$((nchecks + 1))
	grep -qE -- "$2" <<<"$1" || fail "$3: wanted a line like '$2', got: $1"
}
ok() { # ok WHAT COMMAND...
	local what=$1 out
	shift
	nchecks=$((nchecks + 1))
	out=$("$@" 2>&1) || fail "$what: exit code $?: $out"
}
step() {
	printf '%3d s  %s\n' "$SECONDS" "$*"
}
# get PROPERTY UNIT
get() {
	systemctl show -P "$1" "pallocd.$2"
}
# apt WHAT ARGUMENT... - what it says is shown only if it fails. Where nothing depends on apt, dpkg does it, in half the time
apt() {
	local what=$1
	shift
	nchecks=$((nchecks + 1))
	apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >"$dir/apt" 2>&1 </dev/null || {
		fail "$what: exit code $?"
		cat "$dir/apt"
	}
}
# version NAME - of the package that is installed
version() {
	dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>&1
}
# running NAME - numbers of its processes; procps need not be installed
running() {
	grep -lxF -- "$1" /proc/[0-9]*/comm 2>/dev/null | cut -d / -f 3
}
# Everything that could be ours. Programs and units, configuration, state.
traces() {
	find /etc /usr/bin /usr/sbin /usr/lib /usr/include /usr/share /lib/systemd/ /var/lib /run -xdev \
		\( -path /var/lib/apt -o -path /usr/share/doc/pallocd -o -path /run/systemd \) -prune -o \
		\( -iname '*palloc*' -o -iname '*paclient*' \) -print 2>/dev/null | sort
}
traces >"$dir/before"

step "install: the daemon alone"
apt "install pallocd" install "$stage"/previous/pallocd_*.deb
same "ii 0.0.9" "$(version pallocd)" "pallocd"
for unit in socket service; do
	same disabled "$(systemctl is-enabled "pallocd.$unit" 2>&1)" "pallocd.$unit, installed"
	same inactive "$(systemctl is-active "pallocd.$unit" 2>&1)" "pallocd.$unit, installed"
done
user=$(systemctl show -P User pallocd.service)
if [[ $(get DynamicUser service) == no && $user ]]; then
	has "$(getent passwd "$user")" '(nologin|false)$' "the service's user"
	has "$(getent shadow "$user")" "^$user:[!*]" "the service's user: locked"
fi
group=$(systemctl show -P SocketGroup pallocd.socket)
[[ ! $group ]] || ok "the socket's group" getent group "$group"
# By apt, which also brings what they depend on, where that is not there yet.
apt "install the others" install "$stage"/previous/{libpaclient0,libpaclient-dev,paclient,python3-paclient}_*.deb

step "configure, and switch on"
printf '[Region]\nLimit = 64M\nInitial = 16M\n' >/etc/pallocd/regions.d/ddr.region
cat >>/etc/pallocd/pallocd.conf <<'END'
[Region disk]
Limit = 64M
Initial = 16M
Durability = machine
[Region frames]
Limit = 16M
Initial = 16M
Backing = memfd
[Region busy]
Limit = 16M
Initial = 16M
END
md5sum /etc/pallocd/{pallocd.conf,regions.d/ddr.region} >"$dir/conf"
ok "pallocd --check-config" pallocd --check-config
ok "systemctl enable --now pallocd.socket" systemctl enable --now pallocd.socket
same inactive "$(systemctl is-active pallocd.service)" "pallocd.service, before the first connection"
has "$(paclient regions 2>&1)" '^frames .* memfd +process' "the first connection: paclient regions"
same active "$(systemctl is-active pallocd.service)" "pallocd.service, after the first connection"

step "the library's package: a program is compiled and runs"
if command -v cc >/dev/null; then
	read -ra flags < <(pkg-config --cflags --libs paclient)
	ok "cc" cc -Wall -Wextra -Werror -o "$dir/consumer" "$stage/consumer.c" "${flags[@]}"
	has "$(readelf -d "$dir/consumer")" 'NEEDED.*libpaclient\.so\.0' "the program"
	has "$("$dir/consumer" /run/pallocd/pallocd.sock ddr 2>&1)" 'NOT_ALLOCATED$' "the program"
else
	echo "there is no compiler in this root: nothing is compiled"
fi

step "upgrade, while clients run"
ok "alloc" paclient alloc ddr 16 --name kept
ok "alloc, machine" paclient alloc disk 4 --name on-disk
ok "alloc, memory" paclient alloc frames 1 --name picture
echo 'a picture' | paclient write frames picture || fail "write: exit code $?"
mkfifo "$dir/held"
paclient exec ddr 100 --name mine -- sh -c "echo >$dir/held; while [ ! -e $dir/enough ]; do sleep 0.05; done; exit 33" &
holder=$!
read -r _ <"$dir/held"
# One that calls all the time, two thousand times a second, over connections that last for that second.
for ((i = 0; i < 1000; i++)); do
	((i)) || echo "0 open 1"
	echo "$((i * 1000)) alloc 1 $i 1"
	((i < 8)) || echo "$((i * 1000 + 500)) free 1 $((i - 8)) 0 1"
done >"$dir/workload"
(
	trap 'exit 1' TERM
	while [[ ! -e $dir/enough ]]; do
		paclient replay --no-progress --realtime --check busy "$dir/workload" >"$dir/replay.out" 2>&1 || exit
		echo >>"$dir/replays"
	done
) &
caller=$!
# What must be as it was: who holds what, the socket, the region's memory. The running pages of "busy" are left out.
state() {
	paclient list ddr
	paclient list disk
	paclient list frames
	paclient read frames picture 2>&1 | head -c 10
	stat -c 'socket %i' /run/pallocd/pallocd.sock
	echo "socket unit: $(get ActiveEnterTimestampMonotonic socket)"
}
state >"$dir/state"
has "$(<"$dir/state")" ' mine$' "before: who holds what"
has "$(<"$dir/state")" '^a picture' "before: memory"
pid=$(get MainPID service)
until [[ -s $dir/replays ]] || ! kill -0 "$caller" 2>/dev/null; do sleep 0.02; done
done_before=$(wc -l <"$dir/replays")
apt "upgrade" install "$stage"/new/*.deb
new=$(dpkg-deb -f "$stage"/new/pallocd_*.deb Version)
for name in pallocd libpaclient0 libpaclient-dev paclient python3-paclient; do
	same "ii $new" "$(version "$name")" "$name, upgraded"
done
same active "$(systemctl is-active pallocd.service)" "pallocd.service, upgraded"
nchecks=$((nchecks + 1))
[[ $(get MainPID service) != "$pid" ]] || fail "the daemon of before the upgrade still runs"
same /usr/sbin/pallocd "$(readlink "/proc/$(get MainPID service)/exe")" "the daemon's program"
same "$(<"$dir/state")" "$(state)" "what is held, by whom, and the memory, before and after the upgrade"
ok "the configuration, before and after the upgrade" md5sum -c "$dir/conf"
# It goes on calling.
seen=$(wc -l <"$dir/replays")
nchecks=$((nchecks + 1))
((seen > done_before)) || fail "the client that calls all the time made no calls during the upgrade"
until [[ $(wc -l <"$dir/replays") -gt $((seen + 1)) ]] || ! kill -0 "$caller" 2>/dev/null; do sleep 0.02; done
: >"$dir/enough"
wait "$caller"
same 0 $? "the client that called all the time: exit code; $(<"$dir/replay.out")"
wait "$holder"
same 33 $? "the client that held pages: exit code of its command"
nchecks=$((nchecks + 1))
! paclient lookup ddr mine >/dev/null 2>&1 || fail "what that client held is still held"
ok "paclient check" paclient check
# What Python leaves behind itself goes with the package, too.
same "16 16 0" "$(/usr/bin/python3 -c 'import paclient
with paclient.Client() as client:
	ddr = client.region("ddr")
	before = ddr.stat().session_npages
	with ddr.alloc(16) as extent:
		print(extent.npages, ddr.stat().session_npages - before, end=" ")
	print(ddr.stat().session_npages - before)' 2>&1)" "the Python module"

step "remove: it stops; what was configured and kept stays"
has "$(running pallocd)" "^[0-9]+$" "a daemon that runs"
ok "remove" dpkg --remove pallocd
same "rc $new" "$(version pallocd)" "pallocd, removed"
for unit in socket service; do
	same inactive "$(systemctl is-active "pallocd.$unit" 2>&1)" "pallocd.$unit, removed"
done
same "" "$(running pallocd)" "daemons that run"
nchecks=$((nchecks + 1))
[[ ! -e /run/pallocd/pallocd.sock ]] || fail "the socket is still there"
ok "the configuration, removed" md5sum -c "$dir/conf"
for path in /var/lib/pallocd/store /run/pallocd-store/store; do
	ok "kept" test -e "$path"
done
has "$(paclient regions 2>&1)" '^paclient: .' "paclient, removed"

step "install again: it goes on as it was enabled"
ok "install again" dpkg -i "$stage"/new/pallocd_*.deb
same active "$(systemctl is-active pallocd.socket)" "pallocd.socket, installed again"
for name in "ddr kept" "disk on-disk"; do
	read -ra words <<<"$name"
	ok "paclient lookup $name" paclient lookup "${words[@]}"
done

step "switched off: an upgrade leaves it off"
ok "disable" systemctl disable --now pallocd.socket
ok "stop" systemctl stop pallocd.service
ok "install the previous one" dpkg -i "$stage"/previous/pallocd_*.deb
same "ii 0.0.9" "$(version pallocd)" "pallocd, downgraded"
ok "upgrade, switched off" dpkg -i "$stage"/new/pallocd_*.deb
for unit in socket service; do
	same inactive "$(systemctl is-active "pallocd.$unit")" "pallocd.$unit, upgraded while off"
	same disabled "$(systemctl is-enabled "pallocd.$unit" 2>&1)" "pallocd.$unit, upgraded while off"
done

step "purge: nothing is left but the user, and what is nobody's to take"
systemctl enable --now pallocd.socket 2>"$dir/err" || cat "$dir/err"
ok "paclient ping" paclient ping
printf '[Region]\nLimit = 1M\n' >/etc/pallocd/regions.d/mine.region
printf '[Daemon]\nLogLevel = info\n' >/etc/pallocd/pallocd.conf.d/mine.conf
echo "do not lose" >/etc/pallocd/notes.txt
apt "purge" purge pallocd paclient libpaclient-dev python3-paclient libpaclient0
same "" "$(running pallocd)" "daemons that run, purged"
same "/etc/pallocd /etc/pallocd/notes.txt" "$(find /etc/pallocd | sort | paste -sd' ')" "/etc/pallocd, purged"
rm -r /etc/pallocd
traces >"$dir/after"
same "" "$(diff "$dir/before" "$dir/after")" "what is left, purged"
same "" "$(systemctl list-unit-files --no-legend 'pallocd*' 'paclient*')" "units, purged"
if [[ $user && $(getent passwd "$user") ]]; then echo "the user $user stays, locked"; fi
step "done"
echo "$nchecks checks, $nfailed failed"
((nfailed == 0))
