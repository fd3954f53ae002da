#!/usr/bin/env bash
# death - what becomes of extents whose session ends: free, kept, in quarantine; of the command, and of those who share
# shellcheck disable=SC2154,SC2317 # out and err are set by run, env_* are set by hold; eventually calls functions
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region free,limit=1M,initial=1M --region keep,limit=1M,initial=1M,death=keep \
	--region hot,limit=1M,initial=1M,death=quarantine,quarantine=6s \
	--region forever,limit=1M,initial=1M,death=quarantine,quarantine=infinity

# The policy is told.
run 0 info free
has "$out" '^death +free$' "info: free"
has "$out" '^your rights +alloc, attach-ro, attach-rw, free-any, grow, admin$' "info: rights"
run 0 info keep
has "$out" '^death +keep$' "info: keep"
run 0 info hot
has "$out" '^death +quarantine for 6s$' "info: quarantine"
run 0 --json info hot
json "$out" 'j["death"] == "quarantine" and j["quarantine_ms"] == 6000 and "admin" in j["rights"]' "info --json"

state_is() {
	"$bin/paclient" --json lookup "$1" "$2" | grep >/dev/null "\"state\": \"$3\""
}
gone() {
	! "$bin/paclient" lookup "$1" "$2"
}
dead() {
	! kill -0 "$1"
}

# die REGION HOW - a command in exec holds 5 pages named x; paclient or the command is killed outright
die() {
	hold it "$1" 5 --name x --label "$2"
	case $2 in
	paclient) kill -KILL "$holder" ;;
	command) kill -KILL "${env_it[PID]}" ;;
	session) "$bin/paclient" sessions kill "${env_it[SESSION]}" >"$dir/out" ;;
	esac
}

# end CODE WHAT - how paclient ended
end() {
	wait "$holder" 2>/dev/null
	same "$1" $? "$2: exit code"
}

for how in paclient:137 command:137; do
	die free "${how%:*}"
	end "${how#*:}" "free: ${how%:*}"
	eventually "free: ${how%:*}: x is gone" gone free x
	eventually "free: ${how%:*}: the command is gone" dead "${env_it[PID]}"
	settles 0 free

	die keep "${how%:*}"
	end "${how#*:}" "keep: ${how%:*}"
	eventually "keep: ${how%:*}: x is the user's" state_is keep x detached
	run 0 list keep
	has "$out" " x  ${how%:*}\$" "keep: name and label stay"
	run 0 release keep x
	settles 0 keep
done

# In quarantine nobody gets the pages, nor the name; then they are free by themselves.
for how in paclient command; do
	die hot $how
	wait "$holder" 2>/dev/null
	eventually "hot: $how: x is in quarantine" state_is hot x quarantine
	run 4 alloc hot 252
	run 4 alloc hot 1 --name x
	run 0 --json list hot
	json "$out" "[(e['npages'], e['state'], e['session']) for e in j['extents']] == [(5, 'quarantine', ${env_it[SESSION]})]" "hot: list"
	run 0 --json sessions hot
	json "$out" "[(s['state'], s['npages'], 0 < s['remaining_ms'] <= 6000) for s in j['sessions'] if s['id'] == ${env_it[SESSION]}] == [('quarantined', 5, True)]" "hot: sessions"
	eventually "hot: stat counts it" stat_is 5 quarantined_npages hot
	eventually "hot: $how: x is gone" gone hot x
	settles 0 hot
done
die forever paclient
wait "$holder" 2>/dev/null
eventually "forever: x is in quarantine" state_is forever x quarantine
run 5 sessions kill "${env_it[SESSION]}"
run 0 free forever "${env_it[ADDR]}:5"
eventually "forever: who is entitled ends it" gone forever x
settles 0 forever

# A session that is killed goes the same way.
die keep session
eventually "keep: session: x is the user's" state_is keep x detached
let_go "$holder"
run 0 release keep x

# lost REGION NAME SESSION - another owner has the extent
lost() {
	! "$bin/paclient" --json lookup "$1" "$2" | grep >/dev/null "\"session\": $3,"
}

# Shared: whoever dies first, and whatever the policy, the one who is left has it; with keep it is the user's first.
for region in free keep hot; do
	hold producer $region 3 --name shared
	producer=$holder
	hold consumer --share $region:shared
	consumer=$holder
	hold other --share $region:shared
	run 0 --json lookup $region shared
	json "$out" 'j["nholders"] == 3' "$region: three holders"
	kill -KILL "$consumer"
	wait "$consumer" 2>/dev/null
	eventually "$region: one holder fewer" stat_is 1 nshares $region
	run 0 --json lookup $region shared
	json "$out" "j['session'] == ${env_producer[SESSION]} and j['nholders'] == 2" "$region: still the producer's"
	kill -KILL "$producer"
	wait "$producer" 2>/dev/null
	case $region in
	keep) owner="None, 'detached', 2" ;;
	*) owner="${env_other[SESSION]}, 'session', 1" ;;
	esac
	eventually "$region: the producer holds it no more" lost $region shared "${env_producer[SESSION]}"
	run 0 --json lookup $region shared
	json "$out" "(j['session'], j['state'], j['nholders']) == ($owner)" "$region: whose it is then"
	let_go "$holder"
	case $region in
	free) eventually "free: gone with the last" gone free shared ;;
	keep)
		eventually "keep: no share is left" stat_is 0 nshares keep
		nchecks=$((nchecks + 1))
		state_is keep shared detached || fail "keep: not the user's after the last"
		;;
	hot) eventually "hot: in quarantine after the last" state_is hot shared quarantine ;;
	esac
done
test_end
