#!/usr/bin/env bash
# client - scripts of tests/e2e/client, against the service as it is installed, in its sandbox
#
#   client.sh BUILD [--all | SCRIPT...]
#
# Without --all, those that a sandbox could make a difference to, and that do not take long (a daemon that is killed: restart.sh of this folder): the rest is for the long run.
# shellcheck source=tests/system/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

scripts=("${@:2}")
export TEST_ALL=''
if [[ ${scripts[*]} == --all ]]; then
	TEST_ALL=yes
	scripts=()
fi
if ((${#scripts[@]} == 0)); then
	# The longest first.
	scripts=(death memory verbs wait exec)
	if [[ $TEST_ALL ]]; then
		scripts=(restart watch check refusals owners "${scripts[@]}")
		for script in "$here"/../e2e/client/*.sh; do
			script=$(basename "$script" .sh)
			# doctor looks at the host, which is another one here.
			[[ $script == @(lib|doctor*) || " ${scripts[*]} " == *" $script "* ]] || scripts+=("$script")
		done
	fi
fi

# Where a script wants no daemon, there is none at the usual place.
systemctl disable --quiet --now pallocd.socket
# Not in /tmp, of which the service has its own.
export TMPDIR=/var/lib/pallocd-test TEST_DAEMON=$here/client_daemon.sh
install -d -m 711 "$TMPDIR"
# run SCRIPT - alone; what it says is shown if it fails
run() {
	local begin
	begin=$(milliseconds)
	bash "$here/../e2e/client/$1.sh" "$build" >"$dir/$1.out" 2>&1 </dev/null
	echo $? >"$dir/$1.status"
	echo "$1: $(tail -n 1 "$dir/$1.out"), $(($(milliseconds) - begin)) ms"
}
for script in "${scripts[@]}"; do
	# Many of them wait rather than work.
	while (($(jobs -pr | wc -l) >= 6)); do wait -n; done
	run "$script" &
done
wait
for script in "${scripts[@]}"; do
	[[ $(<"$dir/$script.status") == 0 ]] || cat "$dir/$script.out"
	same 0 "$(<"$dir/$script.status")" "$script: exit code"
done
test_end
