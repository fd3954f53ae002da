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

grep -qxF "ExecReload=$dir/usr/sbin/pallocd --reload" "$units/pallocd.service" || {
	echo "pallocd.service: wanted ExecReload=$dir/usr/sbin/pallocd --reload"
	exit 1
}

# An unknown key alone only warns and exits with 0, so the output must be empty as well. The manual pages are another matter.
verified() {
	local status=0
	systemd-analyze verify --man=no "$units/pallocd.socket" "$units/pallocd.service" >"$dir/out" 2>&1 || status=$?
	if ((status)) || [[ -s $dir/out ]]; then
		echo "systemd-analyze verify, $1: status $status, and it says:"
		cat "$dir/out"
		exit 1
	fi
}
verified "the units"

# Ten times the exposure: 0.4 is what can be had without PrivateUsers=, which would hide who the clients are.
systemd-analyze security --offline=yes --threshold=4 --no-pager "$units/pallocd.service" >"$dir/out" 2>&1 || {
	cat "$dir/out"
	echo "the sandbox leaves more exposed than 0.4"
	exit 1
}
tail -n 1 "$dir/out"
for line in PrivateUsers= DynamicUser= ProcSubset=; do
	! grep -q "^$line" "$units/pallocd.service" || { echo "pallocd.service: $line breaks the daemon" && exit 1; }
done

# With all drop-ins of the examples at once.
for unit in pallocd.socket pallocd.service; do
	cp -r "$dir/usr/share/doc/pallocd/examples/$unit.d" "$units/"
done
verified "with the drop-ins of the examples"
rm -r "$units"/*.d

# The user that the units name, and the folders, are declared.
if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$dir/root/etc"
	systemd-sysusers --root="$dir/root" "$dir/usr/lib/sysusers.d/pallocd.conf" >"$dir/out" 2>&1 || { cat "$dir/out" && exit 1; }
	for file in passwd group; do
		grep -q ^pallocd: "$dir/root/etc/$file" || { echo "sysusers.d: no pallocd in $file" && exit 1; }
	done
	for line in User=pallocd Group=pallocd; do
		grep -qx "$line" "$units/pallocd.service" || { echo "pallocd.service: wanted $line" && exit 1; }
	done
	grep -qx SocketGroup=pallocd "$units/pallocd.socket" || { echo "pallocd.socket: wanted SocketGroup=pallocd" && exit 1; }
fi
if ((EUID == 0)) && command -v systemd-tmpfiles >/dev/null; then
	systemd-tmpfiles --root="$dir/root" --create "$dir/usr/lib/tmpfiles.d/pallocd.conf" >"$dir/out" 2>&1 || { cat "$dir/out" && exit 1; }
	for folder in run/pallocd var/lib/pallocd etc/pallocd/regions.d etc/pallocd/pallocd.conf.d; do
		[[ -d $dir/root/$folder ]] || { echo "tmpfiles.d: no /$folder" && exit 1; }
	done
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
	"$dir/usr/$program" --help | grep >/dev/null -F "$socket" || { echo "$program --help does not name $socket" && exit 1; }
done
