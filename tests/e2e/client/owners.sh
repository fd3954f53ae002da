#!/usr/bin/env bash
# owners - names, lists, holders that share, owners that change, sessions and quotas
# shellcheck disable=SC2154,SC2317 # out and err are set by run, env_* are set by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region ddr,limit=4M,initial=4M,base=0x10000000 --region many,limit=16M,initial=16M \
	--region small,limit=1M,initial=1M,quota-user=256K,quota-session=64K,quota-user-extents=5,quota-session-extents=2
me=$(id -un)
uid=$(id -u)

owner_is_session() {
	"$bin/paclient" --json lookup "$1" "$2" | grep >/dev/null "\"session\": $3,"
}

# gone REGION NAME, gone_addr REGION ADDR - there is no such extent
gone() {
	! "$bin/paclient" lookup "$1" "$2"
}
gone_addr() {
	! "$bin/paclient" list "$1" | grep >/dev/null "^$2 "
}

# Names and labels.
run 0 alloc ddr 16 --name frames --label "camera, front"
same 0x10000000 "$out" "alloc --name"
run 0 lookup ddr frames
same 0x10000000:16 "$out" "lookup"
run 0 --json lookup ddr frames
json "$out" "j['addr'] == '0x10000000' and j['npages'] == 16 and j['bytes'] == 65536 and j['region'] == 'ddr'" "lookup --json"
json "$out" "j['name'] == 'frames' and j['label'] == 'camera, front' and j['state'] == 'detached' and j['session'] is None" "lookup --json"
json "$out" "j['uid'] == $uid and j['user'] == '$me' and j['nholders'] == 1 and j['page_size_bytes'] == 4096" "lookup --json"
refused 4 NAME_TAKEN alloc ddr 1 --name frames
json "$err" 'j["error"]["field"] == "name" and j["error"]["addr"] == "0x10000000" and j["error"]["remedy"]' "NAME_TAKEN"
settles 16 ddr
run 0 alloc many 1 --name frames
run 0 free many "$out"
run 0 alloc ddr 2 3 --label both
run 0 annotate ddr 0x10010000 --name second
has "$out" '^0x10010000 +2 +8 KiB +detached +- .* 1  second  both$' "annotate: what it is then"
refused 4 NAME_TAKEN annotate ddr 0x10010000 --name frames
run 0 annotate ddr second --name frames2 --label ''
has "$out" ' frames2$' "annotate by name: a label taken away"
run 0 --json annotate ddr frames2 --name=''
json "$out" 'j["name"] is None and j["label"] is None and j["npages"] == 2' "annotate: a name taken away"
refused 5 NOT_FOUND lookup ddr frames2
refused 5 NOT_FOUND annotate ddr frames2 --label x
refused 6 NOT_ALLOCATED annotate ddr 0x10020000 --label x
refused 2 INVALID annotate ddr 0x10001000 --label x
refused 5 NOT_FOUND lookup ddr nothere
has "$err" 'paclient list' "NOT_FOUND: what to do"
refused 2 LIMIT alloc ddr 1 --name "$(printf 'x%.0s' {1..64})"
refused 2 LIMIT alloc ddr 1 --label "$(printf 'x%.0s' {1..128})"
refused 2 INVALID alloc ddr 1 --name $'two\nlines'
refused 2 INVALID annotate ddr frames --label $'\e[31m'
run 0 annotate ddr frames --name 'Größe ü' --label "$(printf 'x%.0s' {1..127})"
run 0 lookup ddr 'Größe ü'
same 0x10000000:16 "$out" "a name in UTF-8"
run 0 free ddr 0x10000000:16
refused 5 NOT_FOUND lookup ddr 'Größe ü'
run 0 free ddr 0x10010000:5
settles 0 ddr

# Lists: every filter, and all of them at once.
n=0
for name in a:16 b:8 c1:4 c2:2; do
	run 0 alloc ddr "${name#*:}" --name "${name%:*}" --at $((0x10000000 + n++ * 0x10000))
done
run 0 alloc ddr 1 --at 0x10040000
hold holder ddr 3 --name 'c[3]' --label held
run 0 list ddr
same 7 "$(wc -l <<<"$out")" "list: lines"
has "$out" '^ADDR +PAGES +SIZE +STATE +SESSION +USER +HOLDERS +NAME  LABEL$' "list: heading"
has "$out" "^0x10000000 +16 +64 KiB +detached +- +$me +1  a\$" "list: an extent of the user's"
has "$out" "^0x10040000 +1 +4 KiB +detached +- +$me +1  -\$" "list: without a name"
has "$out" "^0x10018000 +3 +12 KiB +session +${env_holder[SESSION]} +$me +1  c\[3\]  held\$" "list: an extent of a session's"

# lists WANT ARGUMENT... - the addresses, in this order, each without what all begin with
lists() {
	local want=$1 how="list ddr ${*:2}"
	shift
	run 0 --json list ddr "$@"
	json "$out" "' '.join(e['addr'][5:] for e in j['extents']) == '$want'" "$how"
	run 0 list ddr "$@"
	same "$want" "$(sed -nE 's/^0x100([0-9a-f]+) .*/\1/p' <<<"$out" | paste -sd ' ')" "$how"
}
lists "00000 10000 18000 20000 30000 40000"
lists "18000" --session "${env_holder[SESSION]}"
lists "00000 10000 18000 20000 30000 40000" --user "$me"
lists "00000 10000 18000 20000 30000 40000" --user "$uid"
lists "" --user 4000000000
lists "20000 30000" --name 'c?'
lists "18000 20000 30000" --name 'c*'
lists "00000 10000" --name '[ab]'
lists "18000" --name 'c\[3]'
lists "00000 10000 18000 20000 30000" --name '*'
lists "20000 30000 40000" --lowest 0x10020000
lists "30000 40000" --lowest 0x10020001
lists "00000 10000 18000" --limit 0x10020000
lists "00000 10000" --min 8
lists "00000 10000" --min 32K
lists "00000 10000 18000 20000" --min 9K
lists "18000 20000 30000 40000" --max 4
lists "30000 40000" --max 8K
lists "40000" --max 5K
lists "20000" --user "$me" --name 'c*' --lowest 0x10010000 --limit 0x10030000 --min 4 --max 4
lists "" --user "$me" --name 'c*' --session "${env_holder[SESSION]}" --min 4
run 0 --json list ddr --name a
json "$out" "j == {'region': 'ddr', 'page_size_bytes': 4096, 'extents': [{'addr': '0x10000000', 'npages': 16, 'bytes': 65536, 'state': 'detached', 'session': None, 'uid': $uid, 'user': '$me', 'nholders': 1, 'name': 'a', 'label': None}]}" "list --json"
run 0 list ddr --name nothere
same 1 "$(wc -l <<<"$out")" "list: a heading for none"
refused 5 NO_SESSION list ddr --session 999999
let_go "$holder"
settles 31 ddr

# As many as there are, each once and in order, whether by table or JSON.
sizes=$(printf '1 %.0s' {1..1500})
# One argument per size is what is wanted.
# shellcheck disable=SC2086
run 0 alloc many $sizes --label "$(printf 'l%.0s' {1..100})"
run 0 list many
same 1501 "$(wc -l <<<"$out")" "list: 1500 extents"
same "" "$(tail -n +2 <<<"$out" | awk '{print $1}' | while read -r a; do printf '%d\n' "$a"; done | sort -nuc 2>&1)" "list: in order"
run 0 --json list many
json "$out" '[int(e["addr"], 16) for e in j["extents"]] == list(range(0, 1500 * 4096, 4096))' "list --json: 1500 extents"
run 0 --json list many --lowest 0x100000 --limit 0x200000
json "$out" 'len(j["extents"]) == 256' "list --json: some of them"
"$bin/paclient" list many >/dev/full 2>"$dir/err"
same 1 $? "list >/dev/full"
run 0 free many 0x0:1500

# Shared: what the producer lets go of is the consumer's, and free when that ends.
hold producer ddr 5 --name stream
producer=$holder
hold consumer --share ddr:stream --share ddr:a
consumer=$holder
same "${env_producer[ADDR]} 5 20480 4096 ddr stream" \
	"${env_consumer[SHARE1_ADDR]} ${env_consumer[SHARE1_NPAGES]} ${env_consumer[SHARE1_BYTES]} ${env_consumer[SHARE1_PAGE_SIZE]} ${env_consumer[SHARE1_REGION]} ${env_consumer[SHARE1_EXTENT]}" "exec --share: environment"
same "0x10000000 a none" "${env_consumer[SHARE2_ADDR]} ${env_consumer[SHARE2_EXTENT]} ${env_consumer[ADDR]-none}" "exec --share: the second"
run 0 --json lookup ddr stream
json "$out" "j['nholders'] == 2 and j['session'] == ${env_producer[SESSION]}" "shared"
lists "00000 18000" --session "${env_consumer[SESSION]}"
nchecks=$((nchecks + 1))
stat_is 2 nshares ddr || fail "stat: shares"
refused 4 SHARED free ddr "0x10000000:8"
refused 4 SHARED resize ddr 0x10000000 20
kill -KILL "$producer"
wait "$producer" 2>/dev/null
eventually "the extent is the consumer's" owner_is_session ddr stream "${env_consumer[SESSION]}"
run 0 --json free ddr 0x10000000:16
json "$out" 'j["npages"] == 16 and j["shared_npages"] == 16' "free --json: what others hold on to"
lists "00000 18000" --session "${env_consumer[SESSION]}"
run 6 release ddr stream
let_go "$consumer"
settles 15 ddr
refused 5 NOT_FOUND lookup ddr stream
refused 5 NOT_FOUND exec --share ddr:stream -- true
refused 5 NO_REGION exec --share nothere:stream -- true

# Released by the user: nobody else holds it, or somebody does.
run 0 alloc ddr 4 --name mine
run 0 release ddr mine
has "$out" '^0x[0-9a-f]+:4 released; its pages are free$' "release"
run 0 alloc ddr 4 --name mine
hold sharer --share ddr:mine
run 0 --json release ddr "${env_sharer[SHARE1_ADDR]}"
json "$out" "j['nholders'] == 1 and j['npages'] == 4 and j['addr'] == '${env_sharer[SHARE1_ADDR]}'" "release --json"
run 0 --json lookup ddr mine
json "$out" "j['session'] == ${env_sharer[SESSION]} and j['nholders'] == 1" "release: the sharer's now"

# Handed over to a session, back to the user, to another user.
run 0 alloc ddr 2 --name gift --label wrapped
run 0 handover ddr gift --session "${env_sharer[SESSION]}"
has "$out" "^0x[0-9a-f]+:2 is session ${env_sharer[SESSION]}'s now\$" "handover --session"
run 0 --json lookup ddr gift
json "$out" "j['session'] == ${env_sharer[SESSION]} and j['label'] == 'wrapped'" "handover: name and label go with it"
run 0 --json handover ddr gift --user "$me"
json "$out" "j['session'] is None and j['user'] == '$me' and j['npages'] == 2" "handover --user --json"
let_go "$holder"
eventually "what was not handed over is gone" gone ddr mine
run 0 handover ddr gift --user 4000000000
has "$out" "user 4000000000's now" "handover --user: a user without a name"
lists "$(printf '%05x' $((env_sharer[SHARE1_ADDR] + 0x4000 - 0x10000000)))" --user 4000000000
refused 5 NO_SESSION handover ddr b --session 999999
refused 5 NOT_FOUND handover ddr nothere --user "$me"
refused 5 NOT_FOUND handover ddr 0x10001000 --user "$me"

# Sessions: what they hold, and their end.
hold one ddr 7
one=$holder
hold two ddr 2 --share ddr:b
run 0 sessions
has "$out" '^ +ID  USER +PID  STATE +AGE +LEFT +EXTENTS +SHARES +PAGES +SIZE +QUEUED  COMMAND  CLIENT$' "sessions: heading"
has "$out" "^ +${env_one[SESSION]}  $me +$one  open +[0-9]+m?s +- +1 +0 +7 +28 KiB +0 B  $program_seen  paclient\$" "sessions: one"
run 0 --json sessions
json "$out" "[(s['pid'], s['nextents'], s['nshares'], s['npages'], s['bytes'], s['state'], s['user'], s['uid']) for s in j['sessions'] if s['id'] == ${env_two[SESSION]}] == [($holder, 1, 1, 2, 8192, 'open', '$me', $uid)]" "sessions --json"
json "$out" "[s['own'] for s in j['sessions']].count(True) == 1 and j['region'] is None and [s['id'] for s in j['sessions']] == sorted(s['id'] for s in j['sessions'])" "sessions --json"
run 0 --json sessions many
json "$out" "[s['npages'] for s in j['sessions'] if s['id'] == ${env_one[SESSION]}] == [0] and j['region'] == 'many'" "sessions REGION"
run 0 sessions kill "${env_one[SESSION]}"
same "session ${env_one[SESSION]} ended; it held 1 extent" "$out" "sessions kill"
eventually "its pages are back" gone_addr ddr "${env_one[ADDR]}"
refused 5 NO_SESSION sessions kill "${env_one[SESSION]}"
has "$err" 'paclient sessions' "NO_SESSION: what to do"
run 0 --json sessions kill "${env_two[SESSION]}"
json "$out" "j == {'session': ${env_two[SESSION]}, 'nextents': 1}" "sessions kill --json"
refused 5 NO_REGION sessions nothere
let_go "$one"
let_go "$holder"

# Quotas of a user, of a session, and how a refusal says it.
run 0 quotas
has "$out" '^QUOTA +USED +LIMIT +USED%$' "quotas: heading"
has "$out" '^user_sessions +1 +[0-9]+ +[0-9.]+$' "quotas: sessions"
has "$out" '^user_queued_bytes +0 B +64 MiB +0\.0$' "quotas: bytes"
run 0 alloc small 48
run 0 quotas small
has "$out" '^user_pages +48 +64 +75\.0$' "quotas REGION"
has "$out" '^session_pages +0 +16 +0\.0$' "quotas REGION"
run 0 --json quotas small
json "$out" "{'name': 'user_extents', 'used': 1, 'limit': 5, 'used_percent': 20.0} in j['quotas'] and j['region'] == 'small'" "quotas --json"
run 0 --json quotas ddr
json "$out" "[q['limit'] for q in j['quotas'] if q['name'] == 'session_extents'] == [None]" "quotas --json: none"
refused 4 QUOTA alloc small 17
json "$err" "(lambda e: (e['field'], e['limit'], e['used'], e['asked']))(j['error']) == ('user_pages', 64, 48, 17)" "QUOTA: numbers"
run 4 alloc small 17
has "$err" 'user_pages: 48 of 64.* 17 more.*; see .paclient quotas.' "QUOTA: message and what to do"
refused 4 QUOTA exec small 17 -- touch "$dir/ran"
refused 4 QUOTA alloc small 1 1 1 1 1
json "$err" 'j["error"]["field"] == "user_extents"' "QUOTA: extents"
refused 5 NO_REGION quotas nothere
nchecks=$((nchecks + 1))
stat_is 7 quota_refusals_total small || fail "stat: quota refusals"

# why knows quotas, and what would help.
run 0 free small 0x0:8
run 4 why small 17
has "$out" '^does not fit: quota session_pages leaves too few pages$' "why: a quota"
has "$out" '^would fit +only with a higher quota session_pages: it is 16 pages$' "why: a quota that is too small"
has "$out" '^quota short by +1 pages' "why: by how much"
run 0 free small 0x8000:40
run 4 why small 17
has "$out" 'detached, as paclient alloc takes it' "why: detached"
run 0 alloc small 17
run 0 alloc small 40
run 4 --json why small 16
json "$out" "j['quota'] == 'user_pages' and j['quota_npages'] == 7 and j['quota_short_npages'] == 9 and j['would_fit']['quota_npages'] == 9" "why --json"
run 4 why small 16
has "$out" '^would fit +with 9 pages fewer in use in quota user_pages$' "why: what helps"
run 0 free small 0x0:9
run 0 why small 16
has "$out" '^quota leaves +16 pages' "why: it helped"

# Wrong command lines.
usage 'name a region and an extent' lookup ddr
usage 'one too many' lookup ddr a b
usage 'unknown option --name' lookup ddr --name a
usage 'name a region' list
usage 'one too many' list ddr a
usage '--session.*number' list ddr --session one
usage '--session.*at least 1' list ddr --session 0
usage 'no user "nobody here"' list ddr --user 'nobody here'
usage "no user's number" list ddr --user 4294967295
usage "no user's number" list ddr --user 12x
usage '--lowest.*number' list ddr --lowest here
usage '--limit: below 0x0' list ddr --limit 0
usage '--min.*suffix' list ddr --min 5x
usage '--max: .*no extent is shorter' list ddr --max 3K
usage '--name.*empty' list ddr --name ''
usage 'nothing to change' annotate ddr a
usage 'name a region and an extent' annotate ddr --label x
usage '"0x10z" is not a number' annotate ddr 0x10z --label x
usage '"" names no extent' annotate ddr '' --label x
usage 'one too many' annotate ddr a b --label x
usage '--name is of one extent' alloc ddr 1 2 --name x
usage '--name is of one extent.*without --scatter' alloc ddr 10 --scatter 3 --name x
usage '--name.*empty' alloc ddr 1 --name ''
usage 'name a region and an extent' release ddr
usage 'say whose it shall be' handover ddr a
usage 'say whose it shall be' handover ddr a --user "$me" --session 1
usage 'no user' handover ddr a --user 'nobody here'
usage 'which session' sessions kill
usage 'kill: "x" is not a number' sessions kill x
usage 'kill: "0" is no session' sessions kill 0
usage 'one too many' sessions kill 1 2
usage 'one too many' sessions ddr many
usage 'one too many' quotas ddr many
usage '--share: "ddr" names no extent' exec --share ddr -- true
usage '--share: "ddr:" names no extent' exec --share ddr: -- true
usage '--share: ":a" names no extent' exec --share :a -- true
usage 'no region.*63 bytes' exec --share "$(printf 'x%.0s' {1..64}):a" -- true
usage 'for an extent that is taken' exec --share ddr:a --label x -- true
usage 'no command given' exec --share ddr:a
# shellcheck disable=SC2046 # several options are what is wanted
usage 'one too many' exec $(printf -- '--share ddr:a %.0s' {1..17}) -- true
test_end
