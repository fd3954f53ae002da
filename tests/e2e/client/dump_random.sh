#!/usr/bin/env bash
# dump_random - regions in random states: why, fit, list and map say of a dump what the daemon says
#
# TEST_SEED chooses states and questions; it is printed.
# shellcheck source=tests/e2e/client/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh" "$@"
daemon_start --region a,limit=24M,initial=2M,base=0x10003000,auto-grow=256K --region b,limit=4096,initial=2048,base=0x1f3,page-size=1,best-fit=yes \
	--region c,limit=16000K,initial=2M,best-fit=yes,auto-grow=3M,quota-session=4M
PYTHONPATH=$here python3 - "$bin/paclient" "$dir/dump" "${TEST_SEED:-$RANDOM}" <<'PYTHON' || fail "see above"
import random, subprocess, sys
import dump_same

paclient, dump, seed = sys.argv[1], sys.argv[2], int(sys.argv[3], 0)
print("TEST_SEED=%d" % seed)
random.seed(seed)
# Base, page size, pages that are looked at, and so many below which extents are taken: what lies above grows now and then.
REGIONS = {"a": (0x10003000, 4096, 3000, 700), "b": (0x1F3, 1, 4096, 4096), "c": (0, 4096, 2048, 1300)}
ROUNDS, CHANGES, QUESTIONS = 12, 6, 14


def addr(region, first=0, last=None):
    base, page, npages, _ = REGIONS[region]
    return hex(base + random.randrange(first, last or npages) * page)


# Refused or not: the state changes.
def change(region):
    what = random.random()
    if what < 0.7:
        sizes = [str(random.choice([1, 2, 3, 8, 20, 60, 200])) for _ in range(random.choice([1, 4]))]
        args = ["alloc", region, *sizes]
        if len(sizes) == 1:
            args += ["--at", addr(region, 0, REGIONS[region][3])]
        elif random.random() < 0.5:
            args += ["--strategy", "last", "--align", "8"]
    elif what < 0.9:
        args = [random.choice(["reserve", "drain"]), region, "%s:%d" % (addr(region), random.randrange(1, 40))]
    else:
        args = random.choice([["grow", region, "1"], ["shrink", region, "512"], ["shrink", region, "2048"]])
    subprocess.run([paclient, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def question(region):
    npages = REGIONS[region][2]
    n = random.choice([1, 2, 5, 7, 20, 60, 100, 300, 700, 1500])
    args = [random.choice(["why", "why", "why", "fit"]), region, str(n)]
    if random.random() < 0.4:
        args += ["--align", str(1 << random.randrange(10))]
    if random.random() < 0.3:
        args += ["--boundary", str(max(1 << random.randrange(3, 12), 1 << (n - 1).bit_length()))]
    if random.random() < 0.3:
        args += ["--lowest", addr(region, 1, npages // 2)]
    if random.random() < 0.3:
        args += ["--limit", addr(region, npages // 2, npages)]
    if args[0] == "why":
        if random.random() < 0.3:
            args += [random.choice(["--at", "--near"]), addr(region)]
        if random.random() < 0.5:
            args += ["--strategy", random.choice(["first", "last", "best"])]
    return args


# Some of what may grow nobody may get.
for region in ["a", "c"]:
    for _ in range(16):
        place = "%s:%d" % (addr(region, 600), random.choice([1, 5, 40, 120]))
        subprocess.run([paclient, random.choice(["reserve", "drain"]), region, place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(ROUNDS):
    for region in REGIONS:
        for _ in range(CHANGES):
            change(region)
    subprocess.run([paclient, "dump", "--output", dump], check=True)
    asked = [question(random.choice(list(REGIONS))) for _ in range(QUESTIONS)]
    for region in REGIONS:
        asked += [["list", region], ["map", region, "--width", str(random.choice([3, 17, 64])), "--lines", "3"]]
    for args in asked:
        wrong = dump_same.differ([paclient], dump, [*args, "--json"])
        if wrong:
            sys.exit("FAILED: " + wrong)
PYTHON
nchecks=$((nchecks + 1))
test_end
