#!/usr/bin/env bash
# memory - the memory behind the addresses: seen by others, read only where it should be, zeros where they are promised, given back, and
# refused where there is none
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
# out and err are set by run
# shellcheck disable=SC2154
probe=$build/tests/client_probe

# put REGION EXTENT TEXT - into the memory of an extent, from its beginning
put() {
	nchecks=$((nchecks + 1))
	printf '%s' "$3" | "$bin/paclient" write "$1" "$2" >"$dir/put" 2>&1 || fail "write $1 $2: exit code $?: $(<"$dir/put")"
}

# zeros REGION EXTENT WHAT - nothing but zeros, in all of it
zeros() {
	nchecks=$((nchecks + 1))
	"$bin/paclient" read "$1" "$2" >"$dir/memory" 2>"$dir/err" || fail "$3: read: exit code $?: $(<"$dir/err")"
	[[ -s $dir/memory ]] || fail "$3: nothing was read"
	[[ -z $(tr -d '\0' <"$dir/memory" | head -c 16) ]] || fail "$3: something else than zeros"
}

# tried TEXT WHAT RESULT - a line of the probe
tried() {
	has "$1" "^$2: $3\$" "probe"
}

# resident REGION - bytes
resident() {
	"$bin/paclient" --json stat "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["resident_bytes"])'
}

# The scavenger shall do nothing by itself here.
daemon_start --region bare,limit=4M,initial=4M \
	--region mem,limit=16M,initial=16M,base=0x10000000,backing=memfd,retain=100,scavenge-delay=1h \
	--region clean,limit=16M,initial=16M,backing=memfd,sanitize=yes,retain=100,scavenge-delay=1h \
	--region now,limit=4M,initial=4M,backing=memfd,commit=alloc,retain=100,scavenge-delay=1h \
	--region shown,limit=4M,initial=4M,backing=memfd,allow=*:attach-ro

# What is there.
run 0 info mem
has "$out" '^backing +memfd, in pages of 4 KiB$' "info"
has "$out" '^commit +lazy$' "info"
run 0 --json info clean
json "$out" 'j["backing"] == "memfd" and j["backing_page_bytes"] == 4096 and j["sanitize"] and j["releases"] and j["commit"] == "lazy"' "info --json"
run 0 regions
has "$out" '^mem .* 0x10000000 +memfd +process$' "regions"
has "$out" '^bare .* 0x0 +none +process$' "regions"

# One writes, the other reads, by address and by name, a part or all of it.
run 0 alloc mem 2 --name words
addr=$out
put mem words 'hello there'
same "hello there" "$("$bin/paclient" read mem words | tr -d '\0')" "read by name"
same "hello" "$(exec "$bin/paclient" read mem "$addr+5")" "read by address, so many bytes"
same 4096 "$("$bin/paclient" read mem "$addr:1" | wc -c)" "read by address, one page"
same 8192 "$("$bin/paclient" read mem "$addr" | wc -c)" "read by address, all of it"
run 0 --json alloc mem 3 --commit=lazy
json "$out" 'j["scavenged_npages"] == 3 and j["cleared_npages"] == 0' "alloc --json"

# Nothing is written beyond an extent, and what cannot be is said.
head -c 8193 /dev/zero | "$bin/paclient" write mem words >/dev/null 2>"$dir/err"
same 2 $? "more than the extent has: exit code"
has "$(<"$dir/err")" 'has more than the 8192 bytes' "more than the extent has"
usage 'ends after 8192 bytes' read mem "$addr:3"
usage 'ends after 8192 bytes' write mem "$addr+8193"
refused 5 NOT_FOUND read mem nobody
refused 5 NOT_FOUND write mem 0x10001000
run 0 alloc bare 1
refused 2 INVALID read bare "$out"
refused 2 INVALID scavenge bare
put mem words 'hello there'
same "hello" "$(exec "$bin/paclient" --json read mem "$addr+5")" "read --json: the memory as it is"
usage 'neither now nor lazy' alloc mem 1 --commit=soon
if command -v script >/dev/null; then
	said=$(script -qec "$bin/paclient read mem words" /dev/null </dev/null)
	has "$said" 'is a terminal' "read: to a terminal"
else
	echo "script(1) is missing: read to a terminal is not tried"
fi

# To read is to read only; and nobody makes it shorter, or longer.
said=$("$probe" mem read) || fail "probe: $said"
tried "$said" attached 'memfd, 16777216 bytes'
tried "$said" 'map for reading' 'done'
tried "$said" 'map for writing' 'Permission denied'
tried "$said" 'make it writable' 'Permission denied'
tried "$said" write 'Bad file descriptor'
said=$("$probe" mem write) || fail "probe: $said"
tried "$said" 'map for writing' 'done'
tried "$said" write 'done'
tried "$said" shorten 'Operation not permitted'
tried "$said" lengthen 'Operation not permitted'
if other_user; then
	cp "$probe" "$dir/other/probe"
	as_other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	said=$("${as_other[@]}" "$dir/other/probe" shown read) || fail "probe as another user: $said"
	tried "$said" 'map for writing' 'Permission denied'
	tried "$said" 'open again for writing' '.*(denied|not permitted).*'
	tried "$said" shorten '(Invalid argument|Operation not permitted|Bad file descriptor)'
	has "$("${as_other[@]}" "$dir/other/probe" shown write)" '^attach: DENIED ' "another user, to write"
	run 0 alloc shown 1 --name table
	put shown table 'for all'
	same "for all" "$("$other" read shown table | tr -d '\0')" "another user reads"
	"$other" --json write shown table </dev/null >/dev/null 2>"$dir/err"
	same 6 $? "another user writes: exit code"
	json "$(<"$dir/err")" 'j["error"]["status"] == "DENIED" and j["error"]["field"] == "attach-rw"' "another user writes"
fi

put mem words 'hello there'

# Zeros: what was another's is cleared where that is asked for, and only then.
run 0 alloc mem 256
addr=$out
head -c 1M /dev/zero | tr '\0' x | "$bin/paclient" write mem "$addr" >/dev/null || fail "write of 1 MiB"
run 0 free mem "$addr:256"
run 0 alloc mem 256 --at "$addr"
same xxxx "$(exec "$bin/paclient" read mem "$addr+4")" "without --zero what was there is there"
run 0 free mem "$addr:256"
run 0 --json alloc mem 256 --at "$addr" --zero
json "$out" 'j["cleared_npages"] == 256 and j["scavenged_npages"] == 0' "alloc --zero --json"
zeros mem "$addr" "--zero"
run 0 free mem "$addr:256"
for round in 1 2; do
	run 0 alloc clean 64
	zeros clean "$out" "Sanitize=yes, round $round"
	put clean "$out" secret
	run 0 free clean "$out:64"
done

# Memory now, or not, as the request or else the region says.
run 0 alloc now 1M
same 1048576 "$(resident now)" "resident after an alloc where Commit=alloc"
run 0 alloc now 1M --commit=lazy
same 1048576 "$(resident now)" "resident after --commit=lazy"
run 0 alloc mem 1M --commit --lowest 0x10800000
same 1048576 "$("$bin/paclient" read mem "$out" | wc -c)" "read of what was committed"
run 0 alloc shown 1M --commit
nchecks=$((nchecks + 1))
(($(resident shown) >= 1048576)) || fail "resident after --commit: $(resident shown)"
run 0 free mem 0x10800000+1M

# What is free goes back, down to what is in use: the two words' pages and what was taken lazily and never touched.
run 0 --json scavenge mem --wait
json "$out" 'j["waited"] and j["released_npages"] >= 256 and j["bytes"] == j["released_npages"] * 4096' "scavenge --json"
same 8192 "$(resident mem)" "resident after scavenge --wait"
run 0 --json stat mem
json "$out" 'j["scavenger"] == "done" and j["busy_npages"] == 0 and j["released_npages_total"] >= 512 and j["cleared_npages_total"] == 256' "stat --json"
same "hello there" "$("$bin/paclient" read mem words | tr -d '\0')" "what is in use is as it was"
run 0 scavenge mem
same "" "$out" "scavenge without --wait"
run 0 --json alloc mem 256 --at "$addr" --zero
json "$out" 'j["cleared_npages"] == 0 and j["scavenged_npages"] == 256' "what was given back needs no clearing"
zeros mem "$addr" "what was given back"
daemon_stop

# No memory is a status, not the end of a program.
if [[ $(id -u) == 0 ]] && mkdir "$dir/small" && mount -t tmpfs -o size=2M none "$dir/small" 2>"$dir/err"; then
	trap 'daemon_stop 2>/dev/null; umount -l "$dir/small" 2>/dev/null; cleanup' EXIT
	truncate -s 16M "$dir/small/file"
	daemon_start --region small,limit=16M,initial=16M,file="$dir/small/file",retain=100,scavenge-delay=1h
	refused 1 NO_MEMORY alloc small 4M --commit
	run 0 --json stat small
	json "$out" 'j["no_memory_total"] == 2 and j["nextents"] == 0 and j["free_npages"] == 4096' "after NO_MEMORY"
	run 0 alloc small 1M --commit
	run 0 alloc small 4M --name much
	head -c 4M /dev/zero | "$bin/paclient" write small much >/dev/null 2>"$dir/err"
	same 1 $? "write without memory: exit code"
	has "$(<"$dir/err")" 'there is no memory' "write without memory"
	daemon_stop
	umount "$dir/small"
else
	echo "skipped: not root, or no file system can be mounted here: a backing without room is not tried: $(cat "$dir/err" 2>/dev/null)"
fi
test_end
