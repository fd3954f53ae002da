# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts
# lib - for the scripts of this folder: where things are, and checks that say name, wanted, got
#
# A script is called with the build folder and sources this file. What packages/build has built lies in $packages, the packages that an
# upgrade starts from in $packages/previous.
set -euo pipefail

build=${1:?the build folder}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
packages=$build/packages
names=(pallocd libpaclient0 libpaclient-dev paclient python3-paclient)
nchecks=0
nfailed=0

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	nfailed=$((nfailed + 1))
	printf 'FAILED: %s\n' "$*"
}

# same WANTED GOT WHAT
same() {
	nchecks=$((nchecks + 1))
	[[ $1 == "$2" ]] || fail "$3: wanted '$1', got '$2'"
}

# has TEXT PATTERN WHAT - a line of TEXT matches
has() {
	nchecks=$((nchecks + 1))
	grep -qE -- "$2" <<<"$1" || fail "$3: wanted a line like '$2', got: $1"
}

# lacks TEXT PATTERN WHAT - no line of TEXT matches
lacks() {
	nchecks=$((nchecks + 1))
	! grep -qE -- "$2" <<<"$1" || fail "$3: wanted no line like '$2', got: $(grep -E -- "$2" <<<"$1" | head -n 3)"
}

# deb NAME [FOLDER] - the file of a package
deb() {
	local files=("${2:-$packages}/$1"_*.deb)
	[[ -e ${files[0]} ]] || skip "there is no package $1: packages/build did not make it"
	echo "${files[0]}"
}

test_end() {
	echo "$nchecks checks, $nfailed failed"
	((nfailed == 0))
}
