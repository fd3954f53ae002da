#!/usr/bin/env bash
# sources - house rules that can be counted: opening comment, length of files and functions, no paths of one machine
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# The opening comment: "/*", " * name - what it is", and a line "Role:" before it ends. The installed header's is for users.
opening() {
	awk '
		FNR == 1 { role = 0 }
		FNR == 1 && $0 != "/*" { print FILENAME ": does not open with /*"; nextfile }
		FNR == 2 && $0 !~ /^ \* [^ ]+ - ./ { print FILENAME ": line 2 is not \" * name - what it is\""; nextfile }
		/^ \* Role: / { role = 1 }
		/\*\// {
			if (!role && FILENAME !~ /^include\//) print FILENAME ": the opening comment has no Role:"
			nextfile
		}' "$@"
}

# A function is what stands between a "{" and a "}" in the first column. An installed header may be longer: users look
# things up there, nobody reads it at a sitting.
lengths() {
	awk -v function_max=80 '
		function file_ends() {
			lines_max = file ~ /^include\// ? 1400 : 600
			if (lines > lines_max) print file ": " lines " lines, at most " lines_max
		}
		FNR == 1 { file_ends(); file = FILENAME; begin = 0 }
		{ lines = FNR }
		/^[a-z].*\(/ { name = $0 }
		/^\{/ { begin = FNR }
		/^\}/ && begin {
			if (FNR - begin - 1 > function_max)
				print file ":" begin ": " FNR - begin - 1 " lines, at most " function_max ": " name
			begin = 0
		}
		END { file_ends() }' "$@"
}

mapfile -t sources < <(files '*.c' '*.h')
faults < <(opening "${sources[@]}"; lengths "${sources[@]}")

# Nothing may name a folder that only one machine has. Recorded data is not ours to judge.
mapfile -t all < <(files '*' | grep -v -E '\.(trace|workload)$|^tests/fuzz/corpus/')
faults < <(grep -nIE '(^|[^[:alnum:]_.~$}-])/(home|root|work|mnt|media|Users)/[[:alnum:]]' "${all[@]}" || true)
verdict
