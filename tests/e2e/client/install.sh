#!/usr/bin/env bash
# install - the installed library is found, linked and used by strangers: pkg-config and CMake, shared and static
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

# cached NAME - a value of the build's configuration
cached() {
	sed -nE "s/^$1:[A-Z]+=//p" "$build/CMakeCache.txt"
}
cc=$(cached CMAKE_C_COMPILER)
flags=(-Wall -Wextra -Werror)
# A sanitized library needs the sanitizer's runtime in the program.
sanitize=$(cached PALLOCD_SANITIZE)
[[ $sanitize != ON ]] || flags+=(-fsanitize=address -fsanitize=undefined)

prefix=$dir/prefix
for component in libpaclient0 libpaclient-dev paclient; do
	cmake --install "$build" --prefix "$prefix" --component "$component" >"$dir/install.log" 2>&1 || {
		cat "$dir/install.log"
		fail "cmake --install --component $component"
	}
done
pc=$(find "$prefix" -name paclient.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=$libdir/pkgconfig
daemon_start --region ddr,limit=4M,initial=4M --region mem,limit=4M,initial=4M,backing=memfd
version=$("$prefix/bin/paclient" --version)
version=${version#paclient }

parts=("$top"/include/paclient/*.h)
for file in "$prefix/include/paclient.h" "${parts[@]/#$top/$prefix}" "$libdir/libpaclient.so" "$libdir/libpaclient.so.${version%%.*}" \
	"$libdir/libpaclient.a" "$prefix/share/man/man1/paclient.1" "$prefix/share/man/man3/libpaclient.3"; do
	nchecks=$((nchecks + 1))
	[[ -e $file ]] || fail "not installed: $file"
done
same "" "$(find "$prefix/include" -type f ! -path "$prefix/include/paclient.h" ! -path "$prefix/include/paclient/*.h")" "headers besides paclient.h and its parts"
same "$version" "$(pkg-config --modversion paclient)" "paclient.pc: version"
same "$prefix" "$(pkg-config --variable=prefix paclient)" "paclient.pc: prefix"

# works PROGRAM WHAT - it runs and does what it should; LD_LIBRARY_PATH is the installed library's
works() {
	local out
	nchecks=$((nchecks + 1))
	out=$(LD_LIBRARY_PATH=$libdir "$1" "$PACLIENT_SOCKET" ddr 2>&1) || fail "$2: exit code $?: $out"
	same "$version NOT_ALLOCATED" "$out" "$2"
	settles 0 ddr
}

# needs PROGRAM YES|NO WHAT - whether it needs libpaclient.so
needs() {
	local got=NO
	! readelf -d "$1" | grep >/dev/null 'NEEDED.*libpaclient' || got=YES
	same "$2" "$got" "$3: needs libpaclient.so"
}

consumer=$here/consumer/consumer.c
read -ra shared < <(pkg-config --cflags --libs paclient)
read -ra static < <(pkg-config --cflags --libs --static paclient)
"$cc" "${flags[@]}" -o "$dir/shared" "$consumer" "${shared[@]}" || fail "pkg-config, shared: does not build"
works "$dir/shared" "pkg-config, shared"
needs "$dir/shared" YES "pkg-config, shared"

# Where a folder with the archive alone comes first, -lpaclient is the archive.
mkdir "$dir/archive"
cp "$libdir/libpaclient.a" "$dir/archive"
"$cc" "${flags[@]}" -o "$dir/static" "$consumer" -L"$dir/archive" "${static[@]}" ||
	fail "pkg-config --static: does not build"
works "$dir/static" "pkg-config --static"
needs "$dir/static" NO "pkg-config --static"
if [[ $sanitize != ON ]]; then
	"$cc" "${flags[@]}" -static -o "$dir/alone" "$consumer" "${static[@]}" || fail "cc -static: does not build"
	works "$dir/alone" "cc -static"
	same "" "$(readelf -d "$dir/alone" | grep NEEDED)" "cc -static: libraries"
else
	echo "sanitized: a program cannot be linked with -static, that is left out"
fi

cmake -G Ninja -S "$here/consumer" -B "$dir/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_C_FLAGS="${flags[*]}" >"$dir/cmake.log" 2>&1
if ! cmake --build "$dir/cmake" >>"$dir/cmake.log" 2>&1; then
	cat "$dir/cmake.log"
	fail "find_package(paclient): does not build"
fi
works "$dir/cmake/consumer-shared" "paclient::paclient"
needs "$dir/cmake/consumer-shared" YES "paclient::paclient"
works "$dir/cmake/consumer-static" "paclient::paclient-static"
needs "$dir/cmake/consumer-static" NO "paclient::paclient-static"

# The examples, by somebody who has nothing but the package; and no part of the header goes without the whole.
for example in producer consumer; do
	nchecks=$((nchecks + 1))
	"$cc" "${flags[@]}" -o "$dir/$example" "$top/client/examples/$example.c" "${shared[@]}" || fail "client/examples/$example.c does not build"
	has "$(LD_LIBRARY_PATH=$libdir "$dir/$example" 2>&1)" '^usage: ' "$example"
done
for part in "$prefix"/include/paclient/*.h; do
	part=paclient/${part##*/}
	nchecks=$((nchecks + 1))
	grep -qF "#include \"$part\"" "$prefix/include/paclient.h" || fail "paclient.h does not include $part"
	has "$(echo "#include <$part>" | "$cc" -I"$prefix/include" -fsyntax-only -xc - 2>&1)" 'include <paclient.h>' "$part alone"
done

# What the library shows is what the header declares.
shown=$(nm -D --defined-only "$libdir/libpaclient.so" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' | sort)
declared=$(cat "$prefix/include/paclient.h" "$prefix"/include/paclient/*.h | tr '\n' ' ' | sed 's/PACLIENT_API/\n&/g' |
	sed -nE 's/^PACLIENT_API [^(]*[ *](paclient_[a-z_]+)\(.*/\1/p' | sort)
same "$declared" "$shown" "symbols of libpaclient.so"
has "$(readelf -d "$libdir/libpaclient.so")" "SONAME.*\[libpaclient\.so\.${version%%.*}\]" "soname"
# C++ of every kind that is in use: the header as it is, each of its parts behind it, and twice; and the example, which runs.
cxx=()
for compiler in g++ clang++; do
	if command -v "$compiler" >/dev/null; then
		cxx+=("$compiler")
	else
		echo "$compiler is missing: the header is not tried with it"
	fi
done
# Without -Wshadow: as in stat(2), a function and its struct may have the same name.
pedantic=(-Wall -Wextra -Wold-style-cast -Wzero-as-null-pointer-constant -Wcast-qual -pedantic -Werror)
for compiler in "${cxx[@]}"; do
	for std in c++11 c++17 c++20; do
		nchecks=$((nchecks + 1))
		"$compiler" -std=$std "${pedantic[@]}" -I"$prefix/include" -fsyntax-only "$here/consumer/header.cc" ||
			fail "paclient.h is not clean under $compiler -std=$std"
		for part in "$prefix"/include/paclient/*.h; do
			nchecks=$((nchecks + 1))
			printf '#include <paclient.h>\n#include <paclient/%s>\n' "${part##*/}" "${part##*/}" |
				"$compiler" -std=$std "${pedantic[@]}" -I"$prefix/include" -fsyntax-only -xc++ - ||
				fail "paclient/${part##*/} is not clean under $compiler -std=$std"
		done
	done
	nchecks=$((nchecks + 1))
	if "$compiler" -std=c++11 "${pedantic[@]}" "${flags[@]}" -o "$dir/raii" "$top/client/examples/raii.cc" "${shared[@]}"; then
		same $'read: hello from C++\nheld: 16\nrefused: NO_SPACE\nheld: 0' "$(LD_LIBRARY_PATH=$libdir "$dir/raii" mem 2>&1)" "raii.cc, $compiler"
		same "1 REGION" "$(LD_LIBRARY_PATH=$libdir "$dir/raii" none 2>&1 | wc -l) $(LD_LIBRARY_PATH=$libdir "$dir/raii" 2>&1 | grep -o 'REGION$')" "raii.cc, $compiler: its mistakes"
	else
		fail "client/examples/raii.cc does not build with $compiler"
	fi
done

test_end
