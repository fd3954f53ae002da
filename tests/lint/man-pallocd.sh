#!/usr/bin/env bash
# man-pallocd - pallocd(8) has each option of the program, each exit code and each variable that it reads, and no other
#
#   man-pallocd.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
page=daemon/service/pallocd.8
items=$(python3 tests/lint/man_items.py "$page")
help=$("$build/bin/pallocd" --help)

# tags SECTION - its tags, one a line
tags() { awk -F'\t' -v section="$1" '$1 == section && $3 != "-" { print $3 }' <<<"$items"; }

# An option and what it takes, as the help spells it.
same_lines "options of $page (<) and of pallocd --help (>)" \
	"$(tags OPTIONS)" "$(sed -nE 's/^  (--help), (--version)$/\1\n\2/p; t; s/^  (--[a-z-]+( [^ ]+)?)(  .*|$)/\1/p' <<<"$help")"
same_lines "exit codes of $page (<) and of pallocd --help (>)" "$(tags "EXIT STATUS")" \
	"$(sed -n '/^exit codes:/,$p' <<<"$help" | grep -oE '\b[0-9]+ [a-z]' | cut -d' ' -f1)"

# What an option is as a key it is for the daemon.
declare -A try=([PATH]=/x [DIR]=/x [MODE]=0600 [N]=5 [TIME]=5s [LEVEL]=info)
nkeys=0
while IFS=$'\t' read -r _ _ tag text; do
	[[ $text == [A-Z]*=:* ]] || continue
	option=${tag%% *}
	value=${try[${tag#* }]-}
	nkeys=$((nkeys + 1))
	"$build/bin/pallocd" --builtin-config "$option" "$value" --print-config | grep -xF -A1 -e "# $option" | grep -qxF "${text%%=:*}=$value" ||
		fault "$page: $tag is not ${text%%=:*}="
done <<<"$items"
((nkeys >= 7)) || fault "$page names $nkeys keys for options only"

# Variables: what the sources ask for, and what libsystemd does for them.
asked=$(files 'daemon/*.c' | xargs grep -ohE '(getenv|from_manager)\("[A-Z_]+"' | grep -oE '[A-Z_]{2,}' | sort -u)
asked+=$'\nLISTEN_FDS\nLISTEN_FDNAMES\nLISTEN_PID\nWATCHDOG_USEC\nWATCHDOG_PID'
same_lines "variables of $page (<) and of the code (>)" "$(tags ENVIRONMENT | sed 's/, /\n/g')" "$asked"

# Fields of the journal.
same_lines "fields of $page (<) and of the code (>)" "$(grep -oE '\bPALLOCD_[A-Z]+' "$page")" \
	"$(files 'daemon/base/log*.h' 'daemon/service/journald.c' | xargs grep -ohE '"PALLOCD_[A-Z]+"' | tr -d '"')"

# What a reload refuses.
same_lines "keys that a reload refuses, in $page (<) and daemon/service/config_diff.c (>)" \
	"$(awk -F'\t' '$3 == "SIGHUP" { print $4 }' <<<"$items" | grep -oE '\b[A-Z][A-Za-z]+=' | tr -d =)" \
	"$(sed -n '/frozen_daemon\[\]/,/^};/s/^\t{"\([A-Za-z]*\)", .*/\1/p' daemon/service/config_diff.c)"

# Files that are named are those that are compiled in, or the units'.
while read -r path; do
	grep -qxF ".I $path" "$page" || fault "$page does not name $path among its files"
done < <(sed -nE 's/^#define CONFIG_(SOCKET|FILE)_DEFAULT "(.*)"/\2/p' daemon/service/config.h)
verdict
