#!/usr/bin/env bash
# catalog - the message catalog as it is installed: systemd takes it as it is, and explains each number of the code by it
#
#   catalog.sh BUILD
set -euo pipefail
build=$1
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
command -v journalctl >/dev/null || { echo "skipped: journalctl is not installed" && exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
	echo "FAILED: $*"
	exit 1
}

DESTDIR=$dir cmake --install "$build" --prefix /usr --component pallocd >"$dir/install.log" 2>&1 || fail "install: $(<"$dir/install.log")"
[[ -f $dir/usr/lib/systemd/catalog/pallocd.catalog ]] || fail "lib/systemd/catalog/pallocd.catalog is not installed with the component pallocd"

# What it cannot read it complains of, and takes the rest.
journalctl --root "$dir" --update-catalog >"$dir/out" 2>&1 || fail "journalctl --update-catalog: $(<"$dir/out")"
[[ ! -s $dir/out ]] || fail "journalctl --update-catalog says: $(<"$dir/out")"

ids=$(sed -n 's/^\tX([A-Z_]*, [A-Z]*, "\([0-9a-f]*\)").*/\1/p' "$top/daemon/base/log_id.h" | sort)
[[ $(wc -l <<<"$ids") -ge 20 ]] || fail "log_id.h has few numbers: $ids"
listed=$(journalctl --root "$dir" --list-catalog | awk '$2 == "pallocd:" { print $1 }' | sort)
[[ $listed == "$ids" ]] || fail "journalctl --list-catalog and log_id.h differ: $(diff <(echo "$listed") <(echo "$ids"))"
while read -r id; do
	text=$(journalctl --root "$dir" --dump-catalog "$id")
	grep -q '^Subject: .' <<<"$text" || fail "$id has no subject: $text"
	[[ $(sed '1,/^$/d' <<<"$text" | wc -w) -ge 5 ]] || fail "$id has no text: $text"
done <<<"$ids"
echo "$(wc -l <<<"$ids") numbers are explained"
