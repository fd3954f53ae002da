#!/usr/bin/env bash
# setup - the Debian packages that pallocd is built and tested with: the one list of them, and their installation
#
#   tests/setup.sh [build|packages|test|long]   install what is missing: for building only; for building Debian packages; for
#                                               building and the tests (default); for all of that and `tests/run.sh --long`
#   tests/setup.sh --check [...]                install nothing; print what is missing, exit 1 if anything is
#   tests/setup.sh --list [...]                 print the packages
#
# Runs apt only when something is missing: as root, or through sudo. Exit codes: 0 all there, 1 something is missing, 2 usage.
set -euo pipefail

# What `client/demo.sh` needs: the compiler, the build tools, the libraries that are linked, and what CMake looks for.
build=(
	gcc libc6-dev cmake ninja-build pkg-config
	protobuf-c-compiler libprotobuf-c-dev # the wire
	libuv1-dev                            # the daemon's loop
	libsystemd-dev                        # readiness, watchdog, socket activation
	libinih-dev                           # configuration files
	liblmdb-dev                           # the daemon's state
	libjansson-dev                        # paclient --json
	check                                 # unit tests: not built, but configured with the rest
)
# What `systemd/debian/build.sh` needs beyond that: what debian/control says, once more.
packages=(
	debhelper dpkg-dev # the packages as Debian's own are built
	dh-python python3  # the Python module's: compiled when it is installed, and what that leaves is removed
)
# What `tests/run.sh` needs beyond that.
test=(
	g++ man-db groff-base    # the header as C++, the manual pages
	libasan8 libubsan1       # gcc's sanitizers
	clang libclang-rt-14-dev # second compiler, libFuzzer
	clang-format shellcheck  # lint
	systemd                  # systemd-analyze, systemd-socket-activate; booted by tests/system
	dbus procps              # that systemd-run has somebody to talk to there; ps
	fish zsh                 # completion of paclient, as in bash
	jq python3               # read what paclient --json prints
	mypy                     # the Python module is typed
	chromium                 # looks at the page of `paclient map --html`
	protobuf-compiler python3-protobuf # a client from the contract alone
)
# What `tests/run.sh --long` needs beyond that.
long=(
	valgrind libc6-dbg # the unit tests once more; it wants the C library's symbols
	lintian            # what Debian thinks of the packages
	debootstrap        # a root with nothing in it, for the packages
	redis-server redis-tools # bench/cli has redis-cli beside paclient
)

mode=install group=test
for arg; do
	case $arg in
	--check | --list) mode=${arg#--} ;;
	build | packages | test | long) group=$arg ;;
	-h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
	*) echo "setup.sh: unknown argument: $arg (see --help)" >&2 && exit 2 ;;
	esac
done
wanted=("${build[@]}")
[[ $group != packages && $group != long ]] || wanted+=("${packages[@]}")
[[ $group != test && $group != long ]] || wanted+=("${test[@]}")
[[ $group != long ]] || wanted+=("${long[@]}")
if [[ $mode == list ]]; then
	printf '%s\n' "${wanted[@]}"
	exit 0
fi

if ! command -v dpkg-query >/dev/null; then
	echo "setup.sh: this is no Debian system; install what corresponds to: ${wanted[*]}" >&2
	exit 1
fi
missing=()
for package in "${wanted[@]}"; do
	status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null) || status=
	grep -qx installed <<<"$status" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi
if [[ $mode == check ]]; then
	echo "missing: ${missing[*]}"
	exit 1
fi

as_root=()
if ((EUID != 0)); then
	as_root=(sudo)
	[[ -t 0 ]] || as_root=(sudo -n) # nobody there to type a password
	if ! command -v sudo >/dev/null || ! "${as_root[@]}" true; then
		echo "setup.sh: packages are missing, and this user can't install them. As root:" >&2
		echo "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
fi
echo "setup.sh: installing ${missing[*]}"
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
"${as_root[@]}" "${apt[@]}" update </dev/null ||
	echo "setup.sh: apt-get update failed; trying with the package lists that are there" >&2
"${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
