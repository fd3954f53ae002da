#!/usr/bin/env bash
# client - every script of tests/e2e/client, against the service as it is installed, in its sandbox
#
#   client.sh BUILD [--all | SCRIPT...]
#
# Without --all, what a sandbox makes no difference to is left out: wrong command lines, how refusals are printed, the script that builds
# programs, and those about placement, which is arithmetic.
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
	scripts=(watch death check restart refusals owners memory)
	for script in "$here"/../e2e/client/*.sh; do
		script=$(basename "$script" .sh)
		# They look at the host, which is another one here.
		[[ $script != doctor* ]] || continue
		[[ $TEST_ALL || $script != @(install|place|resize|shrink|scatter|why|why_random|map_large|replay) ]] || continue
		[[ $script == lib || " ${scripts[*]} " == *" $script "* ]] || scripts+=("$script")
	done
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
