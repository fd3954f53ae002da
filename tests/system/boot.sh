#!/usr/bin/env bash
# boot - a real systemd as process 1 of new namespaces, on an overlay of this system's /; one command is run in it, then it is shut down
#
#   boot.sh [-s SETUP] [-o DIR]... [-w DIR]... [-t SECONDS] [-d] [--] COMMAND [ARGUMENT...]
#
#   -s SETUP    bash commands that are run as root in the new root just before systemd starts: what is to be installed, and enabled
#   -o DIR      show DIR of this system, too; needed where it is on another file system than /. What is written there is lost
#   -w DIR      DIR of this system as it is: what is written there stays
#   -t SECONDS  limit for COMMAND: 60
#   -d          when COMMAND fails, print the journal
#
# COMMAND has the caller's environment, working folder, standard input and outputs. What it writes goes to a tmpfs that vanishes; of this system's
# units none is started but journald, tmpfiles and the D-Bus socket. The kernel's settings can be read, and not be changed. The network is empty.
#
# Exit codes: COMMAND's; 124 it took too long; 125 systemd could not be booted; 129, 130, 143 after a signal.
# Needs: root with CAP_SYS_ADMIN, overlayfs, cgroup2; the packages systemd and util-linux.
# shellcheck disable=SC2317 # functions that only traps call
set -Eeuo pipefail

failed=125
say() { printf 'boot.sh: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit "$failed"
}

# ------------------------------------------------------------------------------------------------- inside of the namespaces
# overlay DIR TO N - DIR, seen at TO; what is written there goes to the tmpfs, under number N
overlay() {
	mkdir -p "$2" "$upper/u$3" "$upper/w$3"
	mount -t overlay -o "lowerdir=$1,upperdir=$upper/u$3,workdir=$upper/w$3" overlay "$2"
}

# read_only PATH - below the new root
read_only() {
	[[ -e $root$1 ]] || return 0
	mount --bind "$root$1" "$root$1"
	mount -o remount,bind,ro "$root$1"
}

file_systems() {
	local i=0 folder
	mkdir "$root" "$upper"
	mount -t tmpfs -o mode=755,size=75% tmpfs "$upper"
	overlay / "$root" 0
	while IFS= read -r folder; do
		i=$((i + 1))
		overlay "$folder" "$root$folder" $i
	done <"$work/overlays"
	while IFS= read -r folder; do
		mkdir -p "$root$folder"
		mount --bind "$folder" "$root$folder"
	done <"$work/writables"

	mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
	read_only /proc/sys
	read_only /proc/sysrq-trigger
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
	mount -t tmpfs -o mode=755,nosuid,nodev,size=50% tmpfs "$root/run"
	mkdir "$root/run/lock"
}

devices() {
	local dev=$root/dev node link
	mount -t tmpfs -o mode=755,nosuid,size=4m tmpfs "$dev"
	mkdir "$dev/pts" "$dev/shm" "$dev/mqueue" "$dev/hugepages"
	mount -t devpts -o newinstance,mode=620,gid=5,ptmxmode=666,nosuid,noexec devpts "$dev/pts"
	mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$dev/shm"
	mount -t mqueue -o nosuid,nodev,noexec mqueue "$dev/mqueue"
	mount -t hugetlbfs -o nosuid,nodev hugetlbfs "$dev/hugepages" 2>/dev/null || true # not in every kernel
	for link in ptmx:pts/ptmx fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
		ln -s "${link#*:}" "$dev/${link%%:*}"
	done
	umask 0
	for node in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$dev/${node%:*}" c 1 "${node#*:}"
	done
	mknod -m 666 "$dev/tty" c 5 0
	umask 022
}

# The hierarchies into whose groups the outer script has put us; these groups are the roots here.
control_groups() {
	local folder=$root/sys/fs/cgroup name options
	if grep -qx unified: "$work/cgroups" && (($(wc -l <"$work/cgroups") == 1)); then
		mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$folder"
		return
	fi
	mount -t tmpfs -o mode=755,nosuid,nodev,noexec,size=4m tmpfs "$folder"
	while IFS=: read -r name _; do
		options=$name
		[[ $name != name=* ]] || options=none,$name
		mkdir "$folder/${name#name=}"
		if [[ $name == unified ]]; then
			mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$folder/unified"
		else
			mount -t cgroup -o "nosuid,nodev,noexec,$options" cgroup "$folder/${name#name=}"
		fi
	done <"$work/cgroups"
}

# Nothing is started but what is named here, and what SETUP and COMMAND add.
configuration() {
	local etc=$root/etc unit
	[[ $(stat -f -c %T "$root") == overlayfs ]] # what follows deletes
	rm -rf "$etc"/systemd/system/*.wants "$etc"/systemd/system/*.requires "$root"/usr/lib/systemd/system/*.wants \
		"$root"/usr/lib/systemd/system-generators/* "$etc"/systemd/system-generators/*
	for unit in sysinit.target:systemd-journald.service sysinit.target:systemd-tmpfiles-setup.service \
		sockets.target:systemd-journald.socket sockets.target:systemd-journald-dev-log.socket sockets.target:dbus.socket; do
		[[ -e $root/lib/systemd/system/${unit#*:} ]] || continue
		mkdir -p "$etc/systemd/system/${unit%%:*}.wants"
		ln -s "/lib/systemd/system/${unit#*:}" "$etc/systemd/system/${unit%%:*}.wants/"
	done
	ln -sf /dev/null "$etc/systemd/system/tmp.mount"
	# /tmp stays as it is: what is tested may be there. Nor does anybody have to wait for the end of the boot to log in.
	mkdir -p "$etc/tmpfiles.d" "$etc/systemd/journald.conf.d"
	ln -sf /dev/null "$etc/tmpfiles.d/tmp.conf"
	ln -sf /dev/null "$etc/tmpfiles.d/systemd-nologin.conf"
	printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nForwardToSyslog=no\n' >"$etc/systemd/journald.conf.d/50-test.conf"
	# Without an identity this would be a first boot, which enables what is preset.
	tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
	echo test >"$etc/hostname"
}

# boot_inside - process 1 of the new namespaces: makes the root, and becomes systemd
boot_inside() {
	work=$1 root=$1/root upper=$1/upper
	local number
	exec 3>"$work/failed" # stays good when the root changes
	trap 'echo "line $LINENO: $BASH_COMMAND" >&3' ERR

	# /proc is still the outer one, and has our number there. The outer script then takes unshare(1), our parent, out of our control groups: a
	# process that is not in our PID namespace would puzzle systemd.
	read -r number _ </proc/self/stat
	echo "$number" >"$work/pid.new"
	mv "$work/pid.new" "$work/pid"
	while [[ ! -e $work/go ]]; do sleep 0.005; done

	file_systems
	devices
	control_groups
	configuration
	mkdir "$root/.old"
	cd "$root"
	pivot_root . .old
	cd /
	umount -l /.old
	rmdir /.old
	mount --make-rshared / # as on a system that has booted
	[[ -z $BOOT_SETUP ]] || bash -euo pipefail -c "$BOOT_SETUP" 3>&-
	# shellcheck disable=SC2093 # meant: nothing follows
	exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin LANG=C.UTF-8 container=test \
		/lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no </dev/null >/dev/null 2>&1 3>&-
}

if [[ ${1:-} == --inside ]]; then
	boot_inside "$2"
	exit "$failed"
fi

# ------------------------------------------------------------------------------------------------- outside of them
setup='' overlays=() writables=() limit=60 debug=0
while getopts 's:o:w:t:dh' option; do
	case $option in
	s) setup=$OPTARG ;;
	o) overlays+=("$(realpath -e "$OPTARG")") || die "no such folder: $OPTARG" ;;
	w) writables+=("$(realpath -e "$OPTARG")") || die "no such folder: $OPTARG" ;;
	t) limit=$OPTARG ;;
	d) debug=1 ;;
	h) sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
	*) exit "$failed" ;;
	esac
done
shift $((OPTIND - 1))
(($# > 0)) || die "no command (see -h)"
((EUID == 0)) || die "only root can do this"
for tool in unshare nsenter pivot_root setpriv timeout /lib/systemd/systemd systemctl systemd-run; do
	command -v "$tool" >/dev/null || die "$tool is missing"
done

self=$(realpath "$0")
tag=pallocd-boot.$$
folder=$PWD
tmp=$(realpath "${TMPDIR:-/tmp}")
cd /
groups=() parent='' init='' command=''

milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
in_there() { nsenter --target "$init" --all --root --wdns=/ -- "$@"; }
# All of these are asked time and again while it boots: without processes of their own.
alive() {
	local stat=''
	[[ -n $1 ]] && read -r stat 2>/dev/null <"/proc/$1/stat" && [[ ! ${stat##*) } =~ ^[ZX] ]]
}
# Before that it is this script, and its root is not what it will be.
is_systemd() {
	local name=''
	[[ -n $init ]] && read -r name 2>/dev/null <"/proc/$init/comm" && [[ $name == systemd ]]
}

# sweep FOLDER - what one of us that was killed outright could not remove
sweep() {
	local left pid
	for left in "$1"/pallocd-boot.*; do
		pid=${left##*/pallocd-boot.}
		pid=${pid%%.*}
		[[ -d $left && $pid =~ ^[0-9]+$ && ! -e /proc/$pid ]] || continue
		if [[ $1 == "$tmp" ]]; then
			rm -rf --one-file-system "$left" || true
		else
			find "$left" -depth -type d -exec rmdir {} + 2>/dev/null || true
		fi
	done
}

# SIGRTMIN+3 is `systemctl halt`: all units are stopped, then it exits.
shut_down() {
	local end
	if is_systemd; then
		kill -s RTMIN+3 "$init" 2>/dev/null || true
		end=$(($(milliseconds) + 10000))
		while alive "$parent" && (($(milliseconds) < end)); do sleep 0.02; done
		! alive "$parent" || say "the shutdown took longer than 10 s: killed"
	fi
	# With it goes process 1 of the namespaces (--kill-child), and with that all that is in them.
	[[ -z $parent ]] || kill -KILL "$parent" 2>/dev/null || true
	[[ -z $parent ]] || wait "$parent" 2>/dev/null || true
	[[ -z $command ]] || wait "$command" 2>/dev/null || true
}

cleanup() {
	local status=$? group i
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	shut_down
	for group in "${groups[@]}"; do
		# The kernel may need a moment for the last processes.
		for ((i = 0; i < 50; i++)); do
			find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
			[[ -d $group ]] || break
			sleep 0.02
		done
		[[ ! -d $group ]] || say "left behind: $group"
	done
	rm -rf --one-file-system "$work"
	exit "$status"
}

# groups_make - a control group below ours in each hierarchy that systemd can use. A machine where memory, pids and others have
# hierarchies of their own (v1) gets those, and cgroup2 beside them; else cgroup2 is all there is.
groups_make() {
	local mounts name path at group file type options v1=0
	local -A where=() mounted=()
	# "MOUNTPOINT TYPE OPTIONS"
	mounts=$(awk '{ for (i = 7; $i != "-"; i++); if ($4 == "/" && $(i + 1) ~ /^cgroup/) print $5, $(i + 1), $(i + 3) }' /proc/self/mountinfo)
	while read -r at type options; do
		[[ $type != cgroup2 ]] || options=unified
		for name in ${options//,/ }; do : "${mounted[$name]:=$at}"; done
	done <<<"$mounts"
	while IFS=: read -r _ name path; do
		name=${name:-unified}
		[[ $name != name=* || $name == name=systemd ]] || continue
		at=${mounted[${name%%,*}]:-}
		[[ -z $at ]] || where[$name]=$at${path%/}/$tag
	done </proc/self/cgroup
	[[ -z ${where[name=systemd]:-} ]] || v1=1
	[[ ${where[unified]:-} ]] || die "cgroup2 is not mounted on this system"
	for name in "${!where[@]}"; do
		((v1)) || [[ $name == unified ]] || continue
		group=${where[$name]}
		sweep "${group%/*}"
		mkdir "$group" || die "cannot make $group"
		groups+=("$group")
		if [[ ,$name, == *,cpuset,* ]]; then # a new one is empty, and takes no processes
			for file in cpuset.cpus cpuset.mems; do cat "${group%/*}/$file" >"$group/$file"; done
		fi
		echo "$name:" >>"$work/cgroups"
	done
	((v1)) || for name in memory pids cpu io; do
		echo "+$name" 2>/dev/null >"${where[unified]%/*}/cgroup.subtree_control" || true
	done
}

# until_booted - process 1 is systemd, and says that it is done
until_booted() {
	local end=$(($(milliseconds) + 30000)) state group
	while :; do
		alive "$parent" || die "it ended while it booted: $(cat "$work/failed" 2>/dev/null)"
		(($(milliseconds) < end)) || die "not booted within 30 s: ${state:-SETUP is not done}"
		if [[ -z $init && -s $work/pid ]]; then
			init=$(<"$work/pid")
			for group in "${groups[@]}"; do echo "$parent" >"${group%/*}/cgroup.procs"; done
			: >"$work/go"
		fi
		if is_systemd; then
			state=$(in_there timeout 10 systemctl is-system-running --wait 2>/dev/null) || true
			case $state in running | degraded) break ;; esac
		fi
		sleep 0.02
	done
	[[ $state == running ]] || {
		say "these units have failed:"
		in_there timeout 5 systemctl --no-pager --plain --no-legend --failed >&2 || true
	}
}

sweep "$tmp"
work=$(mktemp -d "$tmp/$tag.XXXXXX")
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$work/cgroups"
printf '%s\n' "${overlays[@]}" | sed '/^$/d' >"$work/overlays"
printf '%s\n' "${writables[@]}" | sed '/^$/d' >"$work/writables"
groups_make

# When this script dies, all of it does: by the signal that setpriv asks for, and --kill-child.
(
	for group in "${groups[@]}"; do
		echo "$BASHPID" >"$group/cgroup.procs" || exit "$failed"
	done
	export BOOT_SETUP=$setup
	exec setpriv --pdeathsig KILL unshare --mount --propagation private --uts --ipc --net --cgroup --pid --fork --kill-child=KILL -- \
		bash "$self" --inside "$work" </dev/null
) &
parent=$!
until_booted

# A scope, so that it has a control group in there. The time limit is kept in there, too: if nsenter were killed, its child would be left to
# this system's process 1, and process 1 of the namespaces could not end before that has noticed.
status=0
# shellcheck disable=SC2016 # for the shell in there
timeout --kill-after=5 $((limit + 20)) nsenter --target "$init" --all --root --wdns=/ -- \
	systemd-run --scope --quiet --collect --unit=command --property=TimeoutStopSec=3s -- \
	timeout --kill-after=5 "$limit" env -u NOTIFY_SOCKET -u LISTEN_FDS -u LISTEN_PID -u LISTEN_FDNAMES \
	bash -c 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"' command "$folder" "$@" <&0 &
command=$!
wait "$command" 2>/dev/null || status=$?
((status != 124)) || say "the command took longer than $limit s"
if ((status && debug)) && is_systemd; then
	say "the journal:"
	in_there timeout 20 journalctl --no-pager -b -o short-monotonic >&2 || true
fi
exit "$status"
