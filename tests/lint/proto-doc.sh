#!/usr/bin/env bash
# proto-doc - numbers, statuses and example bytes in proto/README.md, numbers and statuses in pallocd-protocol(7) are those of the code, and none is
# missing; verbs and features are those of pallocd.proto, and its statuses those of status.h
#
#   proto-doc.sh BUILD            compare
#   proto-doc.sh BUILD --update   write them into the pages
#
# In README.md they stand between <!-- generated: NAME --> and <!-- end -->, in the manual page between .\" generated: NAME and .\" end.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
readme=proto/README.md
manual=proto/pallocd-protocol.7
tool=$build/tests/lint/proto_doc

faults < <("$tool" check || true)
made=$(mktemp)
trap 'rm -f "$made"' EXIT

# made_parts PAGE HOW SECTION... - the page's generated parts
made_parts() {
	local page=$1 how=$2 section
	shift 2
	awk -v tool="$tool" -v how="$how" '
		/^(<!--|\.\\") generated: / {
			print
			command = tool " " $3 " " how
			while ((command | getline line) > 0) print line
			close(command)
			skip = 1
			next
		}
		/^(<!--|\.\\") end/ { skip = 0 }
		!skip { print }' "$page" >"$made"
	for section; do
		grep -qE "^(<!--|\.\\\\\") generated: $section" "$page" || fault "$page has no generated part $section"
	done
	if [[ $mode == --update ]]; then
		cat "$made" >"$page"
	elif ! diff -u "$page" "$made"; then
		fault "$page differs from the code: tests/lint/proto-doc.sh BUILD --update"
	fi
}
mode=${2-}
made_parts "$readme" "" limits statuses examples
made_parts "$manual" man limits statuses

# Each number of the contract is in the tables.
words < <(grep -oE '^\s*\{?\w+|\{\w+,' tests/lint/proto_doc.c)
while read -r name; do
	[[ -v word[$name] ]] || fault "no page states $name of proto/limits.h"
done < <(sed -n 's/^#define \(PALLOCD_[A-Z_]*\) .*/\1/p' proto/limits.h)

# Every verb, every field and every value of the contract is spoken of; what a field is when it says nothing need not be.
words < <(grep -oE '`[A-Za-z.]*\b\w+' "$readme" && grep '^### ' "$readme")
while read -r name; do
	[[ -v word[$name] ]] || fault "$readme does not speak of $name"
done < <(sed -n 's/^message \([A-Za-z]*\) {.*/\1/p; s/^ *\(repeated \)\{0,1\}[A-Za-z0-9]* \([a-z_]*\) = [0-9]*;.*/\2/p; /_NONE = /d; s/^  \([A-Z_]*\) = [0-9]*;.*/\1/p' proto/pallocd.proto | sort -u)

# The manual page has each verb, each feature, and whatever else it names is there, too.
items=$(python3 tests/lint/man_items.py "$manual")
same_lines "verbs of $manual (<) and of pallocd.proto (>)" "$(awk -F'\t' '$1 == "VERBS" && $3 != "-" { print $3 }' <<<"$items")" "$("$tool" verbs)"
same_lines "features of $manual (<) and of pallocd.proto (>)" "$(grep -oE 'FEATURE_[A-Z]+' "$manual")" \
	"$(grep -oE '^  FEATURE_[A-Z]+' proto/pallocd.proto | tr -d ' ' | grep -v _NONE)"
words proto/pallocd.proto proto/status.h
while read -r name; do
	[[ -v word[$name] ]] || fault "$manual names $name, which the contract does not"
done < <(cut -f4 <<<"$items" | grep -oE '\b([a-z]+(_[a-z]+)+|[A-Z]+(_[A-Z]+)+)\b' | grep -vx SCM_RIGHTS | sort -u)
grep -qE "length in bytes as $(sed -nE 's/^#define PALLOCD_FRAME_HEADER_BYTES ([0-9]+)u/\1/p' proto/limits.h) bytes, little endian" <<<"$items" ||
	fault "$manual: a frame's length has other bytes"
verdict
