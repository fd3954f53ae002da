#!/usr/bin/env bash
# valgrind - a unit test under valgrind: fails if it fails, and if it uses what is not its own or was never written
#
#   valgrind.sh PROGRAM
#
# Cases fork, and a child that is killed leaks what it had: leaks are for the sanitizer build, and are not looked for here.
set -euo pipefail
if ! command -v valgrind >/dev/null; then
	echo "skipped: valgrind is not installed"
	exit 77
fi
# It wants the C library's symbols (Debian: libc6-dbg).
if ! why=$(valgrind -q true 2>&1); then
	printf '%s\n' "skipped: valgrind does not run here" "$why"
	exit 77
fi
# A hang shall be found, slowness is expected.
export CK_TIMEOUT_MULTIPLIER=20 UNDER_VALGRIND=1
exec valgrind -q --error-exitcode=99 --leak-check=no "$1"
