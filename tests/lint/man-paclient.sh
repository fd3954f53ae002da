#!/usr/bin/env bash
# man-paclient - paclient(1) has a section for each verb, with its arguments, its options and what these take as the command's help spells them,
# and no other; exit codes and their statuses, variables and JSON keys are those of the code
#
#   man-paclient.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
page=client/cli/paclient.1
paclient=$build/bin/paclient
items=$(python3 tests/lint/man_items.py "$page")

# help_options - the options in a help on standard input, without those of all verbs
help_options() { sed -nE 's/^  (--[a-z-]+(\[=[^ ]*\]| ([A-Z]|[a-z]+\|)[^ ]*)?)( .*|$)/\1/p'; }
# tags SECTION SUBSECTION
tags() { awk -F'\t' -v section="$1" -v sub_="$2" '$1 == section && $2 == sub_ && $3 ~ /^-./ { print $3 }' <<<"$items"; }

global=$("$paclient" --help | sed -n '/^Options/,/^$/p' | help_options)
same_lines "options of $page (<) and of paclient --help (>)" "$(tags OPTIONS -)" "${global/--help/--help, -h}"

# The sections are what the verbs' usage says.
verbs=$("$paclient" --help | sed -nE '/^Verbs/,/^$/s/^  ([a-z]+) .*/\1/p')
usages=
for verb in $verbs; do
	help=$("$paclient" "$verb" --help)
	usage=$(sed -n '1s/^Usage: paclient \[OPTIONS\] //p' <<<"$help")
	usages+=$usage$'\n'
	options=$(help_options <<<"$help" | grep -vxF -e "$global" || true)
	said=$(tags VERBS "$usage")
	[[ -z $options && -z $said ]] || same_lines "options of $verb in $page (<) and in its help (>)" "$said" "$options"
done
same_lines "sections of $page (<) and usages of the verbs (>)" "$(awk -F'\t' '$1 == "VERBS" && $2 != "-" { print $2 }' <<<"$items")" "${usages%$'\n'}"

# Exit codes: "CODE STATUS" in the page and in the library's table. USAGE is the command's own.
said=$(awk -F'\t' '$1 == "EXIT STATUS" && $3 ~ /^[0-9]$/ { print $3 "\t" $4 }' <<<"$items" |
	while IFS=$'\t' read -r code text; do grep -oE '\b[A-Z][A-Z_]{3,}\b' <<<"$text" | sed "s/^/$code /"; done)
known=$(sed -nE 's/^\tX\(([1-9][0-9]*), ([A-Z_]+), ([0-9]+),.*/\3 \2/p' proto/status.h)
same_lines "exit codes of $page (<) and of proto/status.h (>)" "$said" "$known"$'\n2 USAGE'

# Variables.
known=$(files 'client/cli/*.c' | xargs grep -ohE 'getenv\("[A-Z_]+"' | grep -oE '[A-Z_]{2,}')
said=$(awk -F'\t' '$1 == "ENVIRONMENT" { print $3 }' <<<"$items" | grep -oE '[A-Z_0-9]{4,}')
while read -r name; do
	[[ $name == PACLIENT_* ]] || grep -qxF "$name" <<<"$known" || fault "$page: no program asks for $name"
	# Those that exec sets are made of PREFIX and an ending.
	[[ $name != PACLIENT_* ]] || grep -qE "\"(${name}|_?${name#PACLIENT_}|_?${name##*_})\"" client/cli/*.c || fault "$page: nobody sets or asks for $name"
done <<<"$said"
while read -r name; do
	grep -qxF "$name" <<<"$said" || fault "$page does not name the variable $name"
done <<<"$known"

# Names with an underscore in lower case are keys of JSON, or counters: the command must know them.
words client/cli/*.c
while read -r name; do
	counter=${name#pallocd_}
	[[ -v word[${counter%_total}] ]] || grep -qF "\"$name\"" client/cli/*.c || fault "$page names $name, which client/cli does not"
done < <(sed 's/\\-/-/g' "$page" | grep -oE '\b[a-z]+(_[a-z]+)+\b' | sort -u)

# Kinds of events and strategies, as completion offers them.
for option in watch\ --kind alloc\ --strategy; do
	read -r verb option <<<"$option"
	words=$("$paclient" completion words -- "$verb" "$option" "" | sed 1d | cut -f1)
	[[ $words ]] || fault "paclient $verb $option: no words"
	text=$(awk -F'\t' -v verb="$verb" '$2 ~ "^" verb "( |$)"' <<<"$items")
	for word in $words; do
		grep -qE "(^|[^a-z-])$word([^a-z-]|$)" <<<"$text" || fault "$page: $verb does not name $word of $option"
	done
done

# Defaults that are numbers.
timeout=$(sed -n 's/^#define PACLIENT_DEFAULT_TIMEOUT_MS //p' include/paclient.h)
grep -qE $'\t--timeout DURATION\t.* '$((timeout / 1000))'s \(the default\)' <<<"$items" || fault "$page: the default of --timeout is $timeout ms"
grep -qF "$(sed -n 's/^#define PACLIENT_DEFAULT_SOCKET "\(.*\)"/\1/p' include/paclient.h)" <<<"$items" || fault "$page does not name the default socket"
grep -qE $'\t--lines N\t.*default '"$(sed -nE 's/^#define LINES_DEFAULT ([0-9]+)u?.*/\1/p' client/cli/cmd_map.c)"'\.' <<<"$items" || fault "$page: the default of --lines is another"
grep -q "At most $(sed -nE 's/^#define PALLOCD_NAME_BYTES_MAX ([0-9]+)u/\1/p' proto/limits.h) bytes" <<<"$items" || fault "$page: a name's length is another"
grep -q "at most $(sed -nE 's/^#define PALLOCD_LABEL_BYTES_MAX ([0-9]+)u/\1/p' proto/limits.h) bytes" <<<"$items" || fault "$page: a label's length is another"
grep -q "at most $(sed -nE 's/^#define PALLOCD_MAP_CELLS_MAX ([0-9]+)u/\1/p' proto/limits.h) cells" <<<"$items" || fault "$page: a map's cells are others"
grep -q "up to $(sed -nE 's/^#define TEXTS_MAX ([0-9]+)/\1/p' client/cli/cli.h) times" <<<"$items" || fault "$page: --share may come so often no longer"
verdict
