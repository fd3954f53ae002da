#!/usr/bin/env bash
# man-libpaclient - libpaclient(3) has each function of the public headers, declared as there, and says something of it; whatever else it
# names is there, too; statuses and defaults are those of the headers
#
#   man-libpaclient.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
page=client/lib/libpaclient.3
headers=(include/paclient.h include/paclient/*.h)
items=$(python3 tests/lint/man_items.py "$page")
text=$(cut -f4 <<<"$items")

# Declarations, one a line: blanks count for nothing, and what a compiler only is told neither.
declared=$(sed -E '/^#/d; s|/\*.*\*/||' "${headers[@]}" | tr '\n' ' ' | sed 's/PACLIENT_API/\n&/g' | sed -nE 's/^PACLIENT_API ([^;]*);.*/\1/p' |
	sed -E 's/PACLIENT_MUST_CHECK//; s/[[:space:]]+/ /g; s/^ //; s/ ?([(),*]) ?/\1/g')
shown=$(awk -F'\t' '$1 == "SYNOPSIS" { print $4 }' <<<"$items" | grep -oE '(int|void|bool|uint64_t|size_t|const char \*|const uint64_t \*|struct paclient_call \*) ?paclient_[^;]*;' |
	sed -E 's/;//; s/[[:space:]]+/ /g; s/ ?([(),*]) ?/\1/g')
same_lines "declarations of $page (<) and of the headers (>)" "$shown" "$declared"

said=$(awk -F'\t' '$1 != "SYNOPSIS"' <<<"$items")
# Each is spoken of outside of the synopsis.
words <<<"$said"
while read -r name; do
	[[ -v word[$name] ]] || fault "$page says nothing of $name()"
done < <(grep -oE 'paclient_[a-z_]+\(' <<<"$declared" | tr -d '(' | sort -u)

# Whatever looks like a name is one of the headers': functions, types, constants, and members, which have an underscore.
words "${headers[@]}"
while read -r name; do
	[[ -v word[$name] ]] || fault "$page names $name, which no header does"
done < <(grep -oE '\b([a-z]+(_[a-z0-9]+)+|PACLIENT_[A-Z_]+)\b' <<<"$text" | grep -vxE 'u?int(8|32|64)_t|size_t' | sort -u)

# Statuses.
words < <(awk -F'\t' '$1 == "ERRORS"' <<<"$items")
while read -r name; do
	[[ -v word[$name] || -v word[PACLIENT_$name] ]] || fault "$page does not name $name among the errors"
done < <(sed -nE 's/^\tX\(([1-9][0-9]*), ([A-Z_]+),.*/\2/p' proto/status.h)

# Defaults.
timeout=$(sed -n 's/^#define PACLIENT_DEFAULT_TIMEOUT_MS //p' include/paclient.h)
grep -q "default $timeout ms" <<<"$text" || fault "$page: the default of timeout_ms is $timeout"
grep -qF "$(sed -n 's/^#define PACLIENT_DEFAULT_SOCKET "\(.*\)"/\1/p' include/paclient.h)" <<<"$items" || fault "$page does not name the default socket"
verdict
