#!/usr/bin/env bash
# tutorial - client/TUTORIAL.md: its commands run as they stand there, its programs compile, and what it shows is what they print
#
#   tutorial.sh BUILD
#
# Blocks marked "c NAME" are files that its commands find in $work; those marked "sh" are run, in one shell and in order; one marked "text" is what
# the one before it prints.
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
page=client/TUTORIAL.md
cd "$top"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
	printf '%s\n' "$@"
	exit 1
}

# Into files: NAME, NUMBER.sh and NUMBER.text, where that of a text is the number of the commands before it.
awk -v dir="$dir" '
	file == "" && /^```c / { file = dir "/" $2; next }
	file == "" && /^```sh$/ { file = dir "/" ++n ".sh"; next }
	file == "" && /^```text$/ { file = dir "/" n ".text"; next }
	/^```$/ { file = ""; next }
	/^```/ { print "tutorial.sh: what is " $0 "?"; exit 1 }
	file != "" { print > file }
' "$page" || fail "$page cannot be read"
nblocks=$(find "$dir" -name '*.sh' | wc -l)
ntexts=$(find "$dir" -name '*.text' | wc -l)
((nblocks > 4 && ntexts > 4)) || fail "$page has $nblocks blocks of commands and shows $ntexts"

# One shell for all; mktemp -d is where the files are; the programs and the library are those of this build.
{
	echo "mktemp() { echo $dir/work; }"
	# shellcheck disable=SC2016 # for that shell: what it started must not outlive it
	echo 'trap '"'"'kill $(jobs -p) 2>/dev/null || true'"'"' EXIT'
	for ((i = 1; i <= nblocks; i++)); do
		echo "exec 9>&1 >$dir/$i.out"
		sed "s|\$PWD/build/|$build/|g; s|-Lbuild/|-L$build/|" "$dir/$i.sh"
		echo "exec >&9"
	done
} >"$dir/all.sh"
mkdir "$dir/work"
mv "$dir"/*.c "$dir/work"
timeout 60 bash -eu "$dir/all.sh" >"$dir/log" 2>&1 </dev/null || {
	status=$?
	fail "$page: exit code $status" "$(cat "$dir"/*.out "$dir/log")"
}
for shown in "$dir"/*.text; do
	diff -u "$shown" "${shown%.text}.out" || fail "$page shows something else than this prints: $(<"${shown%.text}.sh")"
done
