#!/usr/bin/env bash
# doctor_host - what doctor makes of what systemd, the kernel and the databases of users say
#
# They are stand-ins here, in a mount namespace of the test's own: /run (where systemd is seen to run the host), the kernel's huge pages,
# /etc/group, and a systemctl that prints what the test wants.
# shellcheck disable=SC2154 # out and err are set by run
if [[ ${2-} != inside ]]; then
	for tool in unshare mount python3; do
		command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
	done
	unshare --mount bash -c 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /sys/kernel/mm/hugepages' 2>/dev/null || {
		echo "skipped: no mount namespace can be made here, or there is no /sys/kernel/mm/hugepages (as root there is)"
		exit 77
	}
	exec unshare --mount bash "$0" "$1" inside
fi
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$1"
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system || exit 1
mount -t tmpfs tmpfs /sys/kernel/mm/hugepages || exit 1

fake=""
stop_fake() {
	[[ -z $fake ]] || kill "$fake" 2>/dev/null
	[[ -z $fake ]] || wait "$fake" 2>/dev/null
	fake=""
	rm -f "$PACLIENT_SOCKET"
}
trap 'stop_fake; cleanup' EXIT

# systemctl, as far as doctor asks it: what it says of a unit lies in a file of the unit's name
mkdir "$dir/bin"
cat >"$dir/bin/systemctl" <<END
#!/bin/sh
[ "\$1" = show ] || exit 1
for unit; do :; done
cat "$dir/units/\$unit"
END
chmod +x "$dir/bin/systemctl"
export PATH=$dir/bin:$PATH
mkdir "$dir/units"
# unit NAME PROPERTY=VALUE... - those of a unit that is well, but for these
unit() {
	local name=$1 line
	shift
	{
		printf '%s\n' "$@"
		for line in LoadState=loaded ActiveState=active Result=success UnitFileState=enabled NeedDaemonReload=no; do echo "$line"; done
		if [[ $name == *.socket ]]; then
			echo "Listen=$PACLIENT_SOCKET (Stream)"
		else
			printf '%s\n' NRestarts=0 'StatusText=2 regions' NFileDescriptorStore=1 FileDescriptorStoreMax=128
		fi
	} | awk -F= '!seen[$1]++' >"$dir/units/$name"
}
units_well() {
	unit pallocd.socket
	unit pallocd.service
}
# huge BYTES ALL FREE RESERVED - the kernel's huge pages of that size
huge() {
	local folder=/sys/kernel/mm/hugepages/hugepages-$(($1 / 1024))kB
	mkdir -p "$folder"
	echo "$2" >"$folder/nr_hugepages"
	echo "$3" >"$folder/free_hugepages"
	echo "$4" >"$folder/resv_hugepages"
}
version=$("$bin/paclient" --version | cut -d' ' -f2)
# says REGION... - a daemon that has these regions; hugetlb NAME PAGES is one, of 2 MiB
says() {
	local list
	printf -v list ',%s' "$@"
	stop_fake
	python3 "$here/fake_daemon.py" "$PACLIENT_SOCKET" "{\"server\": \"pallocd $version\", \"features\": 20, \"stat\": {\"1\": 1, \"31\": 100}, \"regions\": [${list#,}]}" &
	fake=$!
	eventually "the stand-in for the daemon answers" "$bin/paclient" ping
}
hugetlb() {
	echo "{\"1\": $3, \"2\": \"$1\", \"4\": 2097152, \"5\": $2, \"16\": 2, \"17\": 2097152}"
}
finds() {
	run 1 doctor
	has "$out" "^finding  $1" "doctor"
	has "$(grep -A1 -E "^finding  $1" <<<"$out")" "^         remedy: .*$2" "the remedy of $1"
	has "$out" '^1 finding$' "doctor: how many"
}
notes() {
	run 0 doctor
	has "$out" "^note     $1" "doctor"
}

# Huge pages: what regions may need, all together, beside what is free and nobody's.
units_well
says "$(hugetlb a 8 1)" "$(hugetlb b 4 2)"
huge 2097152 12 12 0
run 0 doctor
has "$out" '^ok       huge pages: region a, b may need 12 more of 2 MiB, 12 are free$' "huge pages"
has "$out" '^ok       pallocd.socket: it is active$' "the socket's unit"
has "$out" '^ok       pallocd.service: it is active: 2 regions$' "the service's unit"
huge 2097152 20 12 1
finds 'huge pages: region a, b may need 12 more of 2 MiB, but 11 are free' 'echo 21 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'
rm -r /sys/kernel/mm/hugepages/*
run 0 doctor
has "$out" '^skipped  huge pages: ' "a kernel that does not tell"

# Units.
memory='{"1": 1, "2": "mem", "4": 4096, "5": 256, "16": 1, "17": 4096}'
other='{"1": 2, "2": "mem2", "4": 4096, "5": 256, "16": 1, "17": 4096}'
says "$memory"
units_well
run 0 doctor
has "$out" '^all is well$' "units that are well"
unit pallocd.service NeedDaemonReload=yes
finds 'pallocd.service: the unit.s file was changed' 'daemon-reload'
unit pallocd.service LoadState=error
finds 'pallocd.service: the unit is error' 'systemd-analyze verify'
unit pallocd.service LoadState=masked
finds 'pallocd.service: the unit is masked' 'unmask'
unit pallocd.service ActiveState=failed Result=start-limit-hit
finds 'pallocd.service: it has failed \(start-limit-hit\)' 'reset-failed'
unit pallocd.service NRestarts=3
notes 'pallocd.service: it had to be started again 3 times'
unit pallocd.service ActiveState=inactive
notes 'pallocd.service: it is inactive; the first connection starts it'
unit pallocd.service NFileDescriptorStore=0
notes 'pallocd.service: regions with memory: 1; systemd keeps that of 0 now'
unit pallocd.service FileDescriptorStoreMax=1
says "$memory" "$other"
finds 'pallocd.service: regions with memory: 2; systemd keeps that of 1 over a restart' 'FileDescriptorStoreMax='
units_well
says "$memory"
unit pallocd.socket UnitFileState=disabled
notes 'pallocd.socket: it is active, but will not be after the next boot'
unit pallocd.socket "Listen=/run/elsewhere (Stream)"
notes 'pallocd.socket: it listens at /run/elsewhere \(Stream\); this command asks at '
# Where the daemon answers somebody has started it in another way; where not, that is what is missing.
unit pallocd.socket ActiveState=inactive
notes 'pallocd.socket: it is inactive'
unit pallocd.socket LoadState=not-found
notes 'pallocd.socket: systemd has no such unit'
stop_fake
run 1 doctor
has "$out" "^finding  socket: $PACLIENT_SOCKET: No such file" "no socket"
has "$out" 'remedy: .systemctl enable --now pallocd.socket' "no socket, where systemd runs"
has "$out" '^finding  pallocd.socket: systemd has no such unit$' "no unit"
has "$out" 'remedy: install the package pallocd' "no unit: the remedy"
unit pallocd.socket ActiveState=failed Result=resources
run 1 doctor
has "$out" '^finding  pallocd.socket: it is failed \(resources\)$' "a socket that has failed"
rm "$dir/units/pallocd.socket"
run 1 doctor
has "$out" '^skipped  units: systemctl does not answer$' "a systemctl that fails"

# In the group since this login has begun: to log in again is all that is missing.
units_well
says "$memory"
if other_user; then
	chgrp adm "$PACLIENT_SOCKET" && chmod 660 "$PACLIENT_SOCKET"
	sed 's/^adm:.*/adm:x:4:'"$(id -un 65534)"'/' /etc/group >"$dir/group"
	mount --bind "$dir/group" /etc/group
	"$other" doctor >"$dir/out"
	same 1 $? "a login of before: exit code"
	has "$(<"$dir/out")" "remedy: log in again: user $(id -un 65534) is in group adm" "a login of before"
	umount /etc/group
fi
test_end
