#!/usr/bin/env bash
# run - all tests: builds with gcc, and with clang and the sanitizers, warnings being errors, and runs the tests of each
#
#   tests/run.sh [--quick | --long] [--no-setup]
#
#   --quick      gcc only
#   --long       also the tests that take minutes (label "long"), and builds with clang alone and with gcc's sanitizers
#   --no-setup   install nothing, even if a package is missing
#
# What is missing is installed first (tests/setup.sh). The last line says how many tests passed and failed over all builds;
# the exit code is 0 if none failed, 1 if any did or a build broke, 2 for wrong usage.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"

quick=0 long=0 setup=1
for arg; do
	case $arg in
	--quick) quick=1 ;;
	--long) long=1 ;;
	--no-setup) setup=0 ;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) echo "run.sh: unknown argument: $arg (see --help)" >&2 && exit 2 ;;
	esac
done
if ((setup)); then
	group='test'
	((!long)) || group=long
	bash tests/setup.sh "$group" || {
		echo "run.sh: going on with what is there"
	} >&2
fi

# Leak reports of programs that a test kills are not what is looked for; everything else ends the program.
export UBSAN_OPTIONS=print_stacktrace=1
export CTEST_OUTPUT_ON_FAILURE=1
# What a test configures by itself: ninja is what is installed, make need not be.
export CMAKE_GENERATOR=Ninja
npassed=0 nfailed=0 nskipped=0 summary=()

# run PRESET FILTER... - build the preset, run its tests that the ctest options FILTER let through
run() {
	local preset=$1 dir=build/$1 log passed failed skipped begin=$SECONDS
	shift
	[[ $preset != default ]] || dir=build
	printf '\n== %s: build\n' "$preset"
	if ! cmake --preset "$preset" >"$logs/cmake.$preset" 2>&1; then
		cat "$logs/cmake.$preset"
		summary+=("$preset: cmake FAILED")
		nfailed=$((nfailed + 1))
		return
	fi
	# Ninja says one line for each file; only what goes wrong is worth reading.
	if ! cmake --build "$dir" >"$logs/build.$preset" 2>&1; then
		grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' "$logs/build.$preset" || true
		summary+=("$preset: build FAILED")
		nfailed=$((nfailed + 1))
		return
	fi
	printf '== %s: tests\n' "$preset"
	log=$logs/ctest.$preset
	# One more than the two processors: many tests wait for daemons and for clocks.
	ctest --test-dir "$dir" -j3 --no-tests=error "$@" 2>&1 </dev/null | tee "$log" || true
	# One line a test: "  3/40 Test  #7: unit/chunk .....   Passed    0.01 sec"
	passed=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log") || true
	skipped=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped ' "$log") || true
	failed=$(grep -E '^ *[0-9]+/[0-9]+ Test ' "$log" | grep -cvE ' Passed |\*\*\*Skipped ') || true
	# ctest itself may fail (no test at all, a program missing): that is a failure too.
	if ((passed + failed == 0)); then failed=1; fi
	npassed=$((npassed + passed)) nfailed=$((nfailed + failed)) nskipped=$((nskipped + skipped))
	summary+=("$preset: $passed passed, $failed failed, $skipped skipped, $((SECONDS - begin)) s")
}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
filter=()
((long)) || filter=(-LE '^long$')
run default "${filter[@]}"
# What reads the sources need not run twice, nor what drives the programs from outside: that finds the same with any compiler.
outside='^(e2e/(client|demo|frames|readme|tutorial|systemd|completion|python|wire)|system/|packages/|bench/)'
# But some scripts take the programs through most of their parts, for the sanitizers to look at.
inside='verbs|check|wait|restart'
if ((!quick)); then
	filter=(-LE '^(lint|long)$' -E "$outside")
	((!long)) || filter=(-LE '^lint$' -E '^(system|packages)/')
	run sanitize "${filter[@]}"
	((long)) || run sanitize -R "^e2e/client-($inside)$"
fi
if ((long)); then
	run clang -LE '^(lint|long)$' -E "$outside"
	run sanitize-gcc -LE '^(lint|long)$' -E "$outside"
fi

printf '\n== summary, after %d s\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
((nskipped == 0)) || echo "$nskipped tests skipped: each says why in its output"
echo "$npassed passed, $nfailed failed"
((nfailed == 0))
