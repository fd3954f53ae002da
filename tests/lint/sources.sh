#!/usr/bin/env bash
# sources - house rules that can be counted: opening comment, length of files and functions, no paths of one machine
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# The opening comment: "/*", " * name - what it is", and a line "Role:" before it ends. The installed header's is for users.
opening() {
	awk -v file="$1" '
		NR == 1 && $0 != "/*" { print file ": does not open with /*"; exit }
		NR == 2 && $0 !~ /^ \* [^ ]+ - ./ { print file ": line 2 is not \" * name - what it is\""; exit }
		/^ \* Role: / { role = 1 }
		/\*\// { if (!role && file !~ /^include\//) print file ": the opening comment has no Role:"; exit }' "$1"
}

# A function is what stands between a "{" and a "}" in the first column. An installed header may be longer: users look
# things up there, nobody reads it at a sitting.
lengths() {
	local lines_max=600
	[[ $1 != include/* ]] || lines_max=1400
	awk -v file="$1" -v lines_max="$lines_max" -v function_max=80 '
		/^[a-z].*\(/ { name = $0 }
		/^\{/ { begin = NR }
		/^\}/ && begin {
			if (NR - begin - 1 > function_max)
				print file ":" begin ": " NR - begin - 1 " lines, at most " function_max ": " name
			begin = 0
		}
		END { if (NR > lines_max) print file ": " NR " lines, at most " lines_max }' "$1"
}

mapfile -t sources < <(files '*.c' '*.h')
for file in "${sources[@]}"; do
	faults < <(opening "$file"; lengths "$file")
done

# Nothing may name a folder that only one machine has. Recorded data is not ours to judge.
mapfile -t all < <(files '*' | grep -v -E '\.(trace|workload)$|^tests/fuzz/corpus/')
faults < <(grep -nIE '(^|[^[:alnum:]_.~$}-])/(home|root|work|mnt|media|Users)/[[:alnum:]]' "${all[@]}" || true)
verdict
