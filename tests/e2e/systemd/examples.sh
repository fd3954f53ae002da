#!/usr/bin/env bash
# examples - what is installed to be copied: the configuration is one, each file says where it belongs, the drop-ins fit the units
#
#   examples.sh BUILD
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
examples=$top/systemd/examples
out=$(mktemp)
trap 'rm -f "$out"' EXIT
fail() {
	printf '%s\n' "$@"
	exit 1
}

# Wherever this runs: a region that cannot be had on this host is no mistake, and is not the end of the others.
"$build/bin/pallocd" --check-config --config "$examples/pallocd.conf" >"$out" 2>&1 || fail "$(<"$out")"
"$build/bin/pallocd" --print-config --config "$examples/pallocd.conf" >"$out" 2>/dev/null
for region in "$examples"/regions.d/*.region; do
	grep -q "$(basename "$region" .region)" "$out" ||
		fail "$region is not in --print-config"
done

while IFS= read -r file; do
	at=${file#"$examples/"}
	case $at in
	pallocd.conf | regions.d/*) at=/etc/pallocd/$at ;;
	*) at=/etc/systemd/system/$at ;;
	esac
	head -n 1 "$file" | grep >/dev/null -F "$at" || fail "$file: the first line does not say that it belongs to $at"
done < <(find "$examples" -type f)
