#!/usr/bin/env bash
# frames - two programs pass frames of 4 MiB through a region of pallocd's, without a copy: builds all, starts a daemon on a private
# socket with a region that has memory behind it, a producer and a consumer; kills the consumer and starts another one
#
#   client/frames.sh [--no-setup] [--bin FOLDER]
#
#   --no-setup     install nothing, even if a package is missing
#   --bin FOLDER   build nothing; use the programs from there
#
# Takes some seconds once it is built. Exit code: 0 if every frame that was seen was right.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
setup=1 bin=
while (($#)); do
	case $1 in
	--no-setup) setup=0 ;;
	--bin) bin=$(cd "${2:?--bin needs a folder}" && pwd) && shift ;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) echo "frames.sh: unknown argument: $1 (see --help)" >&2 && exit 2 ;;
	esac
	shift
done
cd "$top"

if [[ -z $bin ]]; then
	if ((setup)); then bash tests/setup.sh build; fi
	bin=$top/build/bin
	cmake --preset default >/dev/null
	cmake --build build --target pallocd paclient-cli frames-producer frames-consumer | tail -n 1
fi

dir=$(mktemp -d)
export PACLIENT_SOCKET=$dir/pallocd.sock
daemon='' producer='' consumer=''
finish() {
	local status=$?
	for process in $consumer $producer $daemon; do
		kill "$process" 2>/dev/null || true
		wait "$process" 2>/dev/null || true
	done
	if ((status)); then
		echo "-- what pallocd and the programs said:" >&2
		cat "$dir"/*.log >&2
	fi
	rm -rf "$dir"
}
trap finish EXIT
die() {
	echo "frames.sh: $*" >&2
	exit 1
}

# wait_for PROCESS COMMAND... - until the command is true; not longer than the process lives, nor than 20 seconds
wait_for() {
	local process=$1 until=$((SECONDS + 20))
	shift
	until "$@" >/dev/null 2>&1; do
		kill -0 "$process" 2>/dev/null || die "it ended too early (waiting for: $*)"
		((SECONDS < until)) || die "it took too long (waiting for: $*)"
		sleep 0.02
	done
}
# checked FILE N - the consumer that writes there has seen at least so many frames
checked() {
	[[ $(grep -c 'checked$' "$1") -ge $2 ]]
}
# last FILE, first FILE - numbers of frames
last() {
	sed -n 's/^consumer: frame \([0-9]*\) checked$/\1/p' "$1" | tail -n 1
}
first() {
	sed -n 's/^consumer: frame \([0-9]*\) checked$/\1/p' "$1" | sed q
}

"$bin/pallocd" --socket "$PACLIENT_SOCKET" --region video,limit=64M,initial=64M,backing=memfd \
	>"$dir/pallocd.log" 2>&1 </dev/null &
daemon=$!
wait_for "$daemon" "$bin/paclient" ping

"$bin/frames-producer" video 300 10 >"$dir/producer.log" 2>&1 </dev/null &
producer=$!
wait_for "$producer" grep -q frames "$dir/producer.log"
"$bin/paclient" list video

"$bin/frames-consumer" video >"$dir/consumer-1.log" 2>&1 </dev/null &
consumer=$!
wait_for "$consumer" checked "$dir/consumer-1.log" 20
kill -9 "$consumer"
wait "$consumer" 2>/dev/null || true
consumer=''
seen=$(last "$dir/consumer-1.log")
echo "consumer 1: killed after frame $seen"

"$bin/frames-consumer" video >"$dir/consumer-2.log" 2>&1 </dev/null &
consumer=$!
wait_for "$consumer" checked "$dir/consumer-2.log" 1
resumed=$(first "$dir/consumer-2.log")
((resumed > seen)) || die "consumer 2 began with frame $resumed, which is not newer than $seen"
echo "consumer 2: goes on with frame $resumed"
wait "$producer" || die "the producer failed"
producer=''
wait "$consumer" || die "consumer 2 failed"
consumer=''
cat "$dir/producer.log"
tail -n 1 "$dir/consumer-2.log"
! grep WRONG "$dir"/consumer-?.log || die "a frame was wrong"
