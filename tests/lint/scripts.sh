#!/usr/bin/env bash
# scripts - shellcheck has nothing to say about any shell script
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

need shellcheck
mapfile -t scripts < <(files '*.sh' '*.bash' .ci/run)
shellcheck -x "${scripts[@]}"
