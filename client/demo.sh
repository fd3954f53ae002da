#!/usr/bin/env bash
# demo - pallocd at work: builds it, starts it on a private socket, lets the processes of a recorded build of a C library (495 of
# them) take and give back their pages through it, and shows what it says meanwhile and afterwards
#
#   client/demo.sh [--keep] [--no-setup] [--bin FOLDER]
#
#   --keep         leave the daemon running; how to reach and how to stop it is said at the end
#   --no-setup     install nothing, even if a package is missing
#   --bin FOLDER   build nothing; use pallocd and paclient from there
#
# Takes some 20 seconds once it is built. Exit code: 0 if all went well.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
keep=0 setup=1 bin=
while (($#)); do
	case $1 in
	--keep) keep=1 ;;
	--no-setup) setup=0 ;;
	--bin) bin=$(cd "${2:?--bin needs a folder}" && pwd) && shift ;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) echo "demo.sh: unknown argument: $1 (see --help)" >&2 && exit 2 ;;
	esac
	shift
done
cd "$top"
workload=tests/data/workloads/build-library.workload

say() { printf '\n\033[1m%s\033[0m\n' "$*" | if [[ -t 1 ]]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
# show ARGUMENT... - run paclient, saying so
show() {
	say "\$ paclient $*"
	"$bin/paclient" --socket "$socket" "$@"
}

if [[ -z $bin ]]; then
	if ((setup)); then bash tests/setup.sh build; fi
	bin=$top/build/bin
	say "Building pallocd and paclient into build/"
	cmake --preset default >/dev/null
	cmake --build build --target pallocd paclient-cli | tail -n 1
fi

dir=$(mktemp -d)
socket=$dir/pallocd.sock
daemon='' replay=''
finish() {
	local status=$?
	[[ -z $replay ]] || kill "$replay" 2>/dev/null || true
	if ((status)) && [[ -f $dir/pallocd.log ]]; then
		echo "-- what pallocd said:" >&2
		cat "$dir/pallocd.log" >&2
	fi
	if ((status == 0 && keep)); then return; fi
	[[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true
	[[ -z $daemon ]] || wait "$daemon" 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

say "Starting pallocd with its built-in configuration"
# A session of its own, so that closing the terminal does not end it with --keep.
setsid "$bin/pallocd" --socket "$socket" --builtin-config >"$dir/pallocd.log" 2>&1 </dev/null &
daemon=$!
for ((i = 0; i < 500; i++)); do
	[[ ! -S $socket ]] || break
	kill -0 "$daemon" 2>/dev/null || { echo "demo.sh: pallocd ended at once" >&2 && exit 1; }
	sleep 0.02
done
show regions

say "Replaying $workload in real time: each process a connection of its own"
"$bin/paclient" --socket "$socket" replay demo "$workload" --realtime >"$dir/replay" 2>&1 </dev/null &
replay=$!
for second in 5 11; do
	sleep $((second == 5 ? 5 : 6))
	kill -0 "$replay" 2>/dev/null || break
	say "After $second seconds:"
	show regions
	show stat demo
	show map demo
done
status=0
wait "$replay" || status=$?
replay=''
say "The replay in real time is over:"
cat "$dir/replay"
((status == 0)) || exit 1

show replay demo "$workload"
say "All processes are gone, and what they held has gone back:"
show regions
show stat demo
show map demo

if ((keep)); then
	say "pallocd goes on, process $daemon, its log in $dir/pallocd.log"
	cat <<-EOT
		reach it:  export PACLIENT_SOCKET=$socket
		           $bin/paclient regions
		stop it:   kill $daemon; rm -r $dir
	EOT
fi
