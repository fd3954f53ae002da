#!/usr/bin/env bash
# build - the Debian packages: pallocd, libpaclient0, libpaclient-dev, paclient and python3-paclient, into build/packages/
#
#   systemd/debian/build.sh [--no-setup] [--output FOLDER] [--version VERSION]
#
#   --no-setup   install nothing, even if a package that is needed is missing
#   --output     into FOLDER; what is compiled there is used again by the next call
#   --version    VERSION instead of the changelog's
#
# What is missing is installed first, as root or through sudo (tests/setup.sh packages). DEBFULLNAME and DEBEMAIL, if set, say who maintains the
# packages. Prints the packages' names. Exit codes: 0 done, 1 not, 2 wrong usage.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)

output=$top/build/packages version='' setup=1
while (($#)); do
	case $1 in
	--no-setup) setup=0 ;;
	--output | --version)
		(($# > 1)) || { echo "build.sh: $1 needs a value" >&2 && exit 2; }
		printf -v "${1#--}" %s "$2"
		shift
		;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
	*) echo "build.sh: unknown argument: $1 (see --help)" >&2 && exit 2 ;;
	esac
	shift
done
((!setup)) || bash "$top/tests/setup.sh" packages
mkdir -p "$output"
output=$(cd "$output" && pwd)

# debhelper wants a folder of sources with debian/ in it. This one has links to the project's, and keeps what was compiled.
source=$output/source
mkdir -p "$source"
find "$source" -mindepth 1 -maxdepth 1 ! -name obj -exec rm -rf {} +
for entry in "$top"/*; do
	case ${entry##*/} in build | obj) continue ;; esac
	ln -s "$entry" "$source/"
done
cp -R "$here" "$source/debian"
rm "$source/debian/build.sh"
cd "$source"
if [[ ${DEBEMAIL:-} ]]; then
	sed -i "s/^Maintainer: .*/Maintainer: ${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>/" debian/control
fi
if [[ $version ]]; then
	maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
	date=$(dpkg-parsechangelog -S Date)
	{
		printf 'pallocd (%s) unstable; urgency=medium\n\n  * Built as version %s.\n\n -- %s  %s\n\n' \
			"$version" "$version" "$maintainer" "$date"
		cat "$here/changelog"
	} >debian/changelog
fi

rm -f "$output"/*.deb "$output"/*.buildinfo "$output"/*.changes
if ! dpkg-buildpackage --build=binary --no-sign --no-pre-clean >"$output/build.log" 2>&1 </dev/null; then
	tail -n 50 "$output/build.log" >&2
	echo "build.sh: the packages were not built; all of it is in $output/build.log" >&2
	exit 1
fi
printf '%s\n' "$output"/*.deb
