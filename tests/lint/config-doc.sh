#!/usr/bin/env bash
# config-doc - pallocd.conf(5) and pallocd.region(5) describe each key that there is, with its values, its default and in an example that
# the daemon takes, and no other; pallocd --help names each key of --region, and README.md no key that is none
#
#   config-doc.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
pallocd=$build/bin/pallocd
help=$("$pallocd" --help)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# What the daemon says of itself: the defaults as a file would say them, of a region without memory and of one with.
declare -A defaults=()
key=
while read -r line; do
	case $line in
	'# default') key=next ;;
	[A-Z]*=*)
		[[ $key != next ]] || defaults[${line%%=*}]=${line#*=}
		key=
		;;
	esac
done < <("$pallocd" --print-config --region a,limit=1M && "$pallocd" --print-config --region a,limit=1M,backing=memfd)
((${#defaults[@]} > 20)) || fault "pallocd --print-config tells ${#defaults[@]} defaults only"

# takes PAGE KEY VALUE - the daemon takes it, with what else it needs
takes() {
	local needs
	for needs in '' 'Backing = memfd' 'File = /x' $'Death = quarantine\nQuarantine = 1s' 'Quarantine = 1s'; do
		if [[ $1 == *.conf.5 ]]; then
			printf '[Daemon]\n%s = %s\n[Region a]\nLimit = 1G\n' "$2" "$3"
		elif [[ $needs == *"$2 = "* && $needs == *$'\n'* ]]; then
			continue
		else
			printf '[Region a]\n%s\n%s\n%s = %s\n' "$needs" "$([[ $2 == Limit ]] || echo Limit = 1G)" "$2" "$3"
		fi >"$dir/try.conf"
		! "$pallocd" --print-config --config "$dir/try.conf" >/dev/null 2>&1 || return 0
	done
	return 1
}

# example PAGE - its example, which is what stands between .EX and .EE, as files of a configuration in $dir
example() {
	rm -rf "$dir/regions.d" "$dir/pallocd.conf"
	mkdir "$dir/regions.d"
	: >"$dir/pallocd.conf"
	awk -v dir="$dir" '
		/^\.SS .*\.region$/ { n = split($2, part, "/"); to = dir "/regions.d/" part[n] }
		/^\.EX/ { if (!to) to = dir "/pallocd.conf"; inside = 1; next }
		/^\.EE/ { inside = 0 }
		inside { gsub(/\\-/, "-"); print >to }' "$1"
}

# page PAGE - compare it with the keys on standard input: "KEY OPTION COMPUTED-DEFAULT" or "KEY times N"
page() {
	local page=$1 items key option computed tag text said value known=" "
	items=$(python3 tests/lint/man_items.py "$page" | awk -F'\t' '$3 ~ /^[A-Z][A-Za-z]*=/')
	example "$page"
	"$pallocd" --print-config --config "$dir/pallocd.conf" >/dev/null 2>"$dir/err" || fault "$page: its example is refused: $(<"$dir/err")"
	while read -r key option computed; do
		IFS=$'\t' read -r _ _ tag text < <(grep -F $'\t'"$key=" <<<"$items") || { fault "$page does not describe $key" && continue; }
		if [[ $option == times ]]; then
			[[ $text == *"May come $computed times."* ]] || fault "$page: $key may come $computed times; it says: $text"
			continue
		fi
		known+="$key "
		said=${text##*Default: }
		said=${said%.}
		[[ $text == *"Default: "*. ]] || fault "$page: $key has no default at its end"
		[[ ! -v defaults[$key] || ${defaults[$key]} == "$said" ]] || fault "$page: the default of $key is ${defaults[$key]}, not $said"
		[[ $computed == - || $computed == "$said" ]] || fault "$page: what $key is by itself is $computed, not $said"
		# Words that are values are taken; so is the default.
		for value in $(grep -oE '[^|]+' <<<"${tag#*=}") ${defaults[$key]-}; do
			[[ $value =~ ^([a-z]+|[0-9]+[A-Z])$ ]] || continue
			takes "$page" "$key" "$value" || fault "$page: $key=$value is refused"
		done
		grep -rqs "^$key = " "$dir/pallocd.conf" "$dir/regions.d" || fault "$page shows no example of $key"
		# In --region it is the same in lower case, with hyphens between the words.
		[[ $option != - ]] || continue
		said=$(sed -E 's/([a-z])([A-Z])/\1-\2/g' <<<"$key")
		[[ ${said,,} == "$option" ]] || fault "$key is spelled $option in --region: the page says how it is made"
		[[ $help == *"$option="* ]] || fault "pallocd --help does not name $option="
	done
	while IFS=$'\t' read -r _ _ tag _; do
		[[ $known == *" ${tag%%=*} "* ]] || fault "$page describes ${tag%%=*}, which is no key"
	done <<<"$items"
}

"$build/tests/lint/config_doc" >"$dir/keys"
# The keys of [Daemon] have no spelling in --region.
page daemon/service/pallocd.region.5 < <(awk '$2 != "-"' "$dir/keys" | sed 's/^\([^ ]*\) \([a-z]\)/\1 \2/')
page daemon/service/pallocd.conf.5 < <(awk '$2 == "-"' "$dir/keys")

items=$(python3 tests/lint/man_items.py daemon/service/pallocd.conf.5)
reserved=$(grep -oE 'descriptors - [0-9]+' <<<"$help")
grep -qE $'\tMaxConnections=.*Default: the limit of descriptors less '"${reserved##* }\\.\$" <<<"$items" ||
	fault "pallocd.conf(5): the default of MaxConnections is the limit of $reserved"
for variable in RUNTIME_DIRECTORY STATE_DIRECTORY; do
	grep -q "Default: .*\$$variable" <<<"$items" || fault "pallocd.conf(5) does not name $variable"
done

# A line as long as the page says, and one that is longer; a name likewise.
longest=$(sed -nE 's/^A line has ([0-9]+) bytes at the most, its end included\..*/\1/p' daemon/service/pallocd.conf.5)
for n in 0 1; do
	printf '[Region a]\nLimit = 1G\n#%*s\n' $((longest - 2 + n)) '' >"$dir/line.conf"
	[[ $("$pallocd" --print-config --config "$dir/line.conf" >/dev/null 2>&1 && echo 0 || echo 1) == "$n" ]] ||
		fault "pallocd.conf(5): a line of $((longest + n)) bytes is$([[ $n == 1 ]] || echo " not") taken"
done
longest=$(sed -nE "s/.* the region's name, 1 to ([0-9]+) characters\..*/\1/p" daemon/service/pallocd.region.5)
for n in 0 1; do
	name=$(printf '%*s' $((longest + n)) '')
	[[ $("$pallocd" --print-config --region "${name// /x},limit=1G" >/dev/null 2>&1 && echo 0 || echo 1) == "$n" ]] ||
		fault "pallocd.region(5): a name of ${#name} characters is$([[ $n == 1 ]] || echo " not") taken"
done

# Rights are those that the daemon names where one is wrong.
known=$({ "$pallocd" --print-config --region a,limit=1M,allow=root:no-right 2>&1 || true; } | sed -n "s/.*is no right: use //p" | sed 's/, \| or /\n/g')
same_lines "rights of pallocd.region(5) (<) and of the daemon (>)" \
	"$(python3 tests/lint/man_items.py daemon/service/pallocd.region.5 | awk -F'\t' '$2 == "Rights" && $3 != "-" { print $3 }')" "$known"

# What a reload refuses.
same_lines "keys that a reload refuses, in pallocd.region(5) (<) and daemon/service/config_diff.c (>)" \
	"$(python3 tests/lint/man_items.py daemon/service/pallocd.region.5 | awk -F'\t' '$1 == "CHANGES"' |
		grep -oE 'goes on: .*=\.' | sed 's/\. .*//' | grep -oE '\b[A-Z][A-Za-z]+=' | tr -d =)" \
	"$(sed -n '/ frozen\[\]/,/^};/s/^\t{"\([A-Za-z]*\)", .*/\1/p' daemon/service/config_diff.c)"

# README.md tells the short story only, but no wrong one.
while read -r key; do
	grep -q "^$key " "$dir/keys" || fault "README.md sets $key, which is no key"
done < <(awk '/^```ini/ { inside = 1 } /^```$/ { inside = 0 } inside' README.md | sed -nE 's/^([A-Z][A-Za-z]*) = .*/\1/p' | sort -u)
verdict
