#!/usr/bin/env bash
# proto-doc - numbers, statuses and example bytes in proto/README.md are those of the code; statuses agree with pallocd.proto
#
#   proto-doc.sh BUILD            compare
#   proto-doc.sh BUILD --update   write them into the page
#
# In the page they stand between <!-- generated: NAME --> and <!-- end -->.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
page=proto/README.md
tool=$build/tests/lint/proto_doc

faults < <("$tool" check || true)
made=$(mktemp)
trap 'rm -f "$made"' EXIT
awk -v tool="$tool" '
	/^<!-- generated: / {
		print
		command = tool " " $3
		while ((command | getline line) > 0) print line
		close(command)
		skip = 1
		next
	}
	/^<!-- end -->/ { skip = 0 }
	!skip { print }' "$page" >"$made"
for section in limits statuses examples; do
	grep -q "^<!-- generated: $section -->" "$page" || fault "$page has no generated part $section"
done
if [[ ${2-} == --update ]]; then
	cat "$made" >"$page"
elif ! diff -u "$page" "$made"; then
	fault "$page differs from the code: tests/lint/proto-doc.sh BUILD --update"
fi

# Every verb, every field and every value of the contract is spoken of; what a field is when it says nothing need not be.
while read -r name; do
	grep -qE "(\`[A-Za-z.]*|^### .*)\b$name\b" "$page" || fault "$page does not speak of $name"
done < <(sed -n 's/^message \([A-Za-z]*\) {.*/\1/p; s/^ *\(repeated \)\{0,1\}[A-Za-z0-9]* \([a-z_]*\) = [0-9]*;.*/\2/p; /_NONE = /d; s/^  \([A-Z_]*\) = [0-9]*;.*/\1/p' proto/pallocd.proto | sort -u)
verdict
