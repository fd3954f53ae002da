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
python=""
nchecks=0
nfailed=0
program_seen=paclient # what the daemon says is the program of a session
export PACLIENT_SOCKET=$dir/sock
export LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS

cleanup() {
	# A daemon that the sanitizer has something to say about says it when it is asked to end.
	if [[ -n $daemon ]]; then
		kill "$daemon" 2>/dev/null
		wait "$daemon" 2>/dev/null
	fi
	[[ -z $python ]] || kill "$python" 2>/dev/null
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
	[[ -n $python ]] || python_start
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

# daemon_kill - outright
daemon_kill() {
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	daemon=""
}

# Where these functions and cleanup come from elsewhere: tests/system runs all of the scripts against the service.
# shellcheck source=/dev/null
[[ -z ${TEST_DAEMON:-} ]] || source "$TEST_DAEMON"

# run WANT ARGUMENT... - paclient's exit code must be WANT; its output is in $out, its errors in $err
run() {
	local want=$1 got
	shift
	# exec: with a trap set bash would fork twice.
	out=$(exec "$bin/paclient" "$@" 2>"$dir/err" </dev/null)
	got=$?
	err=$(<"$dir/err")
	nchecks=$((nchecks + 1))
	[[ $got == "$want" ]] && return 0
	fail "paclient $*: exit code: wanted $want, got $got: $err"
	return 0
}

# refused CODE STATUS ARGUMENT... - plain and as JSON: nothing on standard output, one sentence or object on the other. $plain is the sentence.
refused() {
	local code=$1 status=$2
	shift 2
	run "$code" "$@"
	plain=$err
	same "" "$out" "$*: standard output"
	has "$err" '^paclient: .' "$*: message"
	one_line "$err" "$*"
	run "$code" --json "$@"
	same "" "$out" "--json $*: standard output"
	json "$err" "j['error']['status'] == '$status' and j['error']['exit_code'] == $code and j['error']['message']" "--json $*"
}

# usage PATTERN ARGUMENT... - a wrong command line, named so
usage() {
	local pattern=$1
	shift
	refused 2 USAGE "$@"
	has "$plain" "$pattern" "$*"
}

# has TEXT PATTERN WHAT - a line of TEXT must match the extended regular expression. Without grep, which would take longer than what is tested.
has() {
	local line
	nchecks=$((nchecks + 1))
	while IFS= read -r line; do
		[[ ! $line =~ $2 ]] || return 0
	done <<<"$1"
	fail "$3: wanted /$2/, got: $1"
}

# one_line TEXT WHAT
one_line() {
	nchecks=$((nchecks + 1))
	[[ $1 != *$'\n'* ]] || fail "$2: wanted one line, got: $1"
}

# same WANT GOT WHAT
same() {
	nchecks=$((nchecks + 1))
	[[ $1 == "$2" ]] || fail "$3: wanted \"$1\", got \"$2\""
}

# python_start - one for all questions: starting it takes many times as long as an answer
python_start() {
	mkfifo "$dir/questions" "$dir/answers"
	python3 -c 'import json, sys
text = ""
def parts():
    rest = ""
    while True:
        some = sys.stdin.buffer.raw.read(1 << 16).decode()
        if not some:
            return
        *whole, rest = (rest + some).split("\0")
        yield from whole
questions = parts()
for expression in questions:
    try:
        j = json.loads(next(questions))
        answer = "= " + str(eval(expression, {"j": j, "json": json}))
    except Exception as e:
        answer = "! " + repr(e)
    print(answer.replace("\n", " "), flush=True)' <"$dir/questions" >"$dir/answers" &
	python=$!
	disown "$python"
	exec {questions}>"$dir/questions" {answers}<"$dir/answers"
}

# ask TEXT EXPRESSION - what EXPRESSION of python is with TEXT, one JSON value, as j: "= value", or "! why not", in $answer
ask() {
	[[ -n $python ]] || python_start
	printf '%s\0%s\0' "$2" "$1" >&"$questions"
	read -r answer <&"$answers" || answer="! python has died"
}

# json TEXT EXPRESSION WHAT - TEXT must be one JSON value, and EXPRESSION of python true with it as j
json() {
	local answer
	nchecks=$((nchecks + 1))
	ask "$1" "bool($2)"
	[[ $answer == "= True" ]] || fail "$3: wanted $2, got: ${1:0:2000} $answer"
}

# used REGION - pages in use
used() {
	local answer
	ask "$(exec "$bin/paclient" --json stat "$1")" 'j["session_npages"] + j["detached_npages"]'
	echo "${answer#= }"
}

# pause N - before one looks again, for the N-th time: soon at first, then less often, as others need the processor
pause() {
	if (($1 < 20)); then sleep 0.02; else sleep 0.1; fi
}

# settles WANT REGION - so many pages in use, at once or soon: a session's end reaches the daemon when it reaches it
settles() {
	local now=""
	nchecks=$((nchecks + 1))
	for ((i = 0; i < 100; i++)); do
		now=$(used "$2")
		[[ $now == "$1" ]] && return 0
		pause $i
	done
	fail "pages in use in $2: wanted $1, got $now"
}

# eventually WHAT COMMAND... - the command is true, at once or soon
eventually() {
	local what=$1 until=$((SECONDS + 30)) i
	shift
	nchecks=$((nchecks + 1))
	for ((i = 0; SECONDS < until; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		pause $i
	done
	fail "$what: not within 30 seconds: $*"
}

# hold NAME ARGUMENT... - `paclient exec ARGUMENT...` in the background, with a command that goes on until it is ended. Its process is in
# $holder, what the command found in its environment in env_NAME, its process in env_NAME[PID]. It ends by itself after $hold_seconds, or 60.
hold() {
	local name=$1 key value
	shift
	# shellcheck disable=SC2016 # for the inner shell
	"$bin/paclient" exec "$@" -- bash -c 'env | sed -n s/^PACLIENT_//p >"$1.new"; echo "PID=$$" >>"$1.new"; mv "$1.new" "$1"
		exec sleep "$2"' - "$dir/hold.$name" "${hold_seconds:-60}" >"$dir/hold.out" 2>&1 &
	holder=$!
	declare -gA "env_$name=()"
	local -n to=env_$name
	for ((i = 0; i < 500; i++)); do
		[[ -e $dir/hold.$name ]] && break
		kill -0 "$holder" 2>/dev/null || break
		sleep 0.02
	done
	[[ -e $dir/hold.$name ]] || fail "exec $*: the command did not start: $(<"$dir/hold.out")"
	while IFS='=' read -r key value; do to["$key"]=$value; done <"$dir/hold.$name"
	rm -f "$dir/hold.$name"
}

# let_go PID - end what hold has started
let_go() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# other_user - `$other` is a paclient of a user who is neither the daemon's nor root; false where that cannot be. Regions need allow=*:...
other_user() {
	if [[ $(id -u) != 0 ]] || ! command -v setpriv >/dev/null; then
		echo "not root, or setpriv is missing: what other users may not do is left out"
		return 1
	fi
	other=$dir/other/paclient
	chmod 711 "$dir"
	chmod 666 "$PACLIENT_SOCKET"
	mkdir -p "$dir/other"
	printf '#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "%s" "$@"\n' "$bin/paclient" >"$other"
	chmod 755 "$other"
}

# stat_is WANT KEY [REGION] - a counter of `stat --json`
stat_is() {
	local want=$1 key=$2
	shift 2
	local answer
	ask "$(exec "$bin/paclient" --json stat "$@")" "j['$key']"
	[[ $answer == "= $want" ]]
}

test_end() {
	[[ -z $daemon ]] || kill -0 "$daemon" 2>/dev/null || fail "the daemon died: $(<"$dir/daemon.log")"
	printf '%d checks, %d failed\n' "$nchecks" "$nfailed"
	exit $((nfailed > 0))
}
