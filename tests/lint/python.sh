#!/usr/bin/env bash
# python - the Python module is typed to the last, says what each of its parts does, and has all of the C interface as the headers declare it
#
#   python.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
export PYTHONDONTWRITEBYTECODE=1
cc=$(sed -nE 's/^CMAKE_C_COMPILER:[A-Z]+=//p' "$build/CMakeCache.txt")
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

drift() {
	PACLIENT_LIBRARY=$build/lib/libpaclient.so.0 PYTHONPATH=client/python python3 tests/lint/python_drift.py "$cc" "$1"
}
drift include || fault "client/python differs from the headers"

# It finds what is not there, and what is different: each is a header of its own kind of change.
mkdir "$cache/include"
while IFS='|' read -r wanted change; do
	cp -R include/. "$cache/include"
	sed -i "$change" "$cache"/include/paclient.h "$cache"/include/paclient/*.h
	out=$(drift "$cache/include" || true)
	grep -qF "$wanted" <<<"$out" || fault "a changed header ($change): wanted \"$wanted\", got: $out"
done <<'CHANGES'
paclient_new: no such function in the module|s/^PACLIENT_API const char \*paclient_version(void);/&\nPACLIENT_API int paclient_new(void);/
struct paclient_freed: no member more|s/^\tuint64_t shared_npages; .*/&\n\tuint64_t more;/
enum paclient_edge: no member PACLIENT_OUTER|s/^\tPACLIENT_LOWER = 1 .*/\tPACLIENT_LOWER = 1,\n\tPACLIENT_OUTER = 2/
paclient_commit_name: is (c_int)|s/paclient_commit_name(int commit)/paclient_commit_name(unsigned commit)/
PACLIENT_WRITE: is 1, in the header 8|s/^#define PACLIENT_WRITE 1u/#define PACLIENT_WRITE 8u/
struct paclient_range.npages: is c_ulong at 8|s/^\tuint64_t npages;$/\tuint32_t npages;/
CHANGES

if command -v mypy >/dev/null; then
	(cd client/python && mypy --strict --no-error-summary --cache-dir="$cache/mypy" paclient) || fault "mypy --strict has something to say"
	# As a program sees it that uses the module: py.typed is there, and types are what they look like.
	printf 'import paclient\nwith paclient.Client() as c:\n\textent = c.region("r").alloc(1)\n\treveal_type(extent.alloced)\n\treveal_type(extent.map().view)\n\tc.region(3)\n' >"$cache/use.py"
	out=$(MYPYPATH=client/python mypy --strict --cache-dir="$cache/mypy" "$cache/use.py") || true
	for wanted in 'Union[paclient.types.Alloced, None]' 'builtins.memoryview' 'error: Argument 1 to "region" of "Client"' 'Found 1 error'; do
		grep -qF "$wanted" <<<"$out" || fault "a program under mypy: wanted \"$wanted\", got: $out"
	done
else
	echo "mypy is missing: types are not checked"
fi
[[ -e client/python/paclient/py.typed ]] || fault "client/python/paclient/py.typed is missing"
verdict
