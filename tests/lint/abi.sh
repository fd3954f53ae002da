#!/usr/bin/env bash
# abi - what programs that were compiled before rely on stays: the symbols of libpaclient.so with their versions, what the functions take, sizes
# and offsets of the structs, values of enums and constants; against libpaclient.abi beside this file
#
#   abi.sh BUILD            compare
#   abi.sh BUILD --update   take what was added into the description; what was removed or changed is a fault still
#
# A description in text, from the headers and nm, and not abidiff: that needs debugging information of two builds, which differs between
# compilers and with link-time optimisation, knows neither constants nor which structs may grow, and says nothing that this does not.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
need nm
description=tests/lint/libpaclient.abi
cc=$(sed -nE 's/^CMAKE_C_COMPILER:[A-Z]+=//p' "$build/CMakeCache.txt")
if [[ $(getconf LONG_BIT) != 64 ]]; then
	echo "skipped: the description is of machines with 64 bits"
	exit 77
fi
export PYTHONDONTWRITEBYTECODE=1
python3 tests/lint/abi.py ${2:+"$2"} "$cc" include "$build/lib/libpaclient.so" "$description" || fault "$description differs"
python3 tests/lint/abi.py --self-test "$description" || fault "abi.py does not find what it should"

# A header, not a description, that has changed: a member put in front, and a value of another meaning.
changed=$(mktemp -d)
trap 'rm -rf "$changed"' EXIT
cp -R include/. "$changed"
sed -i 's/^struct paclient_range {/&\n\tuint64_t region;/; s/^\tPACLIENT_RIGHT_GROW = 1 << 4,/\tPACLIENT_RIGHT_GROW = 1 << 7,/' "$changed/paclient.h"
out=$(python3 tests/lint/abi.py "$cc" "$changed" "$build/lib/libpaclient.so" "$description" || true)
for wanted in 'broken: struct paclient_range was: 16; is now: 24' 'broken: member paclient_range.addr was: 0 uint64_t; is now: 8 uint64_t' \
	'broken: enum paclient_right.PACLIENT_RIGHT_GROW was: 16; is now: 128'; do
	grep -qxF "$wanted" <<<"$out" || fault "a changed header: wanted \"$wanted\", got: $out"
done
verdict
