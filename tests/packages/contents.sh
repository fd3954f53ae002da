#!/usr/bin/env bash
# contents - each package has what belongs to it and depends on what it needs; the configuration that comes with it is all comments, and true
#
#   contents.sh BUILD
# shellcheck source=tests/packages/lib.sh
. "$(dirname "$0")/lib.sh"

for name in "${names[@]}"; do deb "$name" >/dev/null; done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
declare -A list depends
for name in "${names[@]}"; do
	file=$(deb "$name")
	dpkg-deb -R "$file" "$dir/$name"
	list[$name]=$(cd "$dir/$name" && find . -path ./DEBIAN -prune -o ! -type d -print | sed 's/^\.//' | sort)
	depends[$name]=$(dpkg-deb -f "$file" Depends)
done
version=$(dpkg-deb -f "$(deb pallocd)" Version)
multiarch=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
lib=/usr/lib/$multiarch

# What is installed without packages is installed with them, and nothing twice: every install() rule names its component.
DESTDIR=$dir/all cmake --install "$build" --prefix /usr >/dev/null
for name in "${names[@]}"; do
	DESTDIR=$dir/parts cmake --install "$build" --prefix /usr --component "$name" >/dev/null
done
same "$(cd "$dir/all" && find . | sort)" "$(cd "$dir/parts" && find . | sort)" "cmake --install: the components together are all"
same "" "$(printf '%s\n' "${list[@]}" | sort | uniq -d)" "files that are in two packages"

for path in /usr/sbin/pallocd /lib/systemd/system/pallocd.service /lib/systemd/system/pallocd.socket /etc/pallocd/pallocd.conf; do
	has "${list[pallocd]}" "^$path\$" "pallocd"
done
has "${list[libpaclient0]}" "^$lib/libpaclient\.so\.0\$" "libpaclient0"
lacks "${list[libpaclient0]}" 'libpaclient\.(so|a)$' "libpaclient0"
for path in /usr/include/paclient.h "$lib/libpaclient.so" "$lib/libpaclient.a" "$lib/pkgconfig/paclient.pc" "$lib/cmake/paclient/paclient-config.cmake" \
	/usr/share/man/man3/libpaclient.3.gz; do
	has "${list[libpaclient-dev]}" "^$path\$" "libpaclient-dev"
done
for path in /usr/bin/paclient /usr/share/man/man1/paclient.1.gz; do
	has "${list[paclient]}" "^$path\$" "paclient"
done
for path in __init__.py py.typed client.py; do
	has "${list[python3-paclient]}" "^/usr/lib/python3/dist-packages/paclient/$path\$" "python3-paclient"
done
lacks "${list[python3-paclient]}" '\.(pyc|so)$' "python3-paclient"
lacks "$(printf '%s\n' "${list[@]}")" '^/usr/local|^/usr/share/man/.*[0-9]$' "what no package has: /usr/local, manual pages that are not compressed"
for name in "${names[@]}"; do
	has "${list[$name]}" "^/usr/share/doc/$name/copyright\$" "$name"
	has "${list[$name]}" "^/usr/share/doc/$name/changelog.*\.gz\$" "$name"
	same "root/root" "$(dpkg-deb -c "$(deb "$name")" | awk '{print $2}' | sort -u)" "$name: who owns its files"
	# Neither programs nor debugging information name the folder in which they were compiled.
	nchecks=$((nchecks + 1))
	! grep -rqF "$top" "$dir/$name" || fail "$name: names $top: $(grep -rlF "$top" "$dir/$name")"
done

same "libpaclient0 (= $version)" "$(grep -oE 'libpaclient0 \(=[^)]*\)' <<<"${depends[libpaclient-dev]}")" "libpaclient-dev: Depends"
has "${depends[paclient]}" 'libpaclient0 \(>= 0\.1\.0\)' "paclient: Depends"
has "${depends[python3-paclient]}" 'libpaclient0 \(>= 0\.1\.0\)' "python3-paclient: Depends"
has "${depends[python3-paclient]}" '(^|, )python3:any' "python3-paclient: Depends"
for library in libc6 libuv1 libinih1 liblmdb0 libprotobuf-c1 libsystemd0; do
	has "${depends[pallocd]}" "(^|, )$library( |,|\$)" "pallocd: Depends"
done
lacks "${depends[pallocd]}" 'libpaclient' "pallocd: Depends"
# Programs that the units call, and who has them. What may fail (-) is recommended at least.
for unit in "$dir"/*/lib/systemd/system/*; do
	name=${unit#"$dir"/}
	name=${name%%/*}
	while read -r prefix program; do
		needs=${depends[$name]}
		[[ $prefix != *-* ]] || needs+=", $(dpkg-deb -f "$(deb "$name")" Recommends)"
		case $program in
		/bin/kill | /usr/bin/kill) has "$needs" '(^|, )procps(,|$)' "$name: Depends, for ${unit##*/}" ;;
		/usr/bin/paclient) [[ $name == paclient ]] || has "$needs" '(^|, )paclient( |,|$)' "$name: Depends, for ${unit##*/}" ;;
		*) has "${list[$name]}" "^$program\$" "$name: its ${unit##*/} calls what it has" ;;
		esac
	done < <(sed -nE 's/^Exec[A-Za-z]*=([-@:+!]*)([^ ]+).*/_\1 \2/p' "$unit")
	# The service's user, unless systemd makes one, is made when the package is installed.
	while read -r user; do
		has "$(cat "$dir/$name"/usr/lib/sysusers.d/*.conf 2>/dev/null)" "^u!? +$user " "$name: sysusers.d, for User= of ${unit##*/}"
		has "$(cat "$dir/$name/DEBIAN/postinst")" 'systemd-sysusers' "$name: postinst"
	done < <(grep -q '^DynamicUser=yes' "$unit" || sed -n 's/^User=//p' "$unit")
done
same "pallocd: /etc/pallocd/pallocd.conf" "$(cd "$dir" && grep -H . ./*/DEBIAN/conffiles | sed -E 's|^\./([^/]*)/[^:]*:|\1: |' | grep -v bash_completion)" "conffiles"
for folder in regions.d pallocd.conf.d; do
	same "drwxr-xr-x" "$(stat -c %A "$dir/pallocd/etc/pallocd/$folder" 2>&1)" "/etc/pallocd/$folder"
done
same "$(sed '1,4d; s/^$/./; s/^/ /' "$top/LICENSE")" "$(sed '1,/^License: BSD-3-Clause$/d; 1,/^License: BSD-3-Clause$/d' "$dir/pallocd/usr/share/doc/pallocd/copyright")" \
	"copyright: the licence"

# The configuration: nothing but comments and the section; each line, taken in, is accepted; the keys are those that there are, the values the defaults.
conf=$dir/pallocd/etc/pallocd/pallocd.conf
same "[Daemon]" "$(grep -vE '^(#.*)?$' "$conf")" "pallocd.conf: what is no comment"
{
	sed -E 's/^#([A-Z][A-Za-z]+ = )/\1/' "$conf"
	printf '[Region some]\nLimit = 1M\n'
} >"$dir/taken.conf"
status=0
out=$("$build/bin/pallocd" --check-config --config "$dir/taken.conf" 2>&1) || status=$?
same 0 "$status" "pallocd.conf, without comment signs: --check-config says: $out"
nkeys=0
while read -r key option default; do
	[[ $option == - ]] || continue
	# The socket is its unit's.
	case $key in Socket | SocketMode) continue ;; esac
	nkeys=$((nkeys + 1))
	has "$(<"$conf")" "^#$key = " "pallocd.conf"
	[[ $default == - ]] || has "$(<"$conf")" "^#$key = $default\$" "pallocd.conf: the default"
done < <("$build/tests/lint/config_doc")
nchecks=$((nchecks + 1))
same "$nkeys" "$(grep -cE '^#[A-Z][A-Za-z]+ = ' "$conf")" "pallocd.conf: how many keys"
test_end
