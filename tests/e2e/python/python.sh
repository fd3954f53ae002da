#!/usr/bin/env bash
# python - the Python module: as it lies in the sources, against a daemon; and as it is installed
#
#   python.sh BUILD [TEST...]
set -euo pipefail
build=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
command -v python3 >/dev/null || { echo "skipped: python3 is not installed" && exit 77; }
if grep -q '^PALLOCD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
	echo "skipped: a library with a sanitizer cannot be loaded by a program without"
	exit 77
fi

# What is installed is the module, with its types, and nothing that was compiled; it finds the library by its name.
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
for component in libpaclient0 python3-paclient; do
	cmake --install "$build" --prefix "$prefix" --component "$component" >/dev/null
done
folder=$(dirname "$(dirname "$(find "$prefix" -name py.typed)")")
diff -r --exclude=__pycache__ "$top/client/python/paclient" "$folder/paclient"
[[ ! $(find "$prefix" -name '*.pyc') ]]
library=$(find "$prefix" -name 'libpaclient.so.0')
export PYTHONDONTWRITEBYTECODE=1 PALLOCD_BUILD=$build
LD_LIBRARY_PATH=$(dirname "$library") PYTHONPATH=$folder python3 -c 'import paclient; print("installed:", paclient.version())'
out=$(PACLIENT_LIBRARY=none.so PYTHONPATH=$folder python3 -c 'import paclient' 2>&1) && echo "loaded without a library" && exit 1
grep -q 'ImportError: .*none.so.*PACLIENT_LIBRARY' <<<"$out" || { echo "without a library: $out" && exit 1; }

# Warnings are errors: what is not closed is one.
export PYTHONPATH=$top/client/python:$top/tests/e2e PACLIENT_LIBRARY=$build/lib/libpaclient.so.0
cd "$here"
python3 -W error -X dev -m unittest "${@:-test_module}"
