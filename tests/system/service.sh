#!/usr/bin/env bash
# service - as an administrator sees it: up at boot, started by a connection, by systemctl and by hand; who may connect; what the sandbox takes
# away and what it leaves
#
#   service.sh BUILD
# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out is set by ok
# shellcheck disable=SC2154

region demo Limit=64M Initial=16M
region frames Limit=64M Initial=16M Backing=memfd Commit=alloc

# From the boot on: the socket, and no daemon.
same active "$(systemctl is-active pallocd.socket)" "the socket after the boot"
same inactive "$(systemctl is-active $unit)" "the service after the boot"
same "660 root pallocd" "$(stat -c '%a %U %G' $sock)" "the socket's file"
same "755 root root" "$(stat -c '%a %U %G' /run/pallocd)" "its folder"

# first_reply - connect, say Hello, and await the answer: milliseconds from the one to the other, without the start of who asks
# shellcheck disable=SC2317 # called by ok
first_reply() {
	python3 - "$sock" <<-'EOF'
		import socket, sys, time
		with socket.socket(socket.AF_UNIX) as s:
		    begin = time.monotonic()
		    s.connect(sys.argv[1])
		    s.sendall(b"\x06\0\0\0" b"\x08\x01" b"\x12\x02\x08\x01")  # id 1, Hello of version 1
		    assert s.recv(4096)[4:6] == b"\x08\x01", "not the answer"
		    print(round((time.monotonic() - begin) * 1000))
	EOF
}

# The first connection starts it, and is answered. With nothing in its way but the sandbox: as a command that does nothing, in the same sandbox.
sed -e 's/^Type=.*/Type=oneshot/' -e '/^\(Restart\|Watchdog\|FileDescriptorStore\|ExecReload\|Requires=\|After=\)/d' \
	-e 's|^ExecStart=.*|ExecStart=/bin/true|' /usr/lib/systemd/system/$unit >/run/systemd/system/nothing.service
systemctl daemon-reload
first=() nothing=()
for ((i = 0; i < 5; i++)); do
	ok "the first connection" first_reply
	first+=("$out")
	eventually "the service is active after the first connection" property_is ActiveState active
	ok "stop" systemctl stop $unit
	same active "$(systemctl is-active pallocd.socket)" "the socket after the service has stopped"
	[[ -S $sock ]] || fail "the socket's file has gone with the service"
	begin=$(milliseconds)
	ok "a unit that does nothing" systemctl start nothing.service
	nothing+=($(($(milliseconds) - begin)))
done
echo "from the first connection to the first reply: ${first[*]} ms; systemctl start of nothing in the same sandbox: ${nothing[*]} ms"
read -r first < <(printf '%s\n' "${first[@]}" | sort -n)
read -r nothing < <(printf '%s\n' "${nothing[@]}" | sort -n)
nchecks=$((nchecks + 1))
((first <= 5 * nothing + 5)) || fail "the first reply takes $first ms, nothing at all $nothing ms"

# By systemctl: it returns when the daemon serves; the socket comes along, and takes it along.
ok "stop of the socket" systemctl stop pallocd.socket
[[ ! -e $sock ]] || fail "the socket's file is there after the socket was stopped"
ok "start" systemctl start $unit
same active "$(systemctl is-active pallocd.socket)" "the socket after the service was started"
same 2 "$(paclient --json regions | jq '.regions | length')" "regions at once after the start"
ok "restart of both" systemctl restart pallocd.socket $unit
ok "ping after a restart of both" paclient ping
ok "stop of the socket" systemctl stop pallocd.socket
same inactive "$(systemctl is-active $unit)" "the service after the socket was stopped"
ok "enable --now" systemctl enable --now --quiet $unit
ok "ping after enable --now" paclient ping
same "$(id -u pallocd)" "$(ps -o uid= -p "$(property MainPID)" | tr -d ' ')" "the daemon's user"

# Who may connect, and as whom.
ok "a member of the group" as_user member paclient alloc demo 3 --name ours
ok "root sees whose it is" paclient --json lookup demo ours
has "$out" "\"uid\": $(id -u member)[,}]" "the extent of a member"
as_user nobody paclient ping >"$dir/out" 2>&1
same 3 $? "somebody else: exit code"
has "$(<"$dir/out")" 'ermission' "somebody else"
ok "a folder for a drop-in" install -D -m 644 /usr/share/doc/pallocd/examples/pallocd.socket.d/everybody.conf \
	/etc/systemd/system/pallocd.socket.d/everybody.conf
systemctl daemon-reload
ok "restart of both" systemctl restart pallocd.socket $unit
ok "everybody, with the drop-in" as_user nobody paclient alloc demo 1
ok "what was held before" as_user member paclient lookup demo ours

# The sandbox, as the kernel sees it. Nothing that the daemon needs is missing: it would say so.
process=/proc/$(property MainPID)
status=$(<"$process/status")
for line in 'CapEff:\s0{16}' 'CapBnd:\s0{16}' 'CapAmb:\s0{16}' 'NoNewPrivs:\s1' 'Seccomp:\s2'; do
	has "$status" "^$line\$" "the process"
done
for name in mnt net ipc uts; do
	nchecks=$((nchecks + 1))
	[[ $(readlink "$process/ns/$name") != $(readlink "/proc/self/ns/$name") ]] || fail "it shares the $name namespace"
done
same "$(readlink /proc/self/ns/user)" "$(readlink "$process/ns/user")" "its user namespace, or peers would all be nobody"
in_there=(nsenter --target "${process#/proc/}" --mount --)
for folder in /usr /var /srv; do
	"${in_there[@]}" touch "$folder/x" 2>"$dir/err"
	has "$(<"$dir/err")" 'Read-only' "writing to $folder, even as root"
done
same "" "$("${in_there[@]}" ls -A /root)" "what it sees of /root"
same "" "$("${in_there[@]}" ls /dev | grep -xE 'kmsg|mem|dax.*|sd.*|vd.*')" "devices that it sees"
same "700 pallocd" "$("${in_there[@]}" stat -c '%a %U' /run/pallocd-store)" "the store's folder"
same 1048576 "$(paclient --json alloc frames 1M --commit | jq '.extents[0].bytes')" "memory that is there before the reply"
same "" "$(journal -p warning | grep -v 'memory.* of before')" "warnings and errors, but for what each stop above costs"
hasnt "$(journal -q)" 'not watched|cannot|not known' "what it says"

# What the default leaves out, and a drop-in brings: NUMA nodes, the names of programs, files elsewhere.
mkdir -p /srv/pallocd
mount -t tmpfs -o size=32M tmpfs /srv/pallocd # the root is an overlay, which is no file system for a region
truncate -s 16M /srv/pallocd/file
chown -R pallocd: /srv/pallocd
region near Limit=4M Initial=4M Backing=memfd NumaPolicy=interleave:0
region file Limit=16M Initial=16M File=/srv/pallocd/file
as_user member paclient exec demo 1 -- sleep 60 >"$dir/exec" 2>&1 &
regions() {
	paclient --json regions | jq -r '[.regions[].name] | sort | join(" ")'
}
programs() {
	paclient --json sessions | jq -r '.sessions[].command'
}
ok "restart without drop-ins" systemctl restart $unit
same "demo frames" "$(regions)" "regions without drop-ins"
has "$(journal -q)" 'near.*mbind' "why near is left out"
has "$(journal -q)" '/srv/pallocd/file.*' "why file is left out"
hasnt "$(programs)" paclient "programs without a drop-in"
for name in numa file programs; do
	install -D -m 644 -t /etc/systemd/system/$unit.d /usr/share/doc/pallocd/examples/$unit.d/$name.conf
done
systemctl daemon-reload
ok "restart with drop-ins" systemctl restart $unit
same "demo file frames near" "$(regions)" "regions with drop-ins"
ok "pages of a file" paclient alloc file 1 --name here
echo hello | paclient write file here >/dev/null
same hello "$(paclient read file here | tr -d '\0')" "the memory of a file"
paclient sessions kill "$(paclient --json sessions | jq -r '[.sessions[] | select(.user == "member")][0].id')" >"$dir/out"

# A device by its drop-in, and no other. There is none here: these nodes have nothing behind them, and what opening them says tells whether the sandbox
# lets it through.
for i in 0 1; do
	mknod -m 600 "/dev/dax$i.0" c 200 "$i" && chown pallocd "/dev/dax$i.0"
done
for name in $unit nothing.service; do
	install -D -m 644 -t "/etc/systemd/system/$name.d" /usr/share/doc/pallocd/examples/$unit.d/dax.conf
done
sed -i "s|^ExecStart=.*|ExecStart=/bin/sh -c 'cat /dev/dax0.0; cat /dev/dax1.0; exit 0'|" /run/systemd/system/nothing.service
systemctl daemon-reload
cat /dev/dax0.0 2>"$dir/err"
if grep -q 'No such device' "$dir/err"; then
	ok "opening both" systemctl start nothing.service
	journalctl --sync
	out=$(journalctl -q -u nothing.service -o cat)
	has "$out" '/dev/dax0\.0: No such device or address' "the device that is let through"
	has "$out" '/dev/dax1\.0: Operation not permitted' "another one"
else
	echo "left out: devices, which this system lets nobody open ($(<"$dir/err"))"
fi
ok "restart with the drop-in for a device" systemctl restart $unit
has "$(property DeviceAllow)" '/dev/dax0\.0 rw' "the device that is let through"
same "demo file frames near" "$(regions)" "regions with the drop-in for a device"
rm -f /dev/dax{0,1}.0 /etc/systemd/system/$unit.d/dax.conf
systemctl daemon-reload
ok "restart without it" systemctl restart $unit

# By hand: beside the service, and in its place.
as_user pallocd pallocd --region x,limit=1M >"$dir/out" 2>&1
same 1 $? "by hand, while the service runs: exit code"
has "$(<"$dir/out")" 'another|in use|already' "by hand, while the service runs"
ok "ping after that" paclient ping
chmod 711 "$dir"
install -d -o member "$dir/mine"
setpriv --reuid member --regid member --init-groups pallocd --socket "$dir/mine/sock" --region x,limit=1M >"$dir/log" 2>&1 &
hand=$!
eventually "by hand, as a user" as_user member paclient --socket "$dir/mine/sock" ping
kill $hand
wait $hand
same 0 $? "by hand, as a user: exit code"
systemctl stop pallocd.socket
pallocd 2>"$dir/log" &
hand=$!
eventually "by hand, as root, in the service's place" paclient ping
kill $hand
wait $hand
same 0 $? "by hand, as root: exit code"
test_end
