#!/usr/bin/env bash
# shells - the installed script for a shell, in that shell: lines and what it offers behind them
#
#   shells.sh BUILD bash|zsh|fish
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../client/lib.sh" "$@"
shell=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for program in "$shell" python3; do
	if ! command -v "$program" >/dev/null; then
		echo "skipped: $program is not installed"
		exit 77
	fi
done

cmake --install "$build" --prefix "$dir/prefix" --component paclient >"$dir/install.log" 2>&1 || fail "cmake --install"
case $shell in
bash) script=$dir/prefix/share/bash-completion/completions/paclient ;;
zsh) script=$dir/prefix/share/zsh/site-functions/_paclient ;;
fish) script=$dir/prefix/share/fish/vendor_completions.d/paclient.fish ;;
esac
# A package's build may put it elsewhere.
[[ -e $script ]] || script=$(find "$dir/prefix/share/zsh" -name _paclient)
nchecks=$((nchecks + 1))
[[ -e $script ]] || fail "not installed: $script"
export PATH=$dir/prefix/bin:$PATH HOME=$dir/home ASK_PIPE=$dir/pipe ASK_SCRIPT=$script
mkdir "$HOME"

# ask - for each line of standard input a line with what is offered behind it
ask() {
	local line
	case $shell in
	bash) python3 "$here/ask.py" "source $here/setup.bash" bash --norc --noprofile -i ;;
	zsh) python3 "$here/ask.py" "source $here/setup.zsh" zsh -f -i ;;
	fish)
		while IFS= read -r line; do
			# shellcheck disable=SC2016 # for fish
			XDG_DATA_DIRS=$dir/prefix/share fish --no-config -c 'set -a fish_complete_path $argv[2]; complete --do-complete $argv[1]' \
				"$line" "$dir/prefix/share/fish/vendor_completions.d" 2>>"$dir/fish.err" |
				cut -f1 | sort -u | paste -sd' '
		done
		;;
	esac
}

# compare - lines "COMMAND LINE -> WORDS"; "-> + WORDS": these and perhaps others
compare() {
	local cases=() got=() wanted line word i
	mapfile -t cases
	mapfile -t got < <(printf '%s\n' "${cases[@]}" | sed 's/ ->.*//' | ask)
	for i in "${!cases[@]}"; do
		line=${cases[i]%% ->*}
		wanted=${cases[i]#*->}
		wanted=${wanted# }
		if [[ $wanted == "+ "* ]]; then
			for word in ${wanted#+ }; do
				nchecks=$((nchecks + 1))
				[[ " ${got[i]-} " == *" $word "* ]] || fail "$shell: $line TAB: wanted $word, got: ${got[i]-}"
			done
		else
			same "$wanted" "${got[i]-}" "$shell: $line TAB"
		fi
	done
}

daemon_start --region ddr,limit=4M,initial=4M --region video,limit=4M,initial=4M
"$bin/paclient" alloc ddr 1 --name frames >/dev/null
# In the lines a blank before "->" is one that has been typed.
compare <<-END
	paclient al -> alloc
	paclient re -> read regions release replay reserve resize
	paclient --json quo -> quotas
	paclient info  -> ddr video
	paclient info v -> video
	paclient alloc ddr  ->
	paclient --region vi -> video
	paclient --region=vi -> --region=video
	paclient lookup ddr  -> frames
	paclient alloc ddr 4 --st -> --strategy
	paclient alloc ddr 4 --strategy  -> best first last
	paclient alloc ddr 4 --strategy=l -> --strategy=last
	paclient alloc ddr 4 --commit= -> --commit=lazy --commit=now
	paclient alloc ddr 4 --align  ->
	paclient watch --kind space -> space-low space-ok
	paclient watch --kind alloc,sp -> alloc,space-low alloc,space-ok
	paclient exec --share  -> ddr: video:
	paclient exec --share ddr: -> ddr:frames
	paclient exec --share ddr:fr -> ddr:frames
	paclient sessions k -> kill
	paclient help qu -> quotas
	paclient completion  -> bash fish words zsh
	paclient ping  ->
	paclient nothing-of-the-kind  ->
	paclient list ddr --user roo -> root
	paclient exec ddr 1 -- tru -> + true
END
: >"$dir/report.json"
compare <<-END
	paclient release --from-report $dir/rep -> $dir/report.json
	paclient --socket=$dir/rep -> --socket=$dir/report.json
END

# Each verb, and each option behind its verb: what the command's help says is what is offered.
options() { sed -nE 's/^  (--[a-z-]+).*/\1/p' | sort -u; }
{
	echo "paclient  -> $("$bin/paclient" --help | sed -nE '/^Verbs/,/^$/s/^  ([a-z]+) .*/\1/p' | sort | paste -sd' ')"
	for verb in alloc watch exec ping; do
		# A value that may be left out is offered with it, too.
		echo "paclient $verb -- -> + $("$bin/paclient" "$verb" --help | options | paste -sd' ')"
	done
} >"$dir/cases"
compare <"$dir/cases"

# Without a daemon there is nothing to offer, and nothing is said.
daemon_stop
compare <<-END
	paclient info  ->
	paclient alloc ddr 4 --strategy  -> best first last
END
[[ ! -s $dir/fish.err ]] || fail "fish: $(<"$dir/fish.err")"
test_end
