#!/usr/bin/env bash
# life - the packages under a booted systemd: installed, configured, upgraded while clients run, removed, installed again, purged
#
#   life.sh BUILD overlay|fresh
#
#   overlay   in an overlay of this machine's root: quick, needs no network
#   fresh     in a Debian system with nothing in it, made by debootstrap from the mirror that this machine's apt uses; kept in BUILD/fresh-root
#
# What is done there is in life_inside.sh.
# shellcheck source=tests/packages/lib.sh
. "$(dirname "$0")/lib.sh"
kind=${2:?overlay or fresh}

((EUID == 0)) || skip "only root can boot a systemd of its own"
for name in "${names[@]}"; do deb "$name" >/dev/null; done
# The sandbox of tests/system.
sandbox=$top/tests/system/boot.sh
[[ -e $sandbox ]] || skip "there is no tests/system/boot.sh"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/new" "$stage/previous"
for name in "${names[@]}"; do
	cp "$(deb "$name")" "$stage/new/"
	cp "$(deb "$name" "$packages/previous")" "$stage/previous/"
done
cp "$here/life_inside.sh" "$top/tests/e2e/client/consumer/consumer.c" "$sandbox" "$stage/"
sandbox=$stage/${sandbox##*/}
# So that services may be started (a container's root may forbid it), and no time goes into the index of manual pages.
setup='rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update'

if [[ $kind == overlay ]]; then
	for package in libuv1 libinih1 liblmdb0 libprotobuf-c1 libjansson4 libprotobuf-c-dev procps; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep >/dev/null -x installed ||
			skip "$package is not installed here, and a sandbox has no network to get it from"
	done
	bash "$sandbox" -t 500 -o "$stage" -s "$setup" -- bash "$stage/life_inside.sh" "$stage"
	exit
fi

# The mirror and the release of this machine's own apt.
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
# shellcheck disable=SC2016 # for apt
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
	awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }')
[[ $mirror ]] || skip "apt does not say which mirror has $release"
root=$build/fresh-root
if [[ ! -e $root/made ]]; then
	rm -rf --one-file-system "$root"
	mkdir -p "$root"
	# systemd to boot it; the command's D-Bus.
	debootstrap --variant=minbase --include=systemd,dbus "$release" "$root/root" "$mirror" >"$root/log" 2>&1 ||
		{ tail -n 20 "$root/log" && skip "debootstrap of $release from $mirror failed"; }
	: >"$root/made"
fi
# What the packages depend on is downloaded, but not installed: the sandbox has no network.
depends=$(for name in "${names[@]}"; do dpkg-deb -f "$(deb "$name")" Depends; done)
if [[ $depends != "$(cat "$root/depends" 2>/dev/null)" ]]; then
	mkdir -p "$root/root/packages"
	cp "$stage"/new/*.deb "$root/root/packages/"
	chroot "$root/root" sh -c 'apt-get -q update && apt-get -q -y --no-install-recommends --download-only install /packages/*.deb' >"$root/log" 2>&1 ||
		{ tail -n 20 "$root/log" && skip "what the packages depend on cannot be downloaded"; }
	rm -r "$root/root/packages"
	echo "$depends" >"$root/depends"
fi

# The sandbox makes an overlay of the root it runs in, so it is run with that one as its root.
# shellcheck disable=SC2016 # for the shell inside
unshare --mount --propagation private bash -euc '
	root=$1 stage=$2
	shift 2
	mount --bind "$root" "$root"
	for folder in dev proc sys; do mount --rbind "/$folder" "$root/$folder"; done
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root$stage" "$root/.old"
	mount --bind "$stage" "$root$stage"
	cd "$root"
	pivot_root . .old
	cd /
	umount -l /.old
	rmdir /.old
	TMPDIR=/tmp exec bash "$@"
' bash "$root/root" "$stage" "$sandbox" -t 900 -o "$stage" -s "$setup" -- bash "$stage/life_inside.sh" "$stage"
