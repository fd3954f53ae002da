#!/usr/bin/env bash
# lintian - Debian's own check of packages finds no errors; its warnings are shown
#
#   lintian.sh BUILD
# shellcheck source=tests/packages/lib.sh
. "$(dirname "$0")/lib.sh"

command -v lintian >/dev/null || skip "lintian is not installed"
deb pallocd >/dev/null
status=0
out=$(lintian --allow-root --fail-on error "$packages"/*.changes 2>&1) || status=$?
[[ ! $out ]] || printf '%s\n' "$out"
same 0 "$status" "lintian: exit code"
lacks "$out" '^E: ' "lintian: errors"

# It does find errors: a package that lacks what each must have.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
dpkg-deb -R "$(deb paclient)" "$dir/tree"
rm -r "$dir/tree/usr/share/doc"
dpkg-deb --root-owner-group -b "$dir/tree" "$dir/paclient_0_all.deb" >/dev/null
status=0
out=$(lintian --allow-root --fail-on error "$dir/paclient_0_all.deb" 2>&1) || status=$?
has "$out" '^E: paclient: no-copyright-file' "lintian finds what is wrong"
same 2 "$status" "lintian finds what is wrong: exit code"
test_end
