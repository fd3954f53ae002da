#!/usr/bin/env bash
# build - the packages, twice: as the version before, for upgrades, and as what they are
#
#   build.sh BUILD
# shellcheck source=tests/packages/lib.sh
. "$(dirname "$0")/lib.sh"

for tool in dh dpkg-buildpackage; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
rm -rf "$packages/previous"
DEB_BUILD_OPTIONS=noautodbgsym bash "$top/systemd/debian/build.sh" --no-setup --output "$packages" --version 0.0.9 >/dev/null
mkdir "$packages/previous"
mv "$packages"/*.deb "$packages/previous/"
bash "$top/systemd/debian/build.sh" --no-setup --output "$packages" >"$packages/built"

version=$(sed -nE '1s/.*\(([^)]*)\).*/\1/p' "$top/systemd/debian/changelog")
for name in "${names[@]}"; do
	same 1 "$(grep -cF "/${name}_${version}_" "$packages/built")" "build.sh names the package $name"
	same "$version" "$(dpkg-deb -f "$(deb "$name")" Version)" "$name: version"
	same 0.0.9 "$(dpkg-deb -f "$(deb "$name" "$packages/previous")" Version)" "$name: version before"
done
same "$(sed -nE 's/^project\(pallocd VERSION ([0-9.]+) .*/\1/p' "$top/CMakeLists.txt")" "$version" "systemd/debian/changelog: version"

# What is wrong with a call is said.
for args in --what --output --version; do
	status=0
	out=$(bash "$top/systemd/debian/build.sh" "$args" 2>&1) || status=$?
	same 2 "$status" "build.sh $args: exit code"
	has "$out" "^build.sh: .*$args" "build.sh $args"
done
test_end
