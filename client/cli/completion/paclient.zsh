#compdef paclient
# paclient.zsh - what zsh offers behind paclient; the command itself knows, this passes it on
_paclient() {
	local from answer line word
	local -a plain shown open openshown
	local -i behind

	# The word that is being written counts up to the cursor.
	answer=$(command paclient completion words -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
	for line in "${(@f)answer}"; do
		if [[ ! $from ]]; then
			from=$line
			continue
		fi
		word=${line%%$'\t'*}
		line=${line#*$'\t'}
		line=$word${line:+ -- $line}
		# What ends so goes on.
		if [[ $word == *[=:] ]]; then
			open+=("$word") openshown+=("$line")
		else
			plain+=("$word") shown+=("$line")
		fi
	done
	case $from in
	files)
		[[ $PREFIX != --*=* ]] || compset -P '*='
		_files
		;;
	users)
		[[ $PREFIX != --*=* ]] || compset -P '*='
		_users
		;;
	command)
		behind=${words[(i)--]}
		words=("${(@)words[behind+1,-1]}")
		((CURRENT -= behind))
		_normal
		;;
	*)
		# Both, whichever there are: one without the other is no failure.
		((!$#open)) || compadd -S '' -l -d openshown -a open
		((!$#plain)) || compadd -l -d shown -a plain
		(($#open + $#plain))
		;;
	esac
}
# In a folder of $fpath this file is the function, read when it is first called; by hand it is sourced.
if [[ ${funcstack[1]-} == _paclient ]]; then
	_paclient "$@"
else
	compdef _paclient paclient
fi
