# setup.zsh - for an interactive zsh: what completion adds is written to $ASK_PIPE
LISTMAX=10000
fpath=("${ASK_SCRIPT:h}" $fpath)
autoload -Uz compinit
compinit -u -D
typeset -ga asked_words
compadd() {
	local -a matched
	local -i folder=${@[(i)-p]}
	# Those that are only asked for are not offered.
	if [[ " $* " != *\ -[OAD]\ * ]]; then
		builtin compadd -O matched "$@"
		# -p is what stands before all of them.
		asked_words+=("${(@)matched/#/$IPREFIX${@[folder+1]-}}")
	fi
	builtin compadd "$@"
}
asked() {
	asked_words=()
	_main_complete "$@"
	local result=$?
	print -rl -- "$asked_words[@]" >"$ASK_PIPE"
	return $result
}
zle -C asked complete-word asked
bindkey '^I' asked
: >"$ASK_PIPE"
