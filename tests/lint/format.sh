#!/usr/bin/env bash
# format - all C files are as .clang-format wants them
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

need clang-format
# Other versions break lines differently; Debian 12's is the measure.
if [[ $(clang-format --version) != *"version 14."* ]]; then
	echo "skipped: clang-format is not version 14"
	exit 77
fi
mapfile -t sources < <(files '*.c' '*.h')
for file in "${sources[@]}"; do
	clang-format "$file" | cmp -s - "$file" || fault "$file: not formatted (clang-format -i $file)"
done
verdict
