# lib - what the lint scripts share: which files they look at, how they report
#
# Sourced. Sets: top (the project's folder), build (the build folder, from the first argument).
# shellcheck shell=bash
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$top/build}
cd "$top"
nfaults=0
export build

# files PATTERN... - the project's files (git pathspecs or shell patterns), one a line; a source archive has no git
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@"
	else
		local pattern
		for pattern; do
			find . \( -path ./build -o -path ./.git \) -prune -o -type f -path "./$pattern" -print | sed 's|^\./||'
		done
	fi | while read -r file; do
		if [[ -f $file ]]; then echo "$file"; fi
	done | sort -u
}

# fault TEXT... - one thing that is wrong
fault() {
	printf '%s\n' "$*"
	nfaults=$((nfaults + 1))
}

# faults - each line of standard input is one thing that is wrong
faults() {
	local line
	while read -r line; do fault "$line"; done
}

# verdict - the last line of each script
verdict() {
	if ((nfaults)); then
		echo "$nfaults faults"
		exit 1
	fi
}

# need PROGRAM - skip the test, visibly, where there is no such program
need() {
	if ! command -v "$1" >/dev/null; then
		echo "skipped: $1 is not installed"
		exit 77
	fi
}

# words [FILE...] - in $word, by name: each word (letters, digits, underscores) of the files, or of standard input. A grep for each would take longer.
# shellcheck disable=SC2034 # it is for the script that calls this
words() {
	local each
	declare -gA word=()
	while read -r each; do word[$each]=1; done < <(grep -ohE '\w+' -- "$@" | sort -u)
}

# same_lines WHAT TEXT TEXT - both have the same lines, in whatever order; else they are shown
same_lines() {
	local difference
	if ! difference=$(diff <(sort -u <<<"$2") <(sort -u <<<"$3")); then
		fault "$1 differ:"
		grep '^[<>]' <<<"$difference"
	fi
	[[ ${2//[[:space:]]/} ]] || fault "$1: there are none"
}
