# shellcheck shell=bash disable=SC2034,SC2154 # what is set here and not used, or the other way round, is lib.sh's
# client_daemon - for tests/e2e/client/lib.sh: its daemon is the service as it is installed, in its sandbox and with a socket of the script's own
#
# Each script has units of its own, so that they may run side by side: those that are installed, but for the socket's path and the daemon's
# options. In the sandbox /tmp is another one, so that client.sh has the scripts' folders elsewhere.
test_unit=pallocd-${dir##*.}
units=/run/systemd/system
program_seen=- # ProtectProc=: its user may not see what others run

# unit_write OPTION... - that start pallocd with these; nothing is to be done where they are the ones of before
unit_write() {
	local installed=/usr/lib/systemd/system command=/usr/sbin/pallocd option
	[[ $* != "${written:-}" ]] || return 0
	written=$*
	sed -e "s|^ListenStream=.*|ListenStream=$PACLIENT_SOCKET|" "$installed/pallocd.socket" >"$units/$test_unit.socket"
	for option; do
		option=${option//%/%%} option=${option//\$/\$\$}
		command+=" '$option'"
	done
	sed -e "s,=pallocd.socket,=$test_unit.socket," -e "s|^RuntimeDirectory=.*|RuntimeDirectory=$test_unit|" \
		-e "s|^ExecStart=.*|ExecStart=$command|" "$installed/pallocd.service" >"$units/$test_unit.service"
	# Where a script says in which folder, that is what a drop-in gives an administrator's.
	if [[ " $* " == *" $dir/"* || " $* " == *"=$dir/"* ]]; then
		mkdir -p "$units/$test_unit.service.d"
		printf '%s\n' '[Service]' "ReadWritePaths=$dir" >"$units/$test_unit.service.d/folder.conf"
		chown pallocd: "$dir"
	fi
	systemctl daemon-reload
}

daemon_start() {
	local file
	chmod 711 "$dir"
	for file; do
		[[ $file != *,file=* ]] || {
			file=${file#*,file=}
			chown pallocd: "${file%%,*}"
		}
	done
	unit_write "$@"
	[[ -n $python ]] || python_start
	systemctl restart "$test_unit.socket" "$test_unit.service" 2>"$dir/daemon.log" || {
		echo "FAILED: the service does not start: $(<"$dir/daemon.log")"
		journalctl -u "$test_unit.service" -o cat
		exit 1
	}
	daemon=$(systemctl show -P MainPID "$test_unit.service")
	eventually "the daemon answers" "$bin/paclient" ping
}

# With the socket: nobody shall start it anew.
daemon_stop() {
	systemctl stop "$test_unit.socket" "$test_unit.service"
	daemon=""
}

# Nor here; by hand nobody would keep its memory either.
daemon_kill() {
	kill -KILL "$daemon"
	systemctl stop "$test_unit.socket" "$test_unit.service" 2>/dev/null
	daemon=""
}

cleanup() {
	[[ -z $daemon ]] || systemctl stop "$test_unit.socket" "$test_unit.service"
	rm -rf "${units:?}/$test_unit".{socket,service,service.d}
	[[ -z $python ]] || kill "$python" 2>/dev/null
	rm -rf "$dir"
}

# A wrong command line never reaches a daemon, and how a refusal is printed is not the service's either.
if [[ ! ${TEST_ALL:-} ]]; then
	usage() {
		:
	}
	refused() {
		run "$1" --json "${@:3}"
		json "$err" "j['error']['status'] == '$2'" "--json ${*:3}"
	}
fi
