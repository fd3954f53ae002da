"""test_refusals - every refusal that the protocol page names for a verb: its status, its field, and nothing has changed

Role:  a table of requests that are wrong, one row for each line of the page; and the statuses that need a host of their own.
Uses:  wire.py, daemon.py
"""
import os
import resource
import select
import subprocess
import unittest

import pallocd_pb2 as pb
import run
from daemon import Daemon, eventually
from wire import Refused, Wire

PAGE = 4096
BASE = 0x10000000
END = BASE + 1024 * PAGE
CONFIG = f"""
[Region ddr]
Limit = 8M
Initial = 4M
Base = {BASE}
[Region mem]
Limit = 4M
Initial = 4M
Backing = memfd
[Region few]
Limit = 4M
Initial = 4M
QuotaSession = 64K
QuotaSessionExtents = 2
Allow = *:attach-ro
[Region closed]
Limit = 4M
Allow = 60002:alloc
"""


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(config=CONFIG)
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__)

    def setUp(self):
        self.wire = Wire(self.daemon.socket)
        self.addCleanup(self.wire.close)
        self.other = Wire(self.daemon.socket)
        self.addCleanup(self.other.close)
        for name in ("ddr", "mem", "few"):
            eventually("what tests before held is free", lambda name=name: not self.other.call("stat", region=name).region.nextents)

    def taken(self, npages, addr, region="ddr", **fields):
        """Pages at a place, which the tests below know."""
        placement = {"rule": pb.FIXED, "addr": BASE + addr * PAGE}
        return self.wire.call("alloc", region=region, npages=[npages], placement=placement, **fields).addr[0]

    def state(self):
        """All that a request could have changed."""
        call = self.other.call
        return [call(verb, region=region) for region in ("ddr", "mem", "few") for verb in ("list", "region_info")]

    def refused(self, status, field, verb, **fields):
        before = self.state()
        with self.assertRaises(Refused, msg=f"{verb} {fields}") as caught:
            self.wire.call(verb, **fields)
        e = caught.exception
        self.assertEqual((pb.Status.Name(status), field), (pb.Status.Name(e.status), e.refusal.field), f"{verb} {fields}: {e}")
        self.assertTrue(e.reply.message)
        self.assertEqual(before, self.state(), f"{verb} {fields} has changed something")
        return e.refusal

    def table(self, rows):
        for status, field, verb, fields in rows:
            with self.subTest(verb=verb, **{k: str(v)[:60] for k, v in fields.items()}):
                self.refused(status, field, verb, **{"region": "ddr"} | fields)

    def test_regions(self):
        for verb in ("region_info", "alloc", "free", "grow", "stat", "map", "why", "fit", "resize", "split", "join", "shrink", "drain", "reserve", "free_runs", "sessions",
                     "lookup", "list", "annotate", "share", "release", "handover", "quotas", "watch", "attach", "scavenge", "check"):
            self.refused(pb.NO_REGION, "region", verb, region="none")
            self.refused(pb.NO_REGION, "region_id", verb, region_id=999)
            if verb not in ("stat", "sessions", "quotas", "watch", "check"):
                self.refused(pb.NO_REGION, "region", verb)

    def test_alloc(self):
        fixed = {"rule": pb.FIXED, "addr": BASE}
        self.table([
            (pb.INVALID, "npages", "alloc", {}),
            (pb.INVALID, "npages", "alloc", {"npages": [1, 0]}),
            (pb.INVALID, "lifetime", "alloc", {"npages": [1], "lifetime": 9}),
            (pb.INVALID, "scatter_extents", "alloc", {"npages": [1, 1], "scatter_extents": 2}),
            (pb.INVALID, "name", "alloc", {"npages": [1, 1], "name": "x"}),
            (pb.INVALID, "name", "alloc", {"npages": [1], "name": "a\tb"}),
            (pb.INVALID, "commit", "alloc", {"npages": [1], "commit": 9}),
            (pb.INVALID, "commit", "alloc", {"npages": [1], "commit": pb.COMMIT_NOW}),
            (pb.INVALID, "zero", "alloc", {"npages": [1], "zero": True}),
            (pb.LIMIT, "npages", "alloc", {"npages": [2049]}),
            (pb.NO_SPACE, "npages", "alloc", {"npages": [1025]}),
            (pb.INVALID, "align_npages", "alloc", {"npages": [1], "placement": {"align_npages": 3}}),
            (pb.INVALID, "boundary_npages", "alloc", {"npages": [1], "placement": {"boundary_npages": 3}}),
            (pb.INVALID, "boundary_npages", "alloc", {"npages": [5], "placement": {"boundary_npages": 4}}),
            (pb.INVALID, "lowest_addr", "alloc", {"npages": [1], "placement": {"lowest_addr": BASE + (9 << 20)}}),
            (pb.INVALID, "limit_addr", "alloc", {"npages": [1], "placement": {"lowest_addr": BASE + PAGE, "limit_addr": BASE + PAGE}}),
            (pb.INVALID, "rule", "alloc", {"npages": [1], "placement": {"rule": 9}}),
            (pb.INVALID, "strategy", "alloc", {"npages": [1], "placement": {"strategy": 9}}),
            (pb.INVALID, "strategy", "alloc", {"npages": [1], "placement": {"strategy": pb.BEST}}),
            (pb.INVALID, "addr", "alloc", {"npages": [1, 1], "placement": fixed}),
            (pb.INVALID, "addr", "alloc", {"npages": [1], "placement": fixed | {"lowest_addr": BASE + PAGE}}),
            (pb.OUT_OF_REGION, "addr", "alloc", {"npages": [1], "placement": fixed | {"addr": BASE - PAGE}}),
            (pb.UNALIGNED, "addr", "alloc", {"npages": [1], "placement": fixed | {"addr": BASE + 1}}),
            (pb.NOT_FREE, "addr", "alloc", {"npages": [1], "placement": fixed | {"addr": END}}),
        ])
        why = self.refused(pb.NO_SPACE, "npages", "alloc", region="ddr", npages=[1025], placement={"align_npages": 2, "lowest_addr": BASE + 24 * PAGE})
        self.assertEqual((1025, 1024, 1024, 1024, 1000, 1024, 1000),
                         (why.asked, why.free_npages, why.largest_npages, why.growable_npages, why.placed_npages, why.aligned_npages, why.bounded_npages))

    def test_quotas(self):
        self.assertEqual((16, 0, 17), (lambda r: (r.limit, r.used, r.asked))(self.refused(pb.QUOTA, "session_pages", "alloc", region="few", npages=[17])))
        self.refused(pb.QUOTA, "session_extents", "alloc", region="few", npages=[1, 1, 1])
        addr = self.wire.call("alloc", region="few", npages=[4]).addr[0]
        self.refused(pb.QUOTA, "session_pages", "resize", region="few", addr=addr, npages=17)
        self.wire.call("split", region="few", addr=addr + PAGE)
        self.refused(pb.QUOTA, "session_extents", "split", region="few", addr=addr + 2 * PAGE)
        others = self.other.call("alloc", region="few", npages=[1], name="shared").addr[0]
        self.refused(pb.QUOTA, "session_extents", "share", region="few", name="shared")
        before = self.state()
        with self.assertRaises(Refused) as caught:
            self.other.call("handover", region="few", addr=others, session=self.wire.welcome.session)
        self.assertEqual(pb.QUOTA, caught.exception.status)
        self.assertEqual(before, self.state())

    def test_free(self):
        self.taken(4, 0)
        self.taken(4, 4)
        me = self.wire.welcome.session
        self.table([
            (pb.INVALID, "addr", "free", {}),
            (pb.INVALID, "npages", "free", {"addr": [BASE], "npages": [0]}),
            (pb.INVALID, "npages", "free", {"addr": [BASE], "npages": [1, 1]}),
            (pb.INVALID, "owner_session", "free", {"addr": [BASE], "npages": [4], "owner_session": [me, me], "owner_uid": [0, 0]}),
            (pb.OUT_OF_REGION, "addr", "free", {"addr": [BASE - PAGE], "npages": [1]}),
            (pb.OUT_OF_REGION, "addr", "free", {"addr": [BASE], "npages": [1 << 60]}),
            (pb.UNALIGNED, "addr", "free", {"addr": [BASE + 1], "npages": [1]}),
            (pb.NOT_ALLOCATED, "addr", "free", {"addr": [BASE], "npages": [9]}),
            (pb.NOT_ALLOCATED, "addr", "free", {"addr": [BASE, BASE], "npages": [1, 1]}),
            (pb.NOT_OWNER, "addr", "free", {"addr": [BASE], "npages": [3], "owner_session": [me], "owner_uid": [os.getuid()]}),
            (pb.NOT_OWNER, "addr", "free", {"addr": [BASE], "npages": [4], "owner_session": [me + 1000], "owner_uid": [os.getuid()]}),
        ])
        refusal = self.refused(pb.NOT_ALLOCATED, "addr", "free", region="ddr", addr=[BASE, BASE + 4 * PAGE], npages=[4, 5])
        self.assertEqual((1, BASE + 8 * PAGE), (refusal.index, refusal.addr))
        self.other.call("share", region="ddr", addr=BASE)
        self.assertEqual(BASE, self.refused(pb.SHARED, "addr", "free", region="ddr", addr=[BASE], npages=[1]).addr)

    def test_reshape(self):
        self.taken(4, 0, name="one")
        self.taken(4, 4, name="two")
        self.taken(1, 12)
        self.table([
            (pb.INVALID, "npages", "resize", {"addr": BASE}),
            (pb.INVALID, "edge", "resize", {"addr": BASE, "npages": 1, "edge": 9}),
            (pb.INVALID, "addr", "resize", {"addr": BASE + PAGE, "npages": 1}),
            (pb.OUT_OF_REGION, "addr", "resize", {"addr": BASE, "npages": 1 << 60}),
            (pb.OUT_OF_REGION, "addr", "resize", {"addr": BASE - PAGE, "npages": 1}),
            (pb.UNALIGNED, "addr", "resize", {"addr": BASE + 1, "npages": 1}),
            (pb.NOT_ALLOCATED, "addr", "resize", {"addr": BASE + 9 * PAGE, "npages": 1}),
            (pb.NOT_FREE, "addr", "resize", {"addr": BASE + 4 * PAGE, "npages": 9}),
            (pb.INVALID, "addr", "split", {"addr": BASE}),
            (pb.NOT_ALLOCATED, "addr", "split", {"addr": BASE + 9 * PAGE}),
            (pb.INVALID, "npages", "join", {"addr": BASE}),
            (pb.INVALID, "addr", "join", {"addr": BASE + PAGE, "npages": 7}),
            (pb.INVALID, "npages", "join", {"addr": BASE, "npages": 7}),
            (pb.INVALID, "npages", "join", {"addr": BASE, "npages": 8}),
            (pb.NOT_ALLOCATED, "addr", "join", {"addr": BASE + 4 * PAGE, "npages": 9}),
            (pb.OUT_OF_REGION, "addr", "join", {"addr": BASE, "npages": 1 << 60}),
            (pb.UNALIGNED, "addr", "join", {"addr": BASE + 1, "npages": 1}),
        ])
        self.assertEqual(BASE + 12 * PAGE, self.refused(pb.NOT_FREE, "addr", "resize", region="ddr", addr=BASE + 4 * PAGE, npages=9).addr)
        self.other.call("share", region="ddr", addr=BASE)
        for verb, fields in (("resize", {"npages": 2}), ("join", {"npages": 8})):
            self.assertEqual(2, self.refused(pb.SHARED, "addr", verb, region="ddr", addr=BASE, **fields).nextents)
        self.refused(pb.SHARED, "addr", "split", region="ddr", addr=BASE + PAGE)

    def test_space(self):
        self.taken(1, 700)
        self.table([
            (pb.INVALID, "npages", "grow", {}),
            (pb.INVALID, "addr", "grow", {"addr": END + PAGE, "npages": 1}),
            (pb.INVALID, "addr", "grow", {"addr": BASE, "npages": 1}),
            (pb.LIMIT, "npages", "grow", {"npages": 1025}),
            (pb.OUT_OF_REGION, "addr", "grow", {"addr": END + 1024 * PAGE, "npages": 1}),
            (pb.UNALIGNED, "addr", "grow", {"addr": END + 1, "npages": 1}),
            (pb.INVALID, "npages", "shrink", {}),
            (pb.INVALID, "npages", "shrink", {"npages": 511}),
            (pb.INVALID, "addr", "shrink", {"addr": END, "npages": 512}),
            (pb.OUT_OF_REGION, "addr", "shrink", {"addr": BASE - PAGE, "npages": 512}),
            (pb.UNALIGNED, "addr", "shrink", {"addr": BASE + 1, "npages": 512}),
            (pb.IN_USE, "addr", "shrink", {"npages": 512}),
            (pb.INVALID, "npages", "drain", {"addr": BASE}),
            (pb.INVALID, "addr", "drain", {"addr": BASE, "npages": 1, "undo": True}),
            (pb.OUT_OF_REGION, "addr", "drain", {"addr": BASE, "npages": 1 << 60}),
            (pb.UNALIGNED, "addr", "drain", {"addr": BASE + 1, "npages": 1}),
            (pb.INVALID, "npages", "reserve", {"addr": BASE}),
            (pb.INVALID, "addr", "reserve", {"addr": BASE, "npages": 1, "undo": True}),
            (pb.OUT_OF_REGION, "addr", "reserve", {"addr": BASE, "npages": 1 << 60}),
            (pb.UNALIGNED, "addr", "reserve", {"addr": BASE + 1, "npages": 1}),
            (pb.IN_USE, "addr", "reserve", {"addr": BASE + 699 * PAGE, "npages": 3}),
            (pb.OUT_OF_REGION, "addr", "map", {"addr": BASE - PAGE, "npages": 1}),
            (pb.UNALIGNED, "addr", "map", {"addr": BASE + 1, "npages": 1}),
        ])
        self.assertEqual(1024, self.refused(pb.LIMIT, "npages", "grow", region="ddr", npages=1025).limit)

    def test_why_and_fit(self):
        for verb in ("why", "fit"):
            self.table([
                (pb.INVALID, "npages", verb, {}),
                (pb.LIMIT, "npages", verb, {"npages": 2049}),
                (pb.INVALID, "align_npages", verb, {"npages": 1, "placement": {"align_npages": 3}}),
            ])

    def test_names_and_holders(self):
        self.taken(4, 0, name="one")
        self.taken(4, 4)
        stranger = self.other.call("alloc", region="ddr", npages=[1]).addr[0]
        self.table([
            (pb.NAME_TAKEN, "name", "annotate", {"addr": BASE + 4 * PAGE, "set_name": True, "name": "one"}),
            (pb.INVALID, "addr", "annotate", {"addr": BASE + PAGE, "set_label": True}),
            (pb.NOT_ALLOCATED, "addr", "annotate", {"addr": BASE + 20 * PAGE, "set_label": True}),
            (pb.OUT_OF_REGION, "addr", "annotate", {"addr": BASE - PAGE, "set_label": True}),
            (pb.UNALIGNED, "addr", "annotate", {"addr": BASE + 1, "set_label": True}),
            (pb.INVALID, "name_pattern", "list", {"name_pattern": "a\nb"}),
            (pb.NOT_FOUND, "name", "share", {"name": "none"}),
            (pb.NOT_FOUND, "addr", "share", {"addr": BASE + PAGE}),
            (pb.INVALID, "addr", "share", {"name": "one"}),
            (pb.NOT_FOUND, "addr", "release", {"addr": BASE + PAGE}),
            (pb.NOT_OWNER, "addr", "release", {"addr": stranger}),
            (pb.INVALID, "session", "handover", {"addr": BASE}),
            (pb.INVALID, "session", "handover", {"addr": BASE, "session": 1, "to_user": True}),
            (pb.NO_SESSION, "session", "handover", {"addr": BASE, "session": 1 << 60}),
            (pb.NOT_FOUND, "addr", "handover", {"addr": BASE + PAGE, "to_user": True, "uid": os.getuid()}),
            (pb.INVALID, "kinds", "watch", {"kinds": [99]}),
            (pb.INVALID, "region", "attach", {}),
            (pb.INVALID, "region", "scavenge", {}),
        ])

    def test_no_right(self):
        """Another user, who may only read the memory of one region."""
        if os.getuid() != 0:
            run.not_here["DENIED"] = "only root can be another user"
            self.skipTest("not root: nobody is without rights")
        os.chmod(self.daemon.folder, 0o711)
        os.chmod(self.daemon.socket, 0o666)
        mine = self.wire.call("alloc", region="few", npages=[1]).addr[0]
        self.assertEqual(0, as_user(60001, lambda: self.without_rights(mine)))

    def without_rights(self, mine):
        with Wire(self.daemon.socket) as wire:
            self.wire = wire
            self.state = lambda: None
            self.assertEqual([pb.RIGHT_ATTACH_RO], list(wire.call("region_info", region="few").region.rights))
            rows = [("alloc", "alloc", {"npages": [1]}), ("attach-rw", "attach", {"write": True}), ("grow", "grow", {"npages": 1}), ("admin", "shrink", {"npages": 512}),
                    ("admin", "drain", {"npages": 1}), ("admin", "reserve", {"npages": 1}), ("admin", "scavenge", {}), ("admin", "check", {})]
            for right, verb, fields in rows:
                self.refused(pb.DENIED, right, verb, region="few", **fields)
            self.refused(pb.NOT_OWNER, "addr", "free", region="few", addr=[mine], npages=[1])
            self.refused(pb.DENIED, "session", "end_session", session=self.other.welcome.session)
            self.refused(pb.DENIED, "any", "region_info", region="closed")
            self.assertEqual(4, len(wire.call("list_regions").regions))
            self.assertEqual([wire.welcome.session], [s.id for s in wire.call("sessions").sessions])


def as_user(uid, function):
    """function() in a process of that user's: its exit code."""
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            function()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    import wire

    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        wire.seen_statuses.add(pb.DENIED)
    return code


class Hosts(unittest.TestCase):
    """Statuses that a host in need brings about."""

    def test_no_room_for_the_store(self):
        """What changes something is refused, all else goes on; with room again it works by itself."""
        daemon = Daemon("--region", "ddr,limit=1G,initial=1G")
        self.addCleanup(daemon.__exit__)
        # It is not killed for writing beyond the limit below: the signal is as a shell leaves it.
        daemon.start()
        wire = Wire(daemon.socket, repeats=True)
        self.addCleanup(wire.close)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        other = Wire(daemon.socket)
        self.addCleanup(other.close)
        # Much to be written, as much as it takes. What was done when it notices is answered when it is written.
        replies = []
        while not other.call("stat").daemon.store_failure:
            wire.send("alloc", region="ddr", npages=[1] * 512, label="x" * 127)
            while wire.pending and select.select([wire.stream.socket], [], [], 0)[0]:
                replies.append(wire.receive())
            self.assertLess(len(replies), 500, "no limit makes the store fail")
        self.assertTrue(other.call("stat", region="ddr").region.store_failure)
        with self.assertRaises(Refused) as caught:
            other.call("alloc", region="ddr", npages=[1])
        self.assertEqual(pb.STORE_FAILED, caught.exception.status)
        with Wire(daemon.socket) as new:
            new.call("list", region="ddr")
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually("the store works", lambda: not other.call("stat").daemon.store_failure)
        while wire.pending:
            replies.append(wire.receive())
        done = [r for r in replies if r.status == pb.OK]
        self.assertEqual({pb.OK, pb.STORE_FAILED}, {r.status for r in replies} | {pb.STORE_FAILED})
        self.assertEqual(512 * len(done), other.call("stat", region="ddr").region.session_npages)
        other.call("alloc", region="ddr", npages=[1])

    def test_no_memory(self):
        """No room on the disk to put behind the pages: they are free again."""
        with Daemon("--region", "none,limit=4M") as daemon:
            folder = os.path.join(daemon.folder, "small")
            os.mkdir(folder)
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, text=True)
            if mounted.returncode:
                run.not_here["NO_MEMORY"] = f"a small file system cannot be mounted: {mounted.stderr.strip()}"
                self.skipTest("no small file system")
            try:
                self.without_memory(os.path.join(folder, "file"))
            finally:
                subprocess.run(["umount", "-l", folder], check=True)

    def without_memory(self, path):
        with open(path, "wb") as f:
            f.truncate(16 << 20)
        with Daemon("--region", f"small,limit=16M,initial=16M,file={path}") as daemon, Wire(daemon.socket) as wire:
            with self.assertRaises(Refused) as caught:
                wire.call("alloc", region="small", npages=[1024], commit=pb.COMMIT_NOW)
            self.assertEqual((pb.NO_MEMORY, 1024), (caught.exception.status, caught.exception.refusal.asked))
            self.assertEqual(4096, wire.call("region_info", region="small").region.free_npages)
            eventually("nothing is busy", lambda: wire.call("stat", region="small").region.busy_npages == 0)
            wire.call("alloc", region="small", npages=[16], commit=pb.COMMIT_NOW)
