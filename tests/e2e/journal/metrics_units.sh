#!/usr/bin/env bash
# metrics_units - the timer and the service that write metrics, as they are installed: systemd has nothing to say about them, they call
# a command that is there and an option that it has, and the sandbox leaves little
#
#   metrics_units.sh BUILD
set -euo pipefail
build=$1
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed" && exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
	echo "FAILED: $*"
	exit 1
}

cmake --install "$build" --prefix "$dir/usr" --component paclient >"$dir/install.log" 2>&1 || fail "install: $(<"$dir/install.log")"
units=$dir/usr/lib/systemd/system
for unit in paclient-metrics.service paclient-metrics.timer; do
	[[ -f $units/$unit ]] || fail "$unit is not installed with the component paclient"
done
status=0
systemd-analyze verify --man=no "$units/paclient-metrics.timer" "$units/paclient-metrics.service" >"$dir/out" 2>&1 || status=$?
[[ $status == 0 && ! -s $dir/out ]] || fail "systemd-analyze verify: status $status, and it says: $(<"$dir/out")"

# What ExecStart= says does what it shall, with the variable put in.
textfile=$dir/pallocd.prom
command=$(sed -n 's/^ExecStart=//p' "$units/paclient-metrics.service")
[[ $command == "$dir/usr/bin/paclient metrics --textfile \${TEXTFILE}" ]] || fail "ExecStart=$command"
status=0
PACLIENT_SOCKET=$dir/nobody "$dir/usr/bin/paclient" metrics --textfile "$textfile" 2>/dev/null || status=$?
grep -qx "SuccessExitStatus=$status" "$units/paclient-metrics.service" || fail "no daemon: exit code $status is no success"
grep -qx 'pallocd_up 0' "$textfile" || fail "no daemon: the file does not say so"

# Ten times the score; what is left is being root by name, and not having a root folder of its own.
systemd-analyze security --offline=yes --threshold=8 "$units/paclient-metrics.service" >"$dir/out" 2>&1 ||
	fail "systemd-analyze security: $(tail -1 "$dir/out")"
tail -1 "$dir/out"
