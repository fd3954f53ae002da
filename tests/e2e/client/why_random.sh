#!/usr/bin/env bash
# why_random - a region in random states: what `paclient why` says would make an extent fit is tried, and does
#
# TEST_SEED chooses the states; it is printed.
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region ddr,limit=16M,initial=4M,base=0x10000000
python3 - "$bin/paclient" "${TEST_SEED:-$RANDOM}" <<'PYTHON' || fail "see above"
import json, random, subprocess, sys

paclient, seed = sys.argv[1], int(sys.argv[2], 0)
print("TEST_SEED=%d" % seed)
random.seed(seed)
BASE, NPAGES, PAGE = 0x10000000, 4096, 4096
tried = {}


def run(*args):
    r = subprocess.run([paclient, "--json", *map(str, args)], capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout or r.stderr)


def addr(first, last):
    return hex(BASE + random.randrange(first, last) * PAGE)


# Refused or not: the state changes.
def change():
    what = random.random()
    if what < 0.6:
        run("alloc", "ddr", random.choice([1, 3, 8, 20, 60, 200]), "--at", addr(0, NPAGES))
    elif what < 0.8:
        verb = random.choice(["reserve", "drain"])
        run(verb, "ddr", "%s:%d" % (addr(0, NPAGES - 20), random.randrange(1, 20)))
    else:
        run(*random.choice([("grow", "ddr", 1), ("shrink", "ddr", 512)]))


def options(npages):
    o = {}
    if random.random() < 0.5:
        o["align"] = 1 << random.randrange(10)
    if random.random() < 0.2:
        o["boundary"] = max(1 << random.randrange(3, 12), 1 << (npages - 1).bit_length())
    if random.random() < 0.4:
        o["lowest"] = addr(0, NPAGES // 2)
    if random.random() < 0.4:
        o["limit"] = addr(NPAGES // 2 + 1, NPAGES)
    if random.random() < 0.2:
        o["at"] = addr(0, NPAGES)
    if random.random() < 0.3:
        o["strategy"] = random.choice(["first", "last"])
    return o


def words(o, without=""):
    return [w for k, v in o.items() if k not in without.split() for w in ("--" + k, v)]


def must(name, code, *args):
    tried[name] = tried.get(name, 0) + 1
    got, said = run(*args)
    if got != code:
        sys.exit("FAILED: %s: %s: wanted exit code %d, got %d: %s" % (name, args, code, got, said))
    return said


for _ in range(200):
    for _ in range(3):
        change()
    n = random.choice([1, 5, 20, 60, 100, 300, 700, 1500])
    o = options(n)
    code, said = run("why", "ddr", n, *words(o))
    if code != 4:
        continue
    fit = said["would_fit"]
    for name, without in (
        ("another_address", "at"),
        ("without_alignment", "align boundary"),
        ("without_bounds", "lowest limit"),
        ("without_placement", "at align boundary lowest limit"),
    ):
        if fit[name]:
            must(name, 0, "why", "ddr", n, *words(o, without))
    if fit["align_npages"]:
        must("align_npages", 0, "why", "ddr", n, *words({**o, "align": fit["align_npages"]}))
        must("no larger one", 4, "why", "ddr", n, *words({**o, "align": 2 * fit["align_npages"]}))
    if fit["extents"]:
        x = must("extents", 0, "alloc", "ddr", n, "--scatter", fit["extents"])
        assert sum(e["npages"] for e in x["extents"]) == n
        must("free", 0, "free", "ddr", *("%(addr)s:%(npages)d" % e for e in x["extents"]))
    if fit["grow_npages"]:
        x = must("grow_npages", 0, "grow", "ddr", fit["grow_npages"])
        must("after growing", 0, "why", "ddr", n, *words(o))
        must("shrink", 0, "shrink", "ddr", "%(addr)s:%(npages)d" % x)
print(tried)
PYTHON
nchecks=$((nchecks + 1))
test_end
