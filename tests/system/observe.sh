#!/usr/bin/env bash
# observe - what an administrator sees of the service: its journal with fields, numbers and their explanation; doctor; the metrics' timer
#
#   observe.sh BUILD
# shellcheck disable=SC2154 # out and dir are lib.sh's
# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
export LC_ALL=C.UTF-8
table=$(dirname "${BASH_SOURCE[0]}")/../../daemon/base/log_id.h
number() { # number NAME - its MESSAGE_ID
	sed -n "s/^\tX($1, [A-Z]*, \"\([0-9a-f]*\)\").*/\1/p" "$table"
}
# entries NAME FIELD=VALUE... - how many entries of the service have that number and these fields
entries() {
	local name=$1
	shift
	journalctl --sync
	journalctl -q -u "$unit" -o json "MESSAGE_ID=$(number "$name")" "$@" | wc -l
}
# shellcheck disable=SC2317 # called by name
some() { (($(entries "$@") > 0)); }

ok "the catalog" journalctl --update-catalog
mkdir -p /etc/pallocd /var/lib/prometheus/node-exporter
cat >/etc/pallocd/pallocd.conf <<'END'
[Daemon]
LogLevel = debug
[Region ddr]
Limit = 1M
Initial = 1M
[Region mem]
Limit = 4M
Backing = memfd
[Region gone]
Limit = 1M
File = /not/there
END
ok "the socket's unit" systemctl enable --now pallocd.socket
ok "the first connection" paclient ping
((nfailed == 0)) || test_end

# The journal: fields can be looked for, numbers are explained.
eventually "READY" some READY PRIORITY=6
same 1 "$(entries READY PRIORITY=6)" "READY"
same 1 "$(entries REGION_LEFT_OUT PALLOCD_REGION=gone PRIORITY=3)" "REGION_LEFT_OUT"
paclient alloc ddr 1M >/dev/null
paclient alloc ddr 1 >/dev/null 2>&1
eventually "a refusal's fields" some REQUEST_REFUSED PALLOCD_REGION=ddr PALLOCD_UID=0 PALLOCD_STATUS=NO_SPACE
out=$(journalctl -x -u "$unit" "MESSAGE_ID=$(number REGION_LEFT_OUT)")
has "$out" 'Subject: Region gone is not served: ' "journalctl -x: the subject"
has "$out" 'NO_REGION' "journalctl -x: the text"
python3 -c 'import socket
for _ in range(20):
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/pallocd/pallocd.sock")
    s.sendall(b"\xff\xff\xff\xff")
    while s.recv(4096):
        pass'
eventually "a bad frame" some BAD_FRAME PALLOCD_STATUS=FRAME_TOO_LONG PALLOCD_UID=0
(($(entries BAD_FRAME) < 20)) || fail "20 bad frames in a moment have $(entries BAD_FRAME) lines"

# What doctor says of a host that has one region less than it should, and of one that is well.
out=$(paclient doctor)
same 1 $? "doctor: exit code"
has "$out" '^finding  regions: .* 1 left out$' "doctor: the region that is left out"
has "$out" '^ok       pallocd.socket: it is active$' "doctor: the socket's unit"
has "$out" '^ok       pallocd.service: it is active' "doctor: the service's unit"
sed -i '/gone/,$d' /etc/pallocd/pallocd.conf
ok "restart" systemctl restart "$unit"
ok "doctor, of a host that is well" paclient doctor
has "$out" '^all is well$' "doctor"
echo '# changed' >>"$(systemctl show -P FragmentPath pallocd.socket)"
touch -d '+1 hour' "$(systemctl show -P FragmentPath pallocd.socket)"
out=$(paclient doctor)
has "$out" '^finding  pallocd.socket: the unit.s file was changed' "doctor: daemon-reload"
systemctl daemon-reload

# Metrics, by their timer.
ok "the timer" systemctl enable --now paclient-metrics.timer
eventually "the file" test -s /var/lib/prometheus/node-exporter/pallocd.prom
has "$(</var/lib/prometheus/node-exporter/pallocd.prom)" '^pallocd_up 1$' "the file"
has "$(</var/lib/prometheus/node-exporter/pallocd.prom)" '^pallocd_region_user_pages\{region="ddr",uid="0",user="root"\} 256$' "the file: users"
same 644 "$(stat -c %a /var/lib/prometheus/node-exporter/pallocd.prom)" "the file's mode"
same success "$(systemctl show -P Result paclient-metrics.service)" "the service's result"
systemctl stop paclient-metrics.timer pallocd.socket "$unit"
systemctl start paclient-metrics.service
has "$(</var/lib/prometheus/node-exporter/pallocd.prom)" '^pallocd_up 0$' "the file when no daemon is there"
same 2 "$(entries STOPPED)" "STOPPED"
test_end
