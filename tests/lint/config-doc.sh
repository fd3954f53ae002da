#!/usr/bin/env bash
# config-doc - README.md describes each key of the configuration that there is, with its default and in an example, and no other;
# pallocd --help names each key of --region
#
#   config-doc.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
page=README.md

# Rows of the two tables: "KEY|OPTION|DEFAULT|WHAT", without backquotes. Their heads name what they list.
# shellcheck disable=SC2016 # the backquotes are the page's
rows() {
	awk -F'|' '
		/^\| key of / { table = 1; next }
		!/^\|/ { table = 0 }
		table && !/^\|-/ {
			for (i = 2; i <= 6; i++) { gsub(/`/, "", $i); gsub(/^ +| +$/, "", $i) }
			print $2 "|" $3 "|" $5 "|" $6
		}' "$page"
}
mapfile -t rows < <(rows)
((${#rows[@]})) || fault "$page has no tables '| key of …'"
help=$("$build/bin/pallocd" --help)

# row KEY - its row
row() {
	local line
	for line in "${rows[@]}"; do
		[[ ${line%%|*} != "$1" ]] || { echo "$line" && return; }
	done
}

known=" "
while read -r key option default; do
	line=$(row "$key")
	IFS='|' read -r _ said_option said_default said_what <<<"$line"
	if [[ $option == times ]]; then
		[[ $said_what == *"may come $default times"* ]] || fault "$page: $key may come $default times; it says: $said_what"
		continue
	fi
	known+="$key "
	[[ $line ]] || { fault "$page has no row for $key" && continue; }
	[[ $option == - || $said_option == "$option" ]] || fault "$page: $key is '$option' in --region, not '$said_option'"
	[[ $default == - || $said_default == "$default" ]] || fault "$page: the default of $key is $default, not $said_default"
	[[ $option == - || $help == *"$option="* ]] || fault "pallocd --help does not name $option="
	# Those whose default nobody changes need no example.
	case $key in Socket | SocketMode | LogLevel) continue ;; esac
	awk '/^```ini/ { inside = 1 } /^```$/ { inside = 0 } inside' "$page" | grep -q "^$key = " ||
		fault "$page shows no example of $key"
done < <("$build/tests/lint/config_doc")
for line in "${rows[@]}"; do
	[[ $known == *" ${line%%|*} "* ]] || fault "$page describes ${line%%|*}, which is no key"
done
verdict
