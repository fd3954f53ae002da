# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts
# lib - for the scripts of this folder: each runs itself under a systemd of its own, with what the build installs
#
# A script sources this file with its arguments; what follows runs as root under that systemd, where all is installed, the socket is enabled, and
# member is a user in the group pallocd. It ends with test_end.
set -uo pipefail

# A script that sets HUGE_PAGES wants that many; under systemd it says whether they are there, else it is 0.
build=${1:?the build folder}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
nchecks=0
nfailed=0
export LC_ALL=C.UTF-8

skip() {
	echo "skipped: $*"
	exit 77
}

# is_below FOLDER - it is on the file system of /, so that boot.sh shows it by itself
is_below() {
	[[ $(stat -c %d "$1") == $(stat -c %d /) ]]
}

# huge_pages N - so many more, until this script ends; HUGE_PAGES says how many there are
huge_pages() {
	local before now
	file=/proc/sys/vm/nr_hugepages # also for the trap
	before=$(<"$file")
	trap 'echo $(($(<"$file") - HUGE_PAGES)) >"$file"' EXIT
	HUGE_PAGES=0
	echo $((before + $1)) 2>/dev/null >"$file" || return 0
	now=$(<"$file")
	HUGE_PAGES=$((now - before))
	((HUGE_PAGES < $1)) || return 0
	echo "$before" >"$file"
	HUGE_PAGES=0
}

# boot SCRIPT ARGUMENT... - run it under systemd; does not return
boot() {
	local setup options=(-d -t "${SYSTEM_TEST_SECONDS:-480}") tool folder
	((EUID == 0)) || skip "this test boots a systemd, which only root can do"
	for tool in /lib/systemd/systemd systemd-run unshare nsenter setpriv dbus-daemon python3 cmake; do
		command -v "$tool" >/dev/null || skip "$tool is not installed (tests/setup.sh)"
	done
	unshare --mount --pid --ipc --net --uts --cgroup --fork true 2>/dev/null || skip "this system lets nobody make namespaces"
	grep -qw overlay /proc/filesystems || skip "this kernel has no overlayfs"
	for folder in "$build" "$here"; do
		is_below "$folder" || options+=(-o "$folder")
	done
	# As an administrator would do it, into the new root.
	setup="cmake --install '$build' --prefix /usr >/dev/null
		systemd-sysusers pallocd.conf 2>/dev/null
		rm -rf /etc/pallocd
		systemd-tmpfiles --create pallocd.conf
		useradd --no-create-home --groups pallocd member
		systemctl enable --quiet pallocd.socket 2>/dev/null"
	[[ -z ${HUGE_PAGES:-} ]] || huge_pages "$HUGE_PAGES"
	HUGE_PAGES=${HUGE_PAGES:-} SYSTEM_TEST_BOOTED=1 bash "$here/boot.sh" "${options[@]}" -s "$setup" -- bash "$@"
	exit
}
[[ ${SYSTEM_TEST_BOOTED:-} ]] || boot "$(realpath "$0")" "$@"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unit=pallocd.service
sock=/run/pallocd/pallocd.sock
unset PACLIENT_SOCKET

fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}

# same WANT GOT WHAT
same() {
	nchecks=$((nchecks + 1))
	[[ $1 == "$2" ]] || fail "$3: wanted \"$1\", got \"$2\""
}

# has TEXT PATTERN WHAT - TEXT must match the extended regular expression
has() {
	nchecks=$((nchecks + 1))
	grep -qE -- "$2" <<<"$1" || fail "$3: wanted /$2/, got: $1"
}

# hasnt TEXT PATTERN WHAT
hasnt() {
	nchecks=$((nchecks + 1))
	! grep -qE -- "$2" <<<"$1" || fail "$3: wanted nothing like /$2/, got: $1"
}

# ok WHAT COMMAND... - it must succeed; its output is in $out
ok() {
	local what=$1
	shift
	nchecks=$((nchecks + 1))
	out=$("$@" 2>&1) || fail "$what: exit code $? of $*: $out"
}

# eventually WHAT COMMAND... - the command is true, at once or soon
eventually() {
	local what=$1 until=$((SECONDS + 20))
	shift
	nchecks=$((nchecks + 1))
	while ((SECONDS < until)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	fail "$what: not within 20 seconds: $*"
	return 1
}

# property NAME [UNIT]
property() {
	systemctl show -P "$1" "${2:-$unit}"
}

property_is() {
	[[ $(property "$1" "${3:-$unit}") == "$2" ]]
}

# journal [OPTION...] - what the service has said
journal() {
	journalctl --sync
	journalctl -u "$unit" -o cat "$@"
}

# drop_in NAME LINE... - lines for the service's unit; [Service] is their section unless they name another
drop_in() {
	local folder=/etc/systemd/system/$unit.d name=$1
	shift
	mkdir -p "$folder"
	{
		echo '[Service]'
		printf '%s\n' "$@"
	} >"$folder/$name.conf"
	systemctl daemon-reload
}

# region NAME LINE... - one more region in pallocd.conf
region() {
	local name=$1
	shift
	printf '%s\n' "[Region $name]" "$@" >>/etc/pallocd/pallocd.conf
}

# as_user USER COMMAND...
as_user() {
	local user=$1
	shift
	setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
}

milliseconds() {
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

test_end() {
	printf '%d checks, %d failed\n' "$nchecks" "$nfailed"
	exit $((nfailed > 0))
}
