#!/usr/bin/env bash
# metrics - what paclient metrics prints is OpenMetrics, as a strict reader sees it, and what it says is true; so is the file for
# collectors, which is there all at once or not at all
# shellcheck disable=SC2154 # out and err are set by run
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"

# metrics OPTION... - standard input, read strictly, as JSON in $out
metrics() {
	nchecks=$((nchecks + 1))
	out=$(python3 "$here/openmetrics.py" "$@" 2>"$dir/err") || fail "$(<"$dir/err")"
}

# refuses PATTERN TEXT - the reader is strict: a test of the test
refuses() {
	nchecks=$((nchecks + 1))
	if printf '%b' "$2" | python3 "$here/openmetrics.py" >"$dir/out" 2>"$dir/err"; then
		fail "the reader takes $2"
	fi
	has "$(<"$dir/err")" "$1" "the reader of $2"
}
g='# TYPE a gauge\n# HELP a A.\n'
c='# TYPE a counter\n# HELP a A.\n'
refuses 'EOF must be the last' "${g}a 1\n"
refuses 'EOF must be the last' "${g}a 1\n# EOF\n\n"
refuses 'does not end' "${g}a 1\n# EOF"
refuses 'no sample' "${g}\na 1\n# EOF\n"
refuses 'no TYPE' "# HELP a A.\na 1\n# EOF\n"
refuses 'no type' "# TYPE a gouge\n# EOF\n"
refuses 'comes twice' "${g}# TYPE a gauge\n# EOF\n"
refuses 'in two places' "${g}a 1\n# TYPE b gauge\n# HELP b B.\nb 1\n# HELP a A.\n# EOF\n"
refuses 'stands among' "${g}a 1\nb 1\n# EOF\n"
refuses 'stands among' "${c}a 1\n# EOF\n"
refuses 'a counter is -1' "${c}a_total -1\n# EOF\n"
refuses 'no number' "${g}a 0x1\n# EOF\n"
refuses 'no sample' "${g}a  1\n# EOF\n"
refuses 'unit' "${g}# UNIT a bytes\na 1\n# EOF\n"
refuses 'twice' "${g}a{x=\"1\"} 1\na{x=\"1\"} 2\n# EOF\n"
refuses 'other labels' "${g}a{x=\"1\"} 1\na{y=\"1\"} 2\n# EOF\n"
refuses 'twice' "${g}a{x=\"1\",x=\"2\"} 1\n# EOF\n"
refuses 'comma' "${g}a{x=\"1\",} 1\n# EOF\n"
refuses 'escapes nothing' "${g}a{x=\"\\\\t\"} 1\n# EOF\n"
refuses 'labels|no sample' "${g}a{x=\"\"\"} 1\n# EOF\n"
refuses "codec can't decode|utf-8" "${g}a{x=\"\\xff\"} 1\n# EOF\n"
refuses 'two things' "${c}a_total 1\n# TYPE a_total gauge\n# HELP a_total B.\na_total 1\n# EOF\n"

# Names that nobody should have do not break a line, and come out as they were; what is no UTF-8 cannot.
for format in "" --prometheus; do
	# shellcheck disable=SC2086 # one word or none
	"$build/tests/metrics_odd" $format >"$dir/odd"
	# shellcheck disable=SC2086
	metrics $format <"$dir/odd"
	json "$out" "[s[0]['region'] for s in j['pallocd_region_faulted']['samples']] == ['q\"u\\\\o\\nte} 1', 'plain']" "labels: a region"
	json "$out" "j['pallocd_build_info']['samples'][0][0]['server'] == 'pallocd \"\\\\\" {'" "labels: the server"
	json "$out" "[s[0]['user'] for s in j['pallocd_region_user_pages']['samples']] == ['a\"b\\\\c\\nd', 'e?ä?????g?']" "labels: users"
	json "$out" "j['pallocd_region_fragmentation_ratio']['samples'][0][1] == 1.000001 and j['pallocd_uptime_seconds']['samples'][0][1] == 0.000001" "millionths"
	json "$out" "j['pallocd_store_failing']['samples'][0][1] == 1" "a store that fails"
done

daemon_start --region "ddr,limit=64M,initial=16M,allow=*:alloc" --region "mem,limit=16M,initial=1M,backing=memfd,quota-user=256K,allow=$(id -un):all" --region "gone,limit=1M,file=$dir/not/there"
run 0 alloc ddr 5 7
run 0 alloc mem 3
run 4 alloc mem 62
run 4 alloc ddr 64M
run 0 metrics
printf '%s\n' "$out" >"$dir/text"
metrics <"$dir/text"
all=$out
# value WANT NAME [LABEL=VALUE]... - one sample
value() {
	local want=$1 name=$2
	shift 2
	json "$all" "[s[1] for s in j['$name']['samples'] if all(s[0].get(l.split('=')[0]) == l.split('=')[1] for l in '$*'.split())] == [$want]" "$name $*"
}
value 1 pallocd_up
value 2 pallocd_regions
value 1 pallocd_regions_left_out
json "$all" "j['pallocd_build_info']['samples'] == [[{'server': '$("$bin/paclient" --json stat | jq -r .server)'}, 1]]" "build_info"
value 12 pallocd_region_detached_pages region=ddr
value 3 pallocd_region_detached_pages region=mem
value 2 pallocd_region_extents region=ddr
value 1 pallocd_region_no_space_refusals region=ddr
value 1 pallocd_region_quota_refusals region=mem
value 4096 pallocd_region_page_size_bytes region=ddr
value 1 pallocd_region_info region=mem backing=memfd durability=process
value 0 pallocd_region_faulted region=mem
value 12 pallocd_region_user_pages region=ddr "uid=$(id -u)" "user=$(id -un)"
value 1 pallocd_region_user_extents region=mem "uid=$(id -u)"
value 64 pallocd_region_quota_limit region=mem quota=user_pages
value 4096 pallocd_quota_limit quota=user_connections
value 1 pallocd_user_connections "uid=$(id -u)"
json "$all" "sum(s[1] for s in j['pallocd_region_scavenger_state']['samples']) == 2" "one state for each region"
json "$all" "all(f['samples'] for f in j.values())" "no metric without a sample"
json "$all" "all(f['help'].endswith('.') and len(f['help']) > 5 for f in j.values())" "help"
json "$all" "{f.get('unit') for f in j.values()} == {None, 'bytes', 'pages', 'seconds', 'ratio'}" "units"
json "$all" "all(f.get('unit') == n.rsplit('_', 1)[1] for n, f in j.items() if n.rsplit('_', 1)[1] in ('bytes', 'pages', 'seconds', 'ratio'))" "a name with a unit says so"

# All counters of `stat --json` are there, whatever they are called.
json "$(exec "$bin/paclient" --json stat)" "sum(isinstance(v, int) for v in j.values()) <= $(jq '[.[] | select(.samples[0][0] == {})] | length' <<<"$all") + 4" "no counter of the daemon is forgotten"

# A counter counts.
before=$(jq '.pallocd_requests.samples[0][1]' <<<"$all")
run 0 metrics
metrics <<<"$out"
json "$out" "j['pallocd_requests']['samples'][0][1] > $before" "requests"

# The file.
usage 'takes no arguments' metrics ddr
run 2 metrics --json
has "$err" 'stat --json' "metrics --json"
run 0 metrics --textfile "$dir/pallocd.prom"
same "" "$out" "metrics --textfile: standard output"
metrics --prometheus "$dir/pallocd.prom"
json "$out" "j['pallocd_requests_total']['type'] == 'counter' and j['pallocd_region_detached_pages']['samples'][0][1] == 12" "metrics --textfile"
same 644 "$(stat -c %a "$dir/pallocd.prom")" "the file's mode"
same "pallocd.prom" "$(cd "$dir" && ls -d pallocd.prom*)" "nothing is left beside the file"

# Who reads it meanwhile sees the old one or the new one; who has it open keeps the old one.
exec 4<"$dir/pallocd.prom"
inode=$(stat -c %i "$dir/pallocd.prom")
run 0 metrics --textfile "$dir/pallocd.prom"
[[ $(stat -c %i "$dir/pallocd.prom") != "$inode" ]] || fail "the file was written over, where it should have been replaced"
metrics --prometheus </dev/fd/4
exec 4<&-

# What cannot be written leaves nothing behind, and what is no file is not replaced.
run 1 metrics --textfile "$dir/nowhere/pallocd.prom"
has "$err" 'nowhere/pallocd.prom: No such file' "a folder that is not there"
mkdir "$dir/folder"
ln -s pallocd.prom "$dir/link.prom"
for path in folder link.prom; do
	usage 'is no regular file' metrics --textfile "$dir/$path"
done
[[ -L $dir/link.prom ]] || fail "the link was replaced"
if [[ -w /dev/full && $(id -u) == 0 ]] && mkdir "$dir/small" && mount -t tmpfs -o size=4k tmpfs "$dir/small" 2>/dev/null; then
	echo old >"$dir/small/pallocd.prom"
	run 1 metrics --textfile "$dir/small/pallocd.prom"
	has "$err" 'No space left' "a full disk"
	same "old" "$(<"$dir/small/pallocd.prom")" "a full disk: the file"
	same "pallocd.prom" "$(ls "$dir/small")" "a full disk: what is beside it"
	umount "$dir/small"
else
	echo "not root, or no tmpfs can be mounted: a full disk is left out"
fi

# Another user sees its own, and nothing of regions that it has no right in.
if other_user; then
	"$other" alloc ddr 1 >/dev/null
	"$other" metrics >"$dir/text"
	metrics <"$dir/text"
	json "$out" "{s[0]['uid'] for s in j['pallocd_region_user_pages']['samples']} == {'65534'} and {s[0]['region'] for s in j['pallocd_region_info']['samples']} == {'ddr'}" "another user's metrics"
	run 0 metrics
	metrics <<<"$out"
	json "$out" "sorted((s[0]['uid'], s[1]) for s in j['pallocd_region_user_pages']['samples'] if s[0]['region'] == 'ddr') == [('0', 12), ('65534', 1)]" "root sees all users"
fi

# No daemon: nothing on standard output; the file says so.
daemon_stop
refused 3 NOT_CONNECTED stat
run 3 metrics
same "" "$out" "metrics without daemon"
run 3 metrics --textfile "$dir/pallocd.prom"
metrics --prometheus "$dir/pallocd.prom"
json "$out" "list(j) == ['pallocd_up'] and j['pallocd_up']['samples'] == [[{}, 0]]" "metrics --textfile without daemon"
test_end
