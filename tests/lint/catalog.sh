#!/usr/bin/env bash
# catalog - the lines with a number: each is written by somebody, and explained in systemd/pallocd.catalog, and there are no others
#
# And what is explained is put into words with fields that lines have.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
table=daemon/base/log_id.h
catalog=systemd/pallocd.catalog

ids=$(sed -n 's/^\tX(\([A-Z_]*\), [A-Z]*, "\([0-9a-f]*\)").*/\2 \1/p' "$table" | sort)
[[ $ids ]] || fault "$table: no rows are found"
explained=$(awk '/^# [A-Z_]+$/ { name = $2 } /^-- / { print $2, name }' "$catalog" | sort)
faults < <(comm -23 <(echo "$ids") <(echo "$explained") | sed "s|^|$catalog does not explain |")
faults < <(comm -13 <(echo "$ids") <(echo "$explained") | sed "s|^|$table has not |")
faults < <(cut -d' ' -f1 <<<"$ids" | uniq -d | sed "s|^|$table: twice: |")

mapfile -t sources < <(files 'daemon/*.c' | grep -v '^daemon/base/log')
written=$(grep -ohE 'LOG_ID_[A-Z_]+' "${sources[@]}" | sed 's/^LOG_ID_//; /^NONE$/d' | sort -u)
faults < <(comm -23 <(cut -d' ' -f2 <<<"$ids" | sort) <(echo "$written") | sed "s|^|nothing writes a line |")

# An entry has a subject of one line that fits a terminal, and a text; substitutions are of fields that there are.
fields=$(grep -oE '"(PALLOCD_[A-Z]+|ERRNO)"' "$table" | tr -d '"')
while read -r field; do
	grep -qx "$field" <<<"$fields" || fault "$catalog: @$field@ is no field of $table"
done < <(grep -oE '@[A-Z_]+@' "$catalog" | tr -d @ | sort -u)
faults < <(awk -v file="$catalog" '
	/^-- / { if (id && (!subject || !text)) print file ": " id " has no subject or no text"; id = $2; subject = text = 0; next }
	/^Subject: / { subject = 1; next }
	/^$/ { body = 1; next }
	/^#/ { body = 0; next }
	id && body { text = 1 }
	length($0) > 100 && !/^#/ { print file ":" FNR ": longer than 100 characters" }
	END { if (!subject || !text) print file ": " id " has no subject or no text" }' "$catalog")

# What it tells people to change is a key of the configuration or of the unit.
while read -r key; do
	grep -qE "\"$key\"" daemon/service/config*.c || grep -qE "^$key=" systemd/*.service* || fault "$catalog: nothing has a key $key="
done < <(grep -v '^#' "$catalog" | grep -oE '\b[A-Z][A-Za-z]+=' | tr -d = | grep -vE '^(PALLOCD|CONFIG)' | sort -u)
verdict
