# paclient.fish - what fish offers behind paclient; the command itself knows, this passes it on
function __paclient_offer
	set -l words (commandline --tokenize --current-process --cut-at-cursor)
	set -l last (commandline --current-token --cut-at-cursor)
	set -e words[1]
	set -l answer (command paclient completion words -- $words "$last" 2>/dev/null)
	set -l from $answer[1]
	set -e answer[1]

	switch "$from"
		case files
			# In --socket=PATH the option stays.
			set -l option (string match --regex '^--[^=]*=' -- $last)
			set -l path (string replace --regex '^--[^=]*=' '' -- "$last")
			for file in (__fish_complete_path $path)
				echo "$option$file"
			end
		case users
			set -l option (string match --regex '^--[^=]*=' -- $last)
			for user in (__fish_complete_users)
				echo "$option$user"
			end
		case command
			set -l behind (contains --index -- -- $words)
			set -e words[1..$behind]
			complete --do-complete (string join ' ' -- (string escape -- $words) "$last")
		case '*'
			for word in $answer
				echo $word
			end
	end
end
complete --command paclient --no-files --arguments '(__paclient_offer)'
