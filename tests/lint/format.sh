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
# Some files a process: starting it takes longer than looking at one. Of each file its first complaint is enough.
faults < <(files '*.c' '*.h' | xargs -P 2 -n 25 clang-format --dry-run --Werror 2>&1 |
	sed -n 's|^\([^: ]*\):[0-9]*:[0-9]*: error: .*|\1: not formatted (clang-format -i \1)|p' | sort -u)
verdict
