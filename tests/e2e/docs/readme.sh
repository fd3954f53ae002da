#!/usr/bin/env bash
# readme - the README's commands and its C program work as they stand there; its files, tests and packages exist
#
#   readme.sh BUILD
#
# Blocks marked "sh" are run, in one shell and in order; those marked "c" are compiled and run against a daemon with its built-in
# configuration, and so are those marked "python"; those marked "ini" are given to `pallocd --check-config`; those marked "console" (they install, or are tests of their own) are only looked at.
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$top"
dir=$(mktemp -d)
daemon=
cleanup() {
	[[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
fail() {
	printf '%s\n' "$@"
	exit 1
}

# block LANGUAGE - the blocks of README.md in that language, one after the other
block() {
	awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside { print }' README.md
}

# The programs are found where this build has put them; nothing else about the commands is changed.
{
	# shellcheck disable=SC2016 # for that shell: what it started must not outlive it
	echo 'trap '"'"'kill $(jobs -p) 2>/dev/null || true'"'"' EXIT'
	block sh | sed "s|\$PWD/build/bin|$build/bin|"
} >"$dir/commands.sh"
grep -qF "$build/bin" "$dir/commands.sh" || fail "README.md: the sh blocks do not name build/bin"
timeout 60 env TMPDIR="$dir" bash -eu "$dir/commands.sh" >"$dir/out" 2>&1 </dev/null || {
	status=$?
	cat "$dir/out"
	fail "README.md's sh blocks: exit code $status"
}
grep -q '^ddr\|[^a-z]ddr' "$dir/out" || fail "the region ddr was not listed:" "$(cat "$dir/out")"
grep -qi '^0x100000000' "$dir/out" || fail "alloc did not give the region's first address:" "$(cat "$dir/out")"

# The C program, against the headers and the static library of this build.
block c >"$dir/sample.c"
library=$(find "$build/lib" -name 'libpaclient.so' -print -quit)
[[ $library ]] || fail "there is no libpaclient.so in $build/lib"
flags=()
if nm -D "$library" | grep __asan_init >/dev/null; then flags=("-fsanitize=address,undefined"); fi
"${CC:-cc}" -Wall -Wextra -Werror "${flags[@]}" -I include -o "$dir/sample" "$dir/sample.c" \
	-L "$build/lib" -Wl,-rpath,"$build/lib" -lpaclient
"$build/bin/pallocd" --socket "$dir/pallocd.sock" >"$dir/pallocd.log" 2>&1 </dev/null &
daemon=$!
for ((i = 0; i < 500; i++)); do
	[[ ! -S $dir/pallocd.sock ]] || break
	sleep 0.02
done
PACLIENT_SOCKET=$dir/pallocd.sock "$dir/sample" >"$dir/out" 2>&1 || fail "the C program failed: $(cat "$dir/out")"
grep -q '^16 pages at 0x' "$dir/out" || fail "the C program said: $(cat "$dir/out")"

# The Python program, with the module of this project; a sanitized library cannot be loaded by it.
if command -v python3 >/dev/null && ((!${#flags[@]})); then
	block python >"$dir/sample.py"
	PACLIENT_SOCKET=$dir/pallocd.sock PACLIENT_LIBRARY=$build/lib/libpaclient.so.0 PYTHONPATH=client/python PYTHONDONTWRITEBYTECODE=1 python3 -W error "$dir/sample.py" \
		>"$dir/out" 2>&1 || fail "the Python program failed: $(cat "$dir/out")"
	grep -qxE '16 pages at 0x[0-9a-f]+, 16 in use' "$dir/out" || fail "the Python program said: $(cat "$dir/out")"
else
	echo "python3 is missing, or the library is sanitized: the Python program is not tried"
fi

# The configuration is accepted, and has the region that the text speaks of.
block ini >"$dir/pallocd.conf"
"$build/bin/pallocd" --check-config --config "$dir/pallocd.conf" >"$dir/out" 2>&1 || fail "the configuration: $(cat "$dir/out")"

# Scripts of the console blocks exist and know the options that the text gives them.
while read -r script options; do
	[[ -x $script ]] || fail "README.md names $script, which is no program"
	for option in $options; do
		"./$script" --help | grep >/dev/null -e "$option" || fail "$script --help does not know $option"
	done
done < <(grep -oE '\b(client|tests|systemd/debian)/[a-z]+\.sh( --[a-z-]+)*' README.md | sort -u)

# The tests that it names exist; model/traces-all only where there are more traces.
ctest --test-dir "$build" -N >"$dir/tests"
# shellcheck disable=SC2016 # the backquotes are the page's
while read -r name; do
	grep -qE "^ *Test +#[0-9]+: $name\$" "$dir/tests" || [[ $name == model/traces-all ]] ||
		fail "README.md names the test $name, which does not exist"
done < <(grep -oE '`(unit|model|e2e|fault|packages|lint|bench|fuzz)/[a-z0-9_-]+`' README.md | tr -d '`' | sort -u)

# shellcheck disable=SC2016
# The map names each folder that there is, and none that there is not.
while read -r folder; do
	[[ -d $folder ]] || fail "README.md's map names $folder"
done < <(sed -n 's/^| `\([a-z]*\)\/` |.*/\1/p' README.md)
for folder in */; do
	[[ $folder == build/ ]] || grep -q "^| \`$folder\` |" README.md || fail "README.md's map leaves out $folder"
done
