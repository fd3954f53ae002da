# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts
# lib - for the scripts of this folder: a daemon of the test's own, and checks that say name, wanted, got
#
# A script is called with the build folder; it sources this file, calls daemon_start and the checks, and ends with
# test_end. Everything lives in a temporary folder of its own, so that tests may run side by side.
set -uo pipefail

build=${1:?the build folder}
bin=$build/bin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
dir=$(mktemp -d)
daemon=""
nchecks=0
nfailed=0
export PACLIENT_SOCKET=$dir/sock
export LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS

cleanup() {
	# A daemon that the sanitizer has something to say about says it when it is asked to end.
	if [[ -n $daemon ]]; then
		kill "$daemon" 2>/dev/null
		wait "$daemon" 2>/dev/null
	fi
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}

# daemon_start OPTION... - pallocd on PACLIENT_SOCKET, answering
daemon_start() {
	"$bin/pallocd" --socket "$PACLIENT_SOCKET" "$@" 2>"$dir/daemon.log" &
	daemon=$!
	for ((i = 0; i < 200; i++)); do
		"$bin/paclient" ping >/dev/null 2>&1 && return 0
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.05
	done
	echo "FAILED: the daemon does not answer:"
	cat "$dir/daemon.log"
	exit 1
}

daemon_stop() {
	kill "$daemon"
	wait "$daemon"
	daemon=""
}

# run WANT ARGUMENT... - paclient's exit code must be WANT; its output is in $out, its errors in $err
run() {
	local want=$1 got
	shift
	out=$("$bin/paclient" "$@" 2>"$dir/err" </dev/null)
	got=$?
	err=$(<"$dir/err")
	nchecks=$((nchecks + 1))
	[[ $got == "$want" ]] && return 0
	fail "paclient $*: exit code: wanted $want, got $got: $err"
	return 0
}

# has TEXT PATTERN WHAT - TEXT must match the extended regular expression
has() {
	nchecks=$((nchecks + 1))
	grep -qE -- "$2" <<<"$1" || fail "$3: wanted /$2/, got: $1"
}

# same WANT GOT WHAT
same() {
	nchecks=$((nchecks + 1))
	[[ $1 == "$2" ]] || fail "$3: wanted \"$1\", got \"$2\""
}

# json TEXT EXPRESSION WHAT - TEXT must be one JSON value, and EXPRESSION of python true with it as j
json() {
	nchecks=$((nchecks + 1))
	python3 -c 'import json, sys
j = json.loads(sys.argv[1])
sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" 2>"$dir/python" ||
		fail "$3: wanted $2, got: $1 $(tail -1 "$dir/python")"
}

used() {
	"$bin/paclient" --json stat "$1" | python3 -c 'import json, sys
j = json.load(sys.stdin)
print(j["session_npages"] + j["detached_npages"])'
}

# settles WANT REGION - so many pages in use, at once or soon: a session's end reaches the daemon when it reaches it
settles() {
	local now=""
	nchecks=$((nchecks + 1))
	for ((i = 0; i < 100; i++)); do
		now=$(used "$2")
		[[ $now == "$1" ]] && return 0
		sleep 0.02
	done
	fail "pages in use in $2: wanted $1, got $now"
}

test_end() {
	[[ -z $daemon ]] || kill -0 "$daemon" 2>/dev/null || fail "the daemon died: $(<"$dir/daemon.log")"
	printf '%d checks, %d failed\n' "$nchecks" "$nfailed"
	exit $((nfailed > 0))
}
