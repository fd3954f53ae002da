#!/usr/bin/env bash
# grammar - every verb keeps to the one grammar: paclient [OPTIONS] VERB [REGION] [ARGUMENTS]
#
# The verbs are those that the program names, so that a new one is walked, too.
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region ddr,limit=8M,initial=4M,base=0x10000000

run 0 --help
# shellcheck disable=SC2154 # set by run
mapfile -t verbs < <(sed -nE '/^Verbs:/,/^$/s/^  ([a-z]+) .*/\1/p' <<<"$out")
nchecks=$((nchecks + 1))
((${#verbs[@]} >= 30)) || fail "only ${#verbs[@]} verbs in the help"

# synopsis VERB - in $synopsis, what follows its name
synopsis() {
	run 0 "$1" --help
	help=$out
	synopsis=${out%%$'\n'*}
	nchecks=$((nchecks + 1))
	[[ $synopsis == "Usage: paclient [OPTIONS] $1"* ]] || fail "$1 --help begins: $synopsis"
	synopsis=${synopsis#"Usage: paclient [OPTIONS] $1"}
}

for verb in "${verbs[@]}"; do
	# Its help is the same however it is asked for, and on standard output.
	synopsis "$verb"
	run 0 --help "$verb"
	same "$help" "$out" "--help $verb"
	run 0 help "$verb"
	same "$help" "$out" "help $verb"
	run 0 "$verb" --no-legend --quiet --color never --json --timeout 1s -h
	same "$help" "$out" "$verb -h among global options behind the verb"
	# What is no option is refused before anything is done, and the option is named.
	usage '--no-such' "$verb" --no-such
	usage '--color.*auto\|always\|never' "$verb" --color blue
	usage '--timeout' --timeout soon "$verb"
	# The region is the first argument where there is one (trace has an action before), or --region's.
	case $synopsis in
	*REGION*)
		nchecks=$((nchecks + 1))
		[[ $synopsis =~ ^\ (start\|stop\|status\ )?\[?REGION ]] || fail "$verb: the region is not its first argument:$synopsis"
		;;
	*) usage 'takes no region' "$verb" --region ddr ;;
	esac
done

# A region that there is none of is told by its name, whichever way it is given: of those that need nothing but a region.
nregion=0
for verb in "${verbs[@]}"; do
	synopsis "$verb"
	case $verb in
	watch | top | bench) continue ;;
	esac
	[[ $synopsis =~ ^\ (REGION|\[REGION\])(\ \||$|\ \[NPAGES) ]] || continue
	nregion=$((nregion + 1))
	refused 5 NO_REGION "$verb" nosuch
	has "$plain" 'nosuch' "$verb nosuch"
	refused 5 NO_REGION --region nosuch "$verb"
	has "$plain" 'nosuch' "--region nosuch $verb"
done
nchecks=$((nchecks + 1))
((nregion >= 8)) || fail "only $nregion verbs were asked for a region"

# The same answer with global options before the verb and behind it, and with the region either way.
for verb in info list map quotas; do
	run 0 --json "$verb" ddr
	before=$out
	run 0 "$verb" ddr --json
	same "$before" "$out" "$verb: --json behind"
	run 0 "$verb" --json --region ddr
	same "$before" "$out" "$verb: --region"
done

# Tables have a heading, and none with --no-legend: the rest is the same.
run 0 alloc ddr 4
for verb in regions list sessions; do
	args=("$verb")
	[[ $verb == regions || $verb == sessions ]] || args+=(ddr)
	run 0 "${args[@]}"
	table=$out
	has "${table%%$'\n'*}" '^ *[A-Z]' "$verb: heading"
	run 0 --no-legend "${args[@]}"
	same "$(sed 1d <<<"$table" | wc -l)" "$(sed '/^$/d' <<<"$out" | grep -c .)" "$verb --no-legend: lines"
done
test_end
