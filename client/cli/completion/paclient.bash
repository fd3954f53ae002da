# paclient.bash - what bash offers behind paclient; the command itself knows, this passes it on
# shellcheck shell=bash
_paclient() {
	local line=${COMP_LINE:0:COMP_POINT} words=() offered=() gap piece cut from word behind i

	# bash cuts words at = and : too. What no blank divides is one word; of the last one only what stands before the cursor counts.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		gap=${line%%[![:space:]]*}
		line=${line#"$gap"}
		piece=${COMP_WORDS[i]}
		((i < COMP_CWORD)) || piece=$line
		line=${line#"$piece"}
		if ((i)) && [[ ! $gap ]]; then words[-1]+=$piece; else words+=("$piece"); fi
	done
	{
		read -r from
		while IFS=$'\t' read -r word _; do offered+=("$word"); done
	} < <(command paclient completion words -- "${words[@]:1}" 2>/dev/null)

	# It puts in what stands for the last piece.
	[[ $piece != [=:] ]] || piece=
	cut=${words[-1]%"$piece"}
	COMPREPLY=()
	for word in "${offered[@]}"; do
		word=${word#"$cut"}
		[[ $word != *[!A-Za-z0-9_.,:=@+-]* ]] || printf -v word %q "$word"
		COMPREPLY+=("$word")
	done
	case $from in
	files)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$piece")
		;;
	users) mapfile -t COMPREPLY < <(compgen -u -- "$piece") ;;
	command)
		for ((behind = 1; behind < COMP_CWORD; behind++)); do
			[[ ${COMP_WORDS[behind]} != -- ]] || break
		done
		if declare -F _command_offset >/dev/null; then
			_command_offset $((behind + 1))
		elif ((COMP_CWORD == behind + 1)); then
			mapfile -t COMPREPLY < <(compgen -c -- "$piece")
		else
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$piece")
		fi
		;;
	esac
	# What ends so goes on.
	if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=:] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _paclient paclient
