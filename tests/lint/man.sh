#!/usr/bin/env bash
# man - each manual page is laid out without a warning, says its name in one line, is installed in its folder, and refers to pages that exist
#
#   man.sh BUILD
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need groff
need lexgrog
pages=(daemon/service/pallocd.8 daemon/service/pallocd.conf.5 daemon/service/pallocd.region.5 client/cli/paclient.1 client/lib/libpaclient.3
	proto/pallocd-protocol.7)
same_lines "manual pages that are known (<) and there are (>)" "$(printf '%s\n' "${pages[@]}")" "$(files '*.[1-8]')"
known=" "
for page in "${pages[@]}"; do
	name=${page##*/}
	known+="${name%.*}(${name##*.}) "
done

for page in "${pages[@]}"; do
	name=${page##*/}
	section=${name##*.}
	name=${name%.*}
	# All that groff can warn of, on terminals of several widths and on paper; a page must not depend on a preprocessor.
	for device in -Tascii -Tutf8 '-Tutf8 -rLL=60n' -Tps; do
		# shellcheck disable=SC2086 # two words
		faults < <(groff -man -ww -b -z $device "$page" 2>&1)
	done
	# What man adds: it knows the page's encoding, and its preprocessors by the first line.
	if command -v man >/dev/null; then
		faults < <(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
	fi
	[[ $(head -1 "$page") == ".TH ${name^^} $section "* ]] || fault "$page does not begin with .TH ${name^^} $section"
	lexgrog "$page" | grep >/dev/null -F ": \"$name - " || fault "$page: whatis finds no '$name - ...'"
	# A minus that is typed must be one: only \- can be copied from a terminal.
	faults < <(grep -nE '(^|[^\\a-zA-Z0-9])-{1,2}[a-z]' "$page" | grep -vE '^[0-9]+:(\.\\"|\.T[HP]|\.\\)' | sed "s|^|$page:|; s|\$|: write \\\\-|")
	# An empty line is a paragraph for some and a mistake for others, but where nothing is filled.
	faults < <(awk -v page="$page" '
		/^\.(EX|nf)/ { exact = 1 }
		/^\.(EE|fi)/ { exact = 0 }
		/[ \t]$/ || (!$0 && !exact) { print page ":" NR ": empty, or a blank at its end" }' "$page")
	# Ours exist; of others it is enough that they are the system's.
	while read -r other; do
		[[ $known == *" $other "* || $other != *pa[lc]* ]] || fault "$page refers to $other, which there is not"
	done < <(sed -nE 's/^\.BR ([^ ]+) \(([1-8])\).*/\1(\2)/p' "$page" | sed 's/\\-/-/g')
	grep -q "MANDIR}/man$section" "${page%/*}/CMakeLists.txt" || fault "${page%/*}/CMakeLists.txt does not install ${page##*/}"
	grep -qE "install\(FILES [^)]*${page##*/}" "${page%/*}/CMakeLists.txt" || fault "${page%/*}/CMakeLists.txt does not install ${page##*/}"
done
verdict
