#!/usr/bin/env bash
# words - what `paclient completion` prints: the scripts as they are installed, and answers without a word on standard error
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../client/lib.sh" "$@"

for shell in bash zsh fish; do
	run 0 completion "$shell"
	same "$(<"$top/client/cli/completion/paclient.$shell")" "$out" "completion $shell"
done
usage 'bash, zsh or fish' completion
usage 'bash, zsh or fish' completion csh
usage 'bash, zsh or fish' completion bash zsh

# words WANT WORD... - the answer, one line; nothing is said, and the exit code is 0, whatever is asked
words() {
	local want=$1
	shift
	run 0 completion words -- "$@"
	same "$want" "$(cut -f1 <<<"$out" | paste -sd' ')" "completion words -- $*"
	same "" "$err" "completion words -- $*: standard error"
}
words "nothing alloc" al
words "nothing" no-verb ""
words "files" --socket ""
words "files" --socket=""
words "files" replay x ""
words "files" replay --region x ""
words "nothing auto always never" map --color ""
words "nothing --color=auto --color=always" map --color=a
words "users" list x --user ""
words "users" list x --user=r
words "command" exec -- ""
words "command" exec x 1 --name Y -- ls -
words "files" check --offline -- --config ""
words "nothing" alloc x 1 --no-such-option=
words "nothing" alloc x 1 --json=
words "nothing --share" exec --sh
words "nothing --no-progress" replay file --no-p
words "nothing" "$(printf 'x%.0s' {1..5000})"
words "nothing" watch --kind "$(printf 'alloc,%.0s' {1..200})"
words "nothing" exec --share "$(printf 'x%.0s' {1..200}):"
words "nothing" $'\xff'

# Where something listens and never answers, there is nothing to offer, soon.
json_listen() {
	python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
print("listening", flush=True)
sys.stdin.read()' "$PACLIENT_SOCKET"
}
coproc json_listen
read -r -u "${COPROC[0]}" _
words "nothing" info ""
words "nothing" exec --share x:
test_end
