#!/usr/bin/env bash
# wire - a client that knows pallocd.proto and proto/README.md alone does all that there is to do, and finds what the page says
#
#   wire.sh BUILD [TEST...]    all tests; or some of them, as unittest names them, without the look at what was left out
set -euo pipefail
build=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
command -v protoc >/dev/null || { echo "skipped: protoc is not installed" && exit 77; }
python=""
for candidate in python3 /usr/bin/python3; do
	if "$candidate" -c 'import google.protobuf' 2>/dev/null; then
		python=$candidate
		break
	fi
done
[[ $python ]] || { echo "skipped: python3-protobuf is not installed" && exit 77; }

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
protoc -I"$top/proto" --python_out="$made" pallocd.proto
export PYTHONDONTWRITEBYTECODE=1 PALLOCD_BUILD=$build PYTHONPATH=$made:$here:$top/tests/e2e
"$python" "$here/run.py" "$@"
