#!/usr/bin/env bash
# layers - who may include and link whom: the table in daemon/README.md, against the code and against CMake
#
#   layers.sh BUILD    BUILD/tests/lint/uses.txt holds "layer library;library" as CMake links them
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# The table's rows, "layer used used ...", in order.
declare -A may
order=()
while read -r layer used; do
	may[$layer]=" $used "
	order+=("$layer")
done < <(awk -F'|' '
	/^\| *layer *\| *may include *\|/ { table = 1; next }
	table && /^\|[ -]*-/ { next }
	table && /^\|/ { gsub(/[` ]/, "", $2); gsub(/[`,]/, " ", $3); print $2, $3; next }
	table { exit }' daemon/README.md || true)
if ((${#order[@]} == 0)); then
	fault "daemon/README.md: no table '| layer | may include |'"
	verdict
fi

# Arrows point one way: whom a row names stands above it, for all rows; or below it, for all rows.
up=0 down=0 seen=" "
for layer in "${order[@]}"; do
	for used in ${may[$layer]}; do
		[[ -n ${may[$used]-} ]] || continue # proto and the like have no row
		if [[ $seen == *" $used "* ]]; then up=$((up + 1)); else down=$((down + 1)); fi
	done
	seen+="$layer "
done
if ((up && down)); then fault "daemon/README.md: the table's arrows point both ways"; fi

# includes FILE... - "file:line folder/header" for each quoted include
includes() {
	awk '/^[ \t]*#[ \t]*include[ \t]*"/ { split($0, part, "\""); print FILENAME ":" FNR, part[2] }' "$@"
}

# layer_of FILE - sets layer; main.c has a row too
layer_of() {
	layer=${1#daemon/} layer=${layer%%/*} layer=${layer%.c}
}

mapfile -t sources < <(files 'daemon/*.c' 'daemon/*.h')
not_net=() not_store=()
for file in "${sources[@]}"; do
	layer_of "$file"
	[[ -n ${may[$layer]-} ]] || fault "$file: daemon/README.md's table has no row for $layer"
	[[ $layer == net ]] || not_net+=("$file")
	[[ $layer == store ]] || not_store+=("$file")
done
while read -r where header; do
	layer_of "${where%:*}"
	folder=${header%%/*}
	if [[ $header != */* ]]; then
		fault "$where: \"$header\" does not carry its layer"
	elif [[ -n ${may[$layer]-} && $folder != "$layer" && ${may[$layer]} != *" $folder "* ]]; then
		fault "$where: $layer may not include $folder"
	fi
done < <(includes "${sources[@]}")
faults < <(grep -nHE '#[[:space:]]*include[[:space:]]*<uv' "${not_net[@]}" | sed 's/$/: libuv is net'"'"'s alone/' || true)
faults < <(grep -nHE '#[[:space:]]*include[[:space:]]*<lmdb' "${not_store[@]}" | sed 's/$/: LMDB is store'"'"'s alone/' || true)

# What CMake links must be in the table as well: otherwise the link tests would test nothing.
while read -r layer libraries; do
	for library in ${libraries//;/ }; do
		case $library in
		pallocd_warnings | *warnings*) continue ;;
		PkgConfig::LIBUV | PkgConfig::UV | uv) [[ $layer == net ]] || fault "cmake: $layer links libuv" ;;
		*::* | Threads*) ;;
		lmdb) [[ $layer == store ]] || fault "cmake: $layer links lmdb" ;;
		*) [[ ${may[$layer]-} == *" $library "* ]] || fault "cmake: $layer links $library, not in daemon/README.md's table" ;;
		esac
	done
done <"$build/tests/lint/uses.txt"

# The library knows the contract and itself; the command knows what a stranger's program would know.
mapfile -t parts < <(files 'client/*.c' 'client/*.h' | cut -d / -f 2 | sort -u)
for part in "${parts[@]}"; do
	mapfile -t sources < <(files "client/$part/*.c" "client/$part/*.h")
	while read -r where header; do
		case $part:$header in
		lib:proto/* | lib:client/lib/* | lib:include/paclient.h | cli:client/cli/*) ;;
		*/*) fault "$where: client/$part may not include \"$header\"" ;;
		esac
	done < <(includes "${sources[@]}")
	deny='systemd|ini'
	# An example shows the library in libuv's loop.
	[[ $part == examples ]] || deny+='|uv'
	[[ $part == cli ]] && deny+='|protobuf-c|proto'
	[[ $part == lib ]] && deny+='|jansson'
	faults < <(grep -nHE "#[[:space:]]*include[[:space:]]*<($deny)[./]" "${sources[@]}" || true)
done
verdict
