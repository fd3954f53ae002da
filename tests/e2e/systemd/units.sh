#!/usr/bin/env bash
# units - what is installed: systemd-analyze has nothing to say about the units, and they name what was installed
#
#   units.sh BUILD
set -euo pipefail
build=$1
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed" && exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cmake --install "$build" --prefix "$dir/usr" >"$dir/install.log" || { cat "$dir/install.log" && exit 1; }
units=$dir/usr/lib/systemd/system
grep -qxF "ExecStart=$dir/usr/sbin/pallocd" "$units/pallocd.service" || {
	echo "pallocd.service: wanted ExecStart=$dir/usr/sbin/pallocd, got $(grep ExecStart "$units/pallocd.service")"
	exit 1
}
[[ -x $dir/usr/sbin/pallocd ]] || { echo "sbin/pallocd is not installed" && exit 1; }

# An unknown key alone only warns and exits with 0, so the output must be empty as well. The manual pages are another matter.
status=0
systemd-analyze verify --man=no "$units/pallocd.socket" "$units/pallocd.service" >"$dir/out" 2>&1 || status=$?
if ((status)) || [[ -s $dir/out ]]; then
	echo "systemd-analyze verify: status $status, and it says:"
	cat "$dir/out"
	exit 1
fi

# The trap of SYSTEMD's runtime directories: the socket's file must not lie in a folder that goes when the service stops.
socket=$(sed -n 's/^ListenStream=//p' "$units/pallocd.socket")
folders=$(sed -n 's/^RuntimeDirectory=//p' "$units/pallocd.service")
for folder in $folders; do
	if [[ $socket == "/run/$folder/"* ]] && ! grep -q '^RuntimeDirectoryPreserve=yes' "$units/pallocd.service"; then
		echo "stopping the service would delete $socket with RuntimeDirectory=$folder"
		exit 1
	fi
done

# What outlives the daemon needs a folder that stays, a store for descriptors, and a restart that keeps it.
for line in RuntimeDirectoryPreserve=yes 'FileDescriptorStoreMax=[1-9]' 'StateDirectory=.' Restart=always; do
	grep -q "^$line" "$units/pallocd.service" || { echo "pallocd.service: wanted $line" && exit 1; }
done

# The socket unit listens where the daemon and the command look by default.
for program in sbin/pallocd bin/paclient; do
	"$dir/usr/$program" --help | grep -qF "$socket" || { echo "$program --help does not name $socket" && exit 1; }
done
