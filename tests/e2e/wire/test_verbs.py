"""test_verbs - every verb by the protocol page: what goes in, what comes out

Role:  one test for each verb or two that belong together, all fields of each request.
Uses:  wire.py, daemon.py
"""
import mmap
import os
import unittest

import pallocd_pb2 as pb
from daemon import Daemon, eventually
from wire import Refused, Wire

PAGE = 4096
BASE = 0x10000000
CONFIG = f"""
[Region ddr]
Limit = 16M
Initial = 4M
Base = {BASE}
BestFit = yes
LowSpace = 64K
[Region mem]
Limit = 4M
Initial = 4M
Backing = memfd
Sanitize = yes
[Region small]
Limit = 4M
Initial = 4M
QuotaSession = 64K
[Region kept]
Limit = 4M
Initial = 4M
Death = quarantine
Quarantine = 1h
"""


class Verbs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(config=CONFIG)
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__)

    def setUp(self):
        self.wire = self.open()
        self.call = self.wire.call
        self.ddr = self.region("ddr")
        for name in ("ddr", "mem", "small"):
            eventually("what tests before held is free", lambda name=name: not self.call("stat", region=name).region.nextents)

    def open(self, **options):
        wire = Wire(self.daemon.socket, **options)
        self.addCleanup(wire.close)
        return wire

    def region(self, name):
        return self.call("region_info", region=name).region.id

    def alloc(self, npages, region="ddr", **fields):
        return self.call("alloc", region=region, npages=[npages], **fields).addr[0]

    def refused(self, status, field, verb, **fields):
        with self.assertRaises(Refused) as caught:
            self.call(verb, **fields)
        self.assertEqual((pb.Status.Name(status), field), (pb.Status.Name(caught.exception.status), caught.exception.refusal.field))
        return caught.exception.refusal

    def test_hello(self):
        welcome = self.open(grace_msec=60000, accepts_handover=True).welcome
        self.assertEqual((1, 65536, 3072, 16, 60000), (welcome.version, welcome.frame_bytes_max, welcome.batch_extents_max, len(welcome.token), welcome.grace_msec))
        self.assertRegex(welcome.server, "^pallocd ")
        self.assertEqual(set(pb.Feature.values()) - {pb.FEATURE_NONE}, set(welcome.features))
        self.assertFalse(welcome.resumed or welcome.repeats)
        self.assertGreater(welcome.restart_grace_msec, 0)
        self.assertNotEqual(welcome.session, self.wire.welcome.session)

    def test_regions(self):
        regions = {r.name: r for r in self.wire.listed("list_regions", "regions", lambda f, r: f.update(after=r.regions[-1].id))}
        self.assertEqual(["ddr", "kept", "mem", "small"], sorted(regions))
        after = self.call("list_regions", after=min(r.id for r in regions.values()))
        self.assertEqual(3, len(after.regions))
        ddr, mem = regions["ddr"], regions["mem"]
        self.assertEqual((BASE, PAGE, 4096, 1024, True, 16), (ddr.base_addr, ddr.page_size_bytes, ddr.limit_npages, ddr.grown_npages, ddr.best_fit, ddr.low_npages))
        self.assertEqual(set(pb.Right.values()) - {pb.RIGHT_NONE}, set(ddr.rights))
        self.assertEqual((pb.BACKING_NONE, pb.BACKING_MEMFD, PAGE, True, True), (ddr.backing, mem.backing, mem.backing_page_bytes, mem.sanitize, mem.releases))
        self.assertEqual((pb.COMMIT_LAZY, pb.DURABILITY_PROCESS, 1, False), (mem.commit, ddr.durability, ddr.generation, ddr.faulted))
        self.assertEqual((pb.DEATH_QUARANTINE, 3600000), (regions["kept"].death, regions["kept"].quarantine_msec))
        info = self.call("region_info", region_id=ddr.id)
        self.assertEqual((ddr, [BASE], [1024], 1), (info.region, list(info.range_addr), list(info.range_npages), info.nranges))

    def test_alloc_and_free(self):
        taken = self.call("alloc", region_id=self.ddr, npages=[1, 300], label="both")
        self.assertEqual(([BASE, BASE + PAGE], 301, []), (list(taken.addr), taken.scavenged_npages, list(taken.npages)))
        freed = self.call("free", region_id=self.ddr, addr=[BASE, BASE + PAGE], npages=[1, 100])
        self.assertEqual((101, 0), (freed.npages, freed.shared_npages))
        session = self.wire.welcome.session
        freed = self.call("free", region="ddr", addr=[BASE + 101 * PAGE], npages=[200], owner_session=[session], owner_uid=[os.getuid()])
        self.assertEqual(200, freed.npages)
        addr = self.alloc(2, lifetime=pb.DETACHED)
        self.wire.close()
        with Wire(self.daemon.socket) as other:
            extent = other.call("list", region="ddr").extents[0]
            self.assertEqual((addr, 2, 0, os.getuid()), (extent.addr, extent.npages, extent.session, extent.uid))
            other.call("free", region="ddr", addr=[addr], npages=[2], owner_session=[0], owner_uid=[extent.uid])

    def test_placement(self):
        self.assertEqual(BASE + 1016 * PAGE, self.alloc(4, placement={"align_npages": 8, "strategy": pb.LAST}))
        at = {"rule": pb.FIXED, "addr": BASE + 8 * PAGE}
        self.assertEqual(BASE + 8 * PAGE, self.alloc(2, placement=at))
        self.assertEqual(BASE + 8 * PAGE, self.refused(pb.NOT_FREE, "addr", "alloc", region="ddr", npages=[1], placement=at).addr)
        self.assertEqual(BASE, self.alloc(2, placement={"rule": pb.HINT, "addr": BASE + 8 * PAGE}))
        bounds = {"lowest_addr": BASE + 500 * PAGE, "limit_addr": BASE + 600 * PAGE, "boundary_npages": 64}
        self.assertEqual(BASE + 500 * PAGE, self.alloc(12, placement=bounds))
        self.assertEqual(BASE + 512 * PAGE, self.alloc(13, placement=bounds))
        self.assertEqual(BASE + 1020 * PAGE, self.alloc(3, placement={"strategy": pb.BEST}))

    def test_scattered(self):
        self.call("reserve", region="ddr", addr=BASE + 64 * PAGE, npages=900)
        taken = self.call("alloc", region="ddr", npages=[100], scatter_extents=3)
        self.assertEqual((2, 100), (len(taken.addr), sum(taken.npages)))
        self.call("reserve", region="ddr", addr=BASE + 64 * PAGE, npages=900, undo=True)

    def test_names(self):
        addr = self.alloc(2, name="größe", label="made of two pages")
        extent = self.call("lookup", region_id=self.ddr, name="größe").extent
        self.assertEqual((addr, 2, self.wire.welcome.session, os.getuid(), "größe", "made of two pages", 1, False),
                         (extent.addr, extent.npages, extent.session, extent.uid, extent.name, extent.label, extent.nholders, extent.quarantined))
        self.call("lookup", region="ddr", name="größe")
        self.assertEqual(addr, self.refused(pb.NAME_TAKEN, "name", "alloc", region="ddr", npages=[1], name="größe").addr)
        self.call("annotate", region="ddr", addr=addr, set_name=True, name="other", set_label=True, label="")
        self.call("annotate", region_id=self.ddr, addr=addr, set_label=True, label="again")
        extent = self.call("lookup", region="ddr", name="other").extent
        self.assertEqual("again", extent.label)
        self.refused(pb.NOT_FOUND, "name", "lookup", region="ddr", name="größe")

    def test_lists(self):
        self.wire.batch([("alloc", {"region": "ddr", "npages": [1 + n % 2], "name": f"n{n}"}) for n in range(600)])
        advance = lambda fields, result: fields.update(lowest_addr=result.next_addr)  # noqa: E731
        everything = self.wire.listed("list", "extents", advance, region_id=self.ddr)
        self.assertEqual([f"n{n}" for n in range(600)], [e.name for e in everything])
        self.assertTrue(all(len(r.extents) <= 512 for r in [self.call("list", region="ddr")]))
        mine = self.wire.listed("list", "extents", advance, region="ddr", session=self.wire.welcome.session, name_pattern="n1[0-9]", min_npages=2, max_npages=2, max_extents=2)
        self.assertEqual(["n11", "n13", "n15", "n17", "n19"], [e.name for e in mine])
        some = self.call("list", region="ddr", by_uid=True, uid=os.getuid(), lowest_addr=everything[3].addr, limit_addr=everything[5].addr)
        self.assertEqual(["n3", "n4"], [e.name for e in some.extents])
        self.assertEqual([], list(self.call("list", region="ddr", by_uid=True, uid=60001).extents))
        self.refused(pb.NO_SESSION, "session", "list", region="ddr", session=1 << 60)

    def test_reshaped(self):
        addr = self.alloc(10)
        grown = self.call("resize", region="ddr", addr=addr, npages=20)
        self.assertEqual((addr, 20), (grown.addr, grown.npages))
        cut = self.call("resize", region_id=self.ddr, addr=addr, npages=16, edge=pb.LOWER)
        self.assertEqual((addr + 4 * PAGE, 16), (cut.addr, cut.npages))
        split = self.call("split", region="ddr", addr=addr + 8 * PAGE)
        self.assertEqual((addr + 4 * PAGE, 4, 12), (split.addr, split.npages, split.upper_npages))
        self.call("split", region_id=self.ddr, addr=addr + 9 * PAGE)
        self.assertEqual(2, self.call("join", region="ddr", addr=addr + 8 * PAGE, npages=12).nextents)
        self.assertEqual(2, self.call("join", region_id=self.ddr, addr=addr + 4 * PAGE, npages=16).nextents)

    def test_space(self):
        grown = self.call("grow", region="ddr", npages=1)
        self.assertEqual((BASE + 1024 * PAGE, 512, 1536), (grown.addr, grown.npages, grown.grown_npages))
        # Nobody has had these pages: no memory is behind them.
        addr = self.alloc(1, placement={"lowest_addr": grown.addr})
        self.assertEqual(10, self.call("resize", region="ddr", addr=addr, npages=11).scavenged_npages)
        self.call("free", region="ddr", addr=[addr], npages=[11])
        at = self.call("grow", region_id=self.ddr, npages=512, addr=BASE + 2048 * PAGE)
        self.assertEqual(BASE + 2048 * PAGE, at.addr)
        self.assertEqual([1536, 512], list(self.call("region_info", region="ddr").range_npages))
        addr = self.alloc(1, placement={"lowest_addr": at.addr})
        drained = self.call("drain", region="ddr", addr=at.addr, npages=512)
        self.assertEqual((1, 1, [addr], [1]), (drained.nextents, drained.npages, list(drained.extent_addr), list(drained.extent_npages)))
        refusal = self.refused(pb.IN_USE, "addr", "shrink", region="ddr", addr=at.addr, npages=512)
        self.assertEqual((1, [addr], [1]), (refusal.nextents, list(refusal.extent_addr), list(refusal.extent_npages)))
        self.call("free", region="ddr", addr=[addr], npages=[1])
        self.assertEqual([at.addr], list(self.call("region_info", region="ddr").drained_addr))
        self.assertEqual(512, self.call("region_info", region="ddr").drained_npages[0])
        self.call("drain", region_id=self.ddr, addr=at.addr, npages=512, undo=True)
        gone = self.call("shrink", region_id=self.ddr, addr=at.addr, npages=512)
        self.assertEqual((at.addr, 512, 1536), (gone.addr, gone.npages, gone.grown_npages))
        self.assertEqual(1024, self.call("shrink", region="ddr", npages=512).grown_npages)
        self.assertEqual(1, self.call("reserve", region_id=self.ddr, addr=BASE, npages=4).nranges)
        info = self.call("region_info", region="ddr")
        self.assertEqual(([BASE], [4], 4), (list(info.reserved_addr), list(info.reserved_npages), info.region.held_npages))
        self.assertEqual(0, self.call("reserve", region="ddr", addr=BASE, npages=4, undo=True).nranges)

    def test_why_and_fit(self):
        why = self.call("why", region="ddr", npages=2000, placement={"align_npages": 4})
        self.assertEqual((False, 1024, 976, 3072), (why.fits, why.placed_npages, why.short_npages, why.growable_npages))
        why = self.call("why", region_id=self.ddr, npages=3, placement={"lowest_addr": BASE + PAGE, "align_npages": 2})
        self.assertEqual((True, BASE + 2 * PAGE, 0), (why.fits, why.addr, why.grow_npages))
        why = self.call("why", region="small", npages=17)
        self.assertEqual((False, "session_pages", 16, 1), (why.fits, why.quota, why.quota_npages, why.quota_short_npages))
        self.assertEqual(10, self.call("fit", region="ddr", npages=100).nextents)
        self.assertEqual(8, self.call("fit", region_id=self.ddr, npages=100, placement={"align_npages": 128}).nextents)

    def test_numbers(self):
        self.alloc(24)
        stat = self.call("stat", region="ddr", users=True)
        self.assertEqual((self.daemon.process.pid, 4), (stat.daemon.pid, stat.daemon.nregions))
        self.assertEqual((24, 1000, 1, 1000), (stat.region.session_npages, stat.region.free_npages, stat.region.nextents, stat.region.largest_npages))
        self.assertEqual([(os.getuid(), 24, 1)], [(u.uid, u.npages, u.nextents) for u in stat.users])
        self.assertEqual([], list(self.call("stat", region_id=self.ddr, users=True, from_uid=os.getuid() + 1).users))
        self.assertFalse(self.call("stat").HasField("region"))
        for named in ({"region": "ddr"}, {"region_id": self.ddr}):
            runs = self.call("free_runs", **named)
            self.assertEqual(([0] * 9 + [1], 1000, 0), (list(runs.nruns), runs.free_npages, runs.fragmentation_ppm))
            self.assertEqual(1000, runs.npages[9])
        picture = self.call("map", region="ddr", addr=BASE, npages=1024, ncells=4)
        self.assertEqual((BASE, 256, 1024, [24, 0, 0, 0], [256] * 4),
                         (picture.addr, picture.cell_npages, picture.npages, list(picture.used_npages), list(picture.grown_npages)))
        self.assertLessEqual(len(self.call("map", region_id=self.ddr).used_npages), 1024)
        quotas = {q.name: q for q in self.call("quotas", region="small").quotas}
        self.assertEqual((16, 0), (quotas["session_pages"].limit, quotas["session_pages"].used))
        self.assertEqual({"user_sessions", "user_connections", "user_waiting", "user_queued_bytes"}, {q.name for q in self.call("quotas").quotas})
        self.call("quotas", region_id=self.ddr)

    def test_sessions(self):
        other = self.open(grace_msec=60000)
        session = other.welcome.session
        other.call("alloc", region="ddr", npages=[3])
        found = {s.id: s for s in self.call("sessions", after=session - 1, region="ddr").sessions}
        self.assertEqual((os.getpid(), os.getuid(), "wire", pb.SESSION_OPEN, 1, 3, 3 * PAGE), (lambda s: (s.pid, s.uid, s.client, s.state, s.nextents, s.npages, s.held_bytes))(found[session]))
        self.call("sessions", region_id=self.ddr)
        other.cut()

        def state():
            return {s.id: s for s in self.call("sessions").sessions}.get(session)

        eventually("in its grace time", lambda: state().state == pb.SESSION_GRACE)
        self.assertLessEqual(state().remaining_msec, 60000)
        self.assertEqual(1, self.call("end_session", session=session).nextents)
        eventually("it has ended", lambda: state() is None)
        self.refused(pb.NO_SESSION, "session", "end_session", session=session)

    def test_quarantined(self):
        other = self.open()
        addr = other.call("alloc", region="kept", npages=[3], name="still there").addr[0]
        other.call("end_session")
        self.assertEqual([], other.until_closed())
        eventually("in quarantine", lambda: self.call("lookup", region="kept", name="still there").extent.quarantined)
        self.assertEqual(addr, self.call("lookup", region="kept", name="still there").extent.addr)

    def test_shared(self):
        other = self.open()
        addr = self.alloc(2, name="ours")
        self.assertEqual((addr, 2, 2), (lambda e: (e.addr, e.npages, e.nholders))(other.call("share", region="ddr", name="ours").extent))
        freed = self.call("free", region="ddr", addr=[addr], npages=[2])
        self.assertEqual((2, 2), (freed.npages, freed.shared_npages))
        self.call("share", region_id=self.ddr, addr=addr)
        self.assertEqual((2, 1), (lambda r: (r.npages, r.nholders))(other.call("release", region="ddr", addr=addr)))
        self.assertEqual(0, self.call("release", region_id=self.ddr, addr=addr).nholders)

    def test_handed_over(self):
        other = self.open(accepts_handover=True)
        addr = self.alloc(2)
        self.assertEqual(2, self.call("handover", region="ddr", addr=addr, session=other.welcome.session).npages)
        other.call("handover", region_id=self.ddr, addr=addr, to_user=True, uid=60001)
        self.assertEqual((0, 60001), (lambda e: (e.session, e.uid))(self.call("list", region="ddr", lowest_addr=addr).extents[0]))
        # The right free-any is the daemon's own user's.
        self.call("free", region="ddr", addr=[addr], npages=[2])

    def test_waits(self):
        other = self.open()
        addr = self.alloc(1024)
        waiting = other.send("alloc", region="ddr", npages=[1], wait_msec=60000)
        other.send("stat")
        eventually("it waits", lambda: self.call("stat", region="ddr").region.nwaiting == 1)
        self.call("free", region="ddr", addr=[addr], npages=[1024])
        self.assertEqual((waiting, addr), (lambda r: (r.id, r.alloc.addr[0]))(other.receive()))
        self.assertEqual("stat", other.receive().WhichOneof("result"))

    def test_memory(self):
        region = self.region("mem")
        taken = self.call("alloc", region="mem", npages=[2], commit=pb.COMMIT_NOW, zero=True)
        self.assertEqual((2, 0), (taken.scavenged_npages, taken.cleared_npages))
        addr = taken.addr[0]
        # Two in flight: the n-th descriptor is the n-th reply's.
        self.wire.send("attach", region_id=region, write=True)
        attached, reader = self.wire.attach(region="mem")
        self.assertEqual((0, 4 << 20, PAGE, PAGE, pb.BACKING_MEMFD, False),
                         (attached.base_addr, attached.bytes, attached.page_size_bytes, attached.backing_page_bytes, attached.backing, attached.write))
        # The second call has received the first's reply: its descriptor is still in the queue, behind none.
        writer, reader = reader, self.wire.stream.fds.popleft()
        with mmap.mmap(writer, PAGE, offset=addr - attached.base_addr) as memory:
            memory[:5] = b"hello"
        with mmap.mmap(reader, PAGE, prot=mmap.PROT_READ, offset=addr - attached.base_addr) as memory:
            self.assertEqual(b"hello", memory[:5])
        with self.assertRaises(PermissionError):
            mmap.mmap(reader, PAGE)
        os.close(writer)
        os.close(reader)
        self.call("free", region="mem", addr=[addr], npages=[2])
        self.assertGreaterEqual(self.call("scavenge", region="mem", bytes=2 * PAGE, wait=True).released_npages, 1)
        self.assertEqual(("", 0), (lambda r: (r.failure, r.released_npages))(self.call("scavenge", region_id=region)))
        # What was written is not seen by the next: the region sanitizes.
        self.call("alloc", region="mem", npages=[1], placement={"rule": pb.FIXED, "addr": addr})

    def test_leased(self):
        """Blocks of 64 pages that a client deals out by itself; it is told when others want space, and gives them back as any extents."""
        leaser = self.open(grace_msec=60000)
        leased = leaser.call("alloc", region_id=self.ddr, block=3)
        ranges = list(zip(leased.addr, leased.npages))
        blocks = {page // 64 for addr, npages in ranges for page in range(addr // PAGE, addr // PAGE + npages)}
        self.assertTrue(1 <= len(blocks) <= 3, ranges)
        session = leaser.welcome.session
        self.assertEqual(ranges, [(e.addr, e.npages) for e in self.call("list", region="ddr", session=session).extents])
        leaser.cut()
        leaser.options["recalls"] = True
        self.assertTrue(leaser.reconnect().resumed)
        self.wire.send("alloc", region="ddr", npages=[1024], wait_msec=60000)
        self.assertEqual(self.ddr, leaser.recalled().region_id)
        leaser.call("free", region_id=self.ddr, addr=[addr for addr, _ in ranges], npages=[npages for _, npages in ranges])
        self.assertEqual([BASE], list(self.wire.receive().alloc.addr))

    def test_check(self):
        found = self.call("check")
        self.assertEqual((0, [], True, 4, True), (found.nfindings, list(found.findings), found.store_compared, found.nregions, found.sees_sessions))
        self.assertEqual(1, self.call("check", region="ddr").nregions)
        self.assertEqual(1, self.call("check", region_id=self.ddr).nregions)


class Watching(Verbs):
    """Events: the tests of Verbs are not repeated here."""

    def test_events(self):
        watcher = self.open()
        watcher.watch()
        session = self.wire.welcome.session
        addr = self.alloc(1010)
        seen = {e.kind: e for e in (watcher.event() for _ in range(2))}
        self.assertEqual((addr, 1010, session, os.getuid(), self.ddr), (lambda e: (e.addr, e.npages, e.session, e.uid, e.region_id))(seen[pb.EVENT_ALLOC]))
        self.assertEqual((14, 16), (lambda e: (e.npages, e.limit))(seen[pb.EVENT_SPACE_LOW]))
        other = self.open(grace_msec=60000)
        self.assertEqual(pb.EVENT_SESSION_OPEN, watcher.event().kind)
        other.cut()
        gone = watcher.event()
        self.assertEqual((pb.EVENT_SESSION_GRACE, other.welcome.session, pb.END_CLOSED), (gone.kind, gone.session, gone.cause))
        other.reconnect()
        self.assertEqual(pb.EVENT_SESSION_RESUME, watcher.event().kind)
        self.call("handover", region="ddr", addr=addr, session=other.welcome.session)
        self.assertEqual((pb.EVENT_HANDOVER, other.welcome.session), (lambda e: (e.kind, e.session))(watcher.event()))
        other.call("end_session")
        seen = {e.kind: e for e in (watcher.event() for _ in range(3))}
        self.assertEqual(pb.END_ASKED, seen[pb.EVENT_SESSION_END].cause)
        self.assertEqual((addr, 1010), (lambda e: (e.addr, e.npages))(seen[pb.EVENT_RECLAIM]))
        self.assertEqual(1024, seen[pb.EVENT_SPACE_OK].npages)
        self.call("grow", region="ddr", npages=512)
        self.assertEqual((pb.EVENT_GROW, BASE + 1024 * PAGE, 512), (lambda e: (e.kind, e.addr, e.npages))(watcher.event()))
        self.call("shrink", region="ddr", npages=512)
        self.assertEqual(pb.EVENT_SHRINK, watcher.event().kind)
        addr = self.alloc(1)
        self.call("free", region="ddr", addr=[addr], npages=[1])
        self.assertEqual([pb.EVENT_ALLOC, pb.EVENT_FREE], [watcher.event().kind for _ in range(2)])
        with self.assertRaises(Refused):
            self.call("alloc", region="small", npages=[17])
        told = watcher.event()
        self.assertEqual((pb.EVENT_QUOTA, "session_pages", 16, 0, 17, session), (told.kind, told.text, told.limit, told.used, told.asked, told.session))
        # Between these events, others' requests and its own are answered as ever.
        self.assertEqual(4, watcher.call("stat").daemon.nregions)

    def test_filters(self):
        by_region, by_kind, by_session, by_uid = self.open(), self.open(), self.open(), self.open()
        by_region.watch(region="small")
        by_kind.watch(region_id=self.ddr, kinds=[pb.EVENT_FREE])
        by_session.watch(session=self.wire.welcome.session)
        by_uid.watch(by_uid=True, uid=60001)
        addr = self.alloc(3)
        self.call("free", region="ddr", addr=[addr], npages=[3])
        self.alloc(1, region="small")
        self.assertEqual((pb.EVENT_ALLOC, 1), (lambda e: (e.kind, e.npages))(by_region.event()))
        self.assertEqual(pb.EVENT_FREE, by_kind.event().kind)
        self.assertEqual([pb.EVENT_ALLOC, pb.EVENT_FREE], [by_session.event().kind for _ in range(2)])
        by_uid.call("stat")
        self.assertFalse(by_uid.events)
        with self.assertRaises(Refused) as caught:
            by_uid.call("watch")
        self.assertEqual(pb.INVALID, caught.exception.status)

    def test_slow(self):
        """Nobody waits for a watcher that does not read: it loses the oldest events, and is told how many, at the place where they were."""
        watcher = self.open()
        watcher.watch(session=self.wire.welcome.session)
        ntold, nlost, nrounds, batch = 0, 0, 60, 512
        for _ in range(nrounds):
            addrs = self.call("alloc", region_id=self.ddr, npages=[1] * batch).addr
            self.call("free", region_id=self.ddr, addr=list(addrs), npages=[1] * batch)
        self.alloc(2)
        while True:
            event = watcher.event()
            if watcher.events[0].lost:
                nlost += watcher.events[0].lost
                watcher.events[0].lost = 0
            ntold += 1
            if event.npages == 2:
                break
        self.assertGreater(nlost, 0)
        self.assertEqual(nrounds * batch * 2 + 1, ntold + nlost)


# They share the helpers, not the tests.
for name in [name for name in vars(Verbs) if name.startswith("test_")]:
    setattr(Watching, name, None)
