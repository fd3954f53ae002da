# setup.bash - for an interactive bash: what _paclient offers is written to $ASK_PIPE as words that may stand there
# shellcheck shell=bash
bind 'set completion-query-items 0'
bind 'set page-completions off'
# shellcheck source=client/cli/completion/paclient.bash
source "$ASK_SCRIPT"
_asked() {
	local word whole cut
	_paclient "$@"
	# bash puts the words in where its own last piece begins.
	whole=${COMP_LINE:0:COMP_POINT}
	whole=${whole##*[[:space:]]}
	cut=${whole%"${whole##*[=:]}"}
	for word in "${COMPREPLY[@]}"; do printf '%s\n' "$cut$word"; done >"$ASK_PIPE"
}
complete -F _asked paclient
: >"$ASK_PIPE"
