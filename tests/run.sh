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
# Where python3 is a script that looks for the interpreter (pyenv's), that takes ten times as long as starting it, which tests do often.
if python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null) && [[ -x $python ]]; then
	PATH=$(dirname "$python"):$PATH
fi
npassed=0 nfailed=0 nskipped=0 summary=()

# build PRESET [COMMAND...] - configure and build (under the command); what is said of it is in $logs/build.PRESET
build() {
	local preset=$1
	shift
	"$@" cmake --preset "$preset" && "$@" cmake --build "$(folder "$preset")"
} >"$logs/build.$1" 2>&1 </dev/null

# folder PRESET - where it is built
folder() {
	if [[ $1 == default ]]; then echo build; else echo "build/$1"; fi
}

# build_begin PRESET - in the background, in what the tests that run meanwhile leave of the processors: they wait much
builder='' building=''
build_begin() {
	building=$1
	# A process group of its own, to be ended as one.
	set -m
	build "$1" nice -n 19 &
	builder=$!
	set +m
}

# build_end PRESET - it is built, begun or not; false if that failed
build_end() {
	if [[ $building != "$1" ]]; then
		build "$1"
		return
	fi
	local status=0
	wait "$builder" || status=$?
	builder='' building=''
	return $status
}

# run FILTER... - the next of the presets: build it, and run its tests that the ctest options FILTER let through, while that behind it is built
run() {
	local preset=${presets[0]} dir log passed failed skipped begin=$SECONDS
	presets=("${presets[@]:1}")
	dir=$(folder "$preset")
	printf '\n== %s: build\n' "$preset"
	local status=0
	build_end "$preset" || status=$?
	[[ ! ${presets[0]-} ]] || build_begin "${presets[0]}"
	if ((status)); then
		# Ninja says one line for each file; only what goes wrong is worth reading.
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
trap '[[ ! $builder ]] || kill -- "-$builder"; rm -rf "$logs"' EXIT
trap 'exit 1' INT TERM
presets=(default)
((quick)) || presets+=(sanitize)
((!long)) || presets+=(clang sanitize-gcc)

filter=()
((long)) || filter=(-LE '^long$')
run "${filter[@]}"
# What reads the sources need not run twice, nor what drives the programs from outside (tests/CMakeLists.txt): that finds the same with any compiler.
less=(-LE '^(lint|long|outside)$' -E '^(system|packages|bench)/')
if ((!quick)); then
	filter=("${less[@]}")
	((!long)) || filter=(-LE '^lint$' -E '^(system|packages)/')
	run "${filter[@]}"
fi
if ((long)); then
	run "${less[@]}"
	run "${less[@]}"
fi

printf '\n== summary, after %d s\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
((nskipped == 0)) || echo "$nskipped tests skipped: each says why in its output"
echo "$npassed passed, $nfailed failed"
((nfailed == 0))
