"""test_module - the Python module against a daemon: each call, its errors, and what is held when

Role:  the module's promises, one test each; README.md's samples as they stand there.
Uses:  daemon.py, the module
"""
import gc
import mmap
import os
import re
import select
import signal
import subprocess
import sys
import threading
import unittest
import warnings

import paclient
from daemon import Daemon, eventually
from paclient import Cause, Client, Commit, Edge, EventKind, Feature, Placement, Range, Right, Rule, Status, Strategy, Watch

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BASE = 0x10000000
OPTIONS = [
    "--region", f"ddr,limit=16M,initial=4M,base={BASE:#x}",
    "--region", "mem,limit=4M,initial=4M,backing=memfd",
    "--region", "small,limit=4M,initial=4M,quota-session=64K",
]


class Case(unittest.TestCase):
    """One daemon for all tests of a class; a client and a region for each."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*OPTIONS)
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__)

    def setUp(self):
        self.client = self.open()
        self.ddr = self.client.region("ddr")
        self.mem = self.client.region("mem")
        for name in ("ddr", "mem", "small"):
            eventually("what tests before held is free", lambda name=name: not self.client.region(name).stat().nextents)

    def open(self, **options):
        client = Client(self.daemon.socket, **options)
        self.addCleanup(client.close)
        return client

    def held(self, region="ddr"):
        """Pages in use, as somebody else sees it."""
        with Client(self.daemon.socket) as other:
            stat = other.region(region).stat()
            return stat.session_npages + stat.detached_npages

    def raises(self, error, **numbers):
        """As assertRaises; the numbers of the error, too."""
        case = self

        class Check:
            def __enter__(self):
                return self

            def __exit__(self, kind, value, traceback):
                case.assertIsNotNone(kind, f"{error} was not raised")
                if not isinstance(value, error):
                    return False
                self.error = value
                case.assertTrue(str(value))
                for name, wanted in numbers.items():
                    case.assertEqual(wanted, getattr(value, name), name)
                return True

        return Check()


class Extents(Case):
    """What is taken, and for how long."""

    def test_held_until_the_with_ends(self):
        with self.ddr.alloc(16) as extent:
            self.assertEqual((BASE, 16, True), (extent.addr, extent.npages, extent.held))
            self.assertEqual((16 * 4096, BASE + 16 * 4096), (extent.nbytes, extent.end))
            self.assertEqual(16, self.held())
        self.assertFalse(extent.held)
        self.assertEqual(0, self.held())
        with self.assertRaises(KeyError), self.ddr.alloc(16):
            raise KeyError("given back all the same")
        self.assertEqual(0, self.held())

    def test_given_back_inside_of_the_with(self):
        with self.ddr.alloc(16) as extent:
            extent.free()
            extent.free()
        self.assertEqual(0, self.held())
        with self.open() as client, client.region("ddr").alloc(3):
            client.close()

    def test_goes_with_the_client(self):
        self.ddr.alloc(5)
        detached = self.ddr.alloc(7, detached=True)
        self.client.close()
        eventually("the session's pages are free", lambda: self.held() == 7)
        with self.open() as client:
            client.region("ddr").free(detached.addr, 7)
        self.assertEqual(0, self.held())

    def test_batches(self):
        extents = self.ddr.alloc_batch([1, 2, 3], label="three")
        self.assertEqual([1, 2, 3], [e.npages for e in extents])
        self.assertEqual(["three"] * 3, [e.info().label for e in extents])
        freed = self.ddr.free_batch([(e.addr, e.npages) for e in extents])
        self.assertEqual((6, 0), (freed.npages, freed.shared_npages))
        with self.raises(paclient.Invalid, index=1, field="npages"):
            self.ddr.alloc_batch([1, 0])
        for nothing in (self.ddr.alloc_batch, self.ddr.free_batch):
            with self.raises(ValueError):
                nothing([])
        with self.raises(paclient.Limit, limit=self.client.batch_max):
            self.ddr.alloc_batch([1] * (self.client.batch_max + 1))

    def test_scattered(self):
        for i in range(0, 1024, 64):
            self.ddr.reserve(BASE + (i + 32) * 4096, 32)
        extents = self.ddr.alloc_scattered(100, 4)
        self.assertEqual(100, sum(e.npages for e in extents))
        self.assertEqual(4, len(extents))
        with self.raises(paclient.NoSpace, asked=100):
            self.ddr.alloc_scattered(100, 3)
        with self.raises(paclient.Limit, limit=self.client.batch_max):
            self.ddr.alloc_scattered(100, 1 << 40)
        for i in range(0, 1024, 64):
            self.ddr.unreserve(BASE + (i + 32) * 4096, 32)

    def test_placement(self):
        with self.ddr.alloc(1), self.ddr.alloc(2, placement=Placement(align_npages=8, strategy=Strategy.LAST)) as last:
            self.assertEqual(BASE + 1016 * 4096, last.addr)
            at = Placement(addr=BASE + 4096, rule=Rule.FIXED)
            with self.ddr.alloc(1, placement=at) as fixed:
                self.assertEqual(BASE + 4096, fixed.addr)
                with self.raises(paclient.NotFree, addr=BASE + 4096):
                    self.ddr.alloc(1, placement=at)
            why = self.ddr.why(2000)
            self.assertEqual((False, 1015, 985), (why.fits, why.placed_npages, why.short_npages))
            self.assertTrue(self.ddr.why(1, placement=at).fits)
            self.assertEqual(1, self.ddr.fit(1000))
            self.assertEqual(127 - 1, self.ddr.fit(2, placement=Placement(align_npages=8)))
        with self.raises(paclient.Invalid, field="align_npages"):
            self.ddr.alloc(1, placement=Placement(align_npages=3))
        with self.raises(paclient.Unaligned):
            self.ddr.alloc(1, placement=Placement(addr=BASE + 1, rule=Rule.FIXED))

    def test_reshaped(self):
        with self.ddr.alloc(10) as extent:
            extent.resize(20)
            extent.resize(16, edge=Edge.LOWER)
            self.assertEqual((BASE + 4 * 4096, 16), (extent.addr, extent.npages))
            upper = extent.split(BASE + 8 * 4096)
            self.assertEqual((4, 12), (extent.npages, upper.npages))
            with self.ddr.alloc(1, placement=Placement(addr=upper.end, rule=Rule.FIXED)) as behind:
                with self.raises(paclient.NotFree, addr=behind.addr):
                    upper.resize(20)
                extent.join(upper)
                self.assertEqual((16, False), (extent.npages, upper.held))
                with self.raises(ValueError):
                    extent.split(extent.addr)
                with self.raises(ValueError):
                    behind.join(extent)
                extent.join(behind)
        self.assertEqual(0, self.held())

    def test_names(self):
        with self.ddr.alloc(2, name="größe", label="a label") as extent:
            info = self.ddr.lookup("größe")
            self.assertEqual((extent.addr, 2, "größe", "a label"), (info.addr, info.npages, info.name, info.label))
            self.assertEqual((self.client.session_id, os.getuid(), 1), (info.session_id, info.uid, info.nholders))
            with self.raises(paclient.NameTaken, addr=extent.addr):
                self.ddr.alloc(1, name="größe")
            extent.annotate(name="", label="other")
            self.assertEqual(("", "other"), (extent.info().name, extent.info().label))
            with self.raises(LookupError):
                self.ddr.lookup("größe")
            with self.raises(paclient.BadArgument, field="name"):
                extent.annotate(name="a\0b")
            with self.raises(paclient.Limit, limit=127):
                extent.annotate(label="x" * 128)

    def test_shared(self):
        with self.open() as other, self.ddr.alloc(2, name="shared") as extent:
            ddr = other.region("ddr")
            with ddr.share("shared") as share:
                self.assertEqual((extent.addr, 2, True), (share.addr, share.npages, share.shared))
                with self.raises(paclient.Invalid):
                    ddr.share(extent.addr)
                with self.raises(paclient.Shared):
                    self.ddr.free(extent.addr, 1)
                extent.free()
                self.assertEqual(2, self.held())
            self.assertEqual(0, self.held())
            with self.raises(paclient.NotFound):
                ddr.share("shared")

    def test_handed_over(self):
        with self.open() as other, self.ddr.alloc(2) as extent:
            extent.handover(session_id=other.session_id)
            self.assertFalse(extent.held)
            self.assertEqual(other.session_id, self.ddr.extent_info(extent.addr).session_id)
            with self.raises(PermissionError) as caught:
                self.ddr.release(extent.addr)
            self.assertIs(paclient.NotOwner, type(caught.error))
            self.assertEqual(2, other.region("ddr").handover(extent.addr, uid=os.getuid()))
            seen = self.ddr.extent_info(extent.addr)
            self.assertEqual((0, os.getuid()), (seen.session_id, seen.uid))
            self.ddr.free_extent(seen)
            with self.raises(paclient.Error):
                self.ddr.free_extent(seen)
            with self.raises(ValueError):
                self.ddr.handover(extent.addr)

    def test_lists(self):
        with self.ddr.alloc(1, name="a1"), self.ddr.alloc(2, name="b1"), self.ddr.alloc(3, name="a2") as last:
            self.assertEqual(["a1", "b1", "a2"], [e.name for e in self.ddr.extents()])
            self.assertEqual(["a1", "a2"], [e.name for e in self.ddr.extents(name_pattern="a*")])
            self.assertEqual(["b1", "a2"], [e.name for e in self.ddr.extents(min_npages=2, session_id=self.client.session_id)])
            self.assertEqual(["a2"], [e.name for e in self.ddr.extents(lowest_addr=last.addr, uid=os.getuid())])
            self.assertEqual([], self.ddr.extents(uid=60001))
            seen = []
            self.ddr.each_extent(lambda e: seen.append(self.ddr.extent_info(e.addr).name) or len(seen) == 2)
            self.assertEqual(["a1", "b1"], seen)
            with self.assertRaises(ZeroDivisionError):
                self.ddr.each_extent(lambda e: 1 // 0)
            with self.raises(paclient.NoSession):
                self.ddr.extents(session_id=1 << 60)
            with self.raises(paclient.BadArgument):
                self.ddr.each_extent(lambda e: self.client.close())
            self.assertFalse(self.client.closed)

    def test_waits_for_space(self):
        with self.open() as other:
            ddr = other.region("ddr")
            extent = self.ddr.alloc(1024)
            thread = threading.Thread(target=lambda: ddr.alloc(1024, wait=60, timeout=60))
            thread.start()
            eventually("it waits", lambda: self.ddr.stat().nwaiting)
            extent.free()
            thread.join()
            self.assertEqual(1024, self.held())
            with self.raises(paclient.NoSpace, asked=1, free_npages=0, largest_npages=0, growable_npages=3072):
                self.ddr.alloc(1, wait=0.001)


class Space(Case):
    """The address space, and numbers about it."""

    def test_grows_and_shrinks(self):
        added = self.ddr.grow(1)
        self.assertEqual(Range(BASE + (4 << 20), 512), added)
        self.assertEqual([Range(BASE, 1536)], self.ddr.ranges())
        with self.ddr.alloc(1, placement=Placement(lowest_addr=added.addr)) as extent:
            drained = self.ddr.drain(*added)
            self.assertEqual((1, 1, (Range(extent.addr, 1),)), (drained.nextents, drained.npages, drained.extents))
            self.assertEqual([added], self.ddr.drained())
            with self.raises(paclient.InUse, nextents=1, extents=(Range(extent.addr, 1),)):
                self.ddr.shrink(512)
        self.ddr.undrain(*added)
        self.assertEqual(added, self.ddr.shrink(512, addr=added.addr))
        self.ddr.reserve(BASE, 4)
        self.assertEqual([Range(BASE, 4)], self.ddr.reserved())
        self.ddr.unreserve(BASE, 4)
        with self.raises(paclient.Limit, limit=3072):
            self.ddr.grow(1 << 40)

    def test_numbers(self):
        with self.ddr.alloc(3):
            info, stat = self.ddr.info(), self.ddr.stat()
            self.assertEqual(("ddr", BASE, 4096, 4096, 1021), (info.name, info.base_addr, info.page_size_bytes, info.limit_npages, info.free_npages))
            self.assertIn(Right.ALLOC, info.rights)
            self.assertEqual(("alloc", "attach-ro"), (Right.ALLOC | Right.ATTACH_RO).texts)
            self.assertEqual(info, self.client.region_info("ddr"))
            self.assertIn(info, self.client.regions())
            self.assertEqual((3, 1, 1021), (stat.session_npages, stat.nextents, stat.largest_npages))
            runs = self.ddr.free_runs()
            self.assertEqual((1021, 1, 1021), (runs.free_npages, runs.nruns[9], runs.npages[9]))
            usage = self.ddr.usage(ncells=4)
            self.assertEqual([(3, 256), (0, 256), (0, 256), (0, 256)], list(usage.cells))
            self.assertEqual((BASE, 256, 1024), (usage.addr, usage.cell_npages, usage.npages))

    def test_the_daemon(self):
        stat = self.client.stat()
        self.assertEqual(self.daemon.process.pid, stat.pid)
        self.assertEqual(3, stat.nregions)
        # Replies that have been taken since are not remembered any more, and still written.
        for _ in range(3):
            with self.client.region("small").alloc(2):
                pass
        self.assertEqual((), self.client.check().findings)
        self.assertEqual(1, self.client.check(self.ddr).nregions)
        mine = [s for s in self.client.sessions() if s.id == self.client.session_id]
        self.assertEqual([(os.getpid(), os.getuid(), "open")], [(s.pid, s.uid, s.state.text) for s in mine])
        self.assertEqual({"user_sessions", "user_connections"}, {q.name for q in self.client.quotas()} & {"user_sessions", "user_connections"})
        with self.client.region("small").alloc(2):
            small = self.client.region("small")
            quotas = {q.name: (q.limit, q.used) for q in self.client.quotas(small)}
            self.assertEqual((16, 2), quotas["session_pages"])
            self.assertEqual([(os.getuid(), 2)], [(u.uid, u.npages) for u in self.client.users(small)])
            with self.raises(paclient.QuotaExceeded, field="session_pages", limit=16, used=2, asked=15):
                small.alloc(15)
        with self.open() as other:
            self.assertEqual(0, self.client.session_kill(other.session_id))
            with self.raises(ConnectionError):
                other.stat()
        with self.raises(paclient.NoSession):
            self.client.session_kill(1 << 60)


class Memory(Case):
    """The memory behind addresses."""

    def test_written_and_read(self):
        with self.mem.alloc(2, name="text", zero=True, commit=Commit.NOW) as extent:
            self.assertEqual((2, 0), (extent.alloced.scavenged_npages, extent.alloced.cleared_npages))
            with extent.map(write=True) as memory:
                memory[:5] = b"hello"
                self.assertEqual(8192, len(memory))
            with self.open() as other:
                with other.region("mem").share("text") as share, share.map() as memory:
                    self.assertEqual(b"hello\0", bytes(memory[:6]))
                    with self.assertRaises(TypeError):
                        memory[0] = 1
            mapping = extent.map(region=True, populate=True)
            self.assertEqual((extent.addr, 2, 8192), (mapping.addr, mapping.npages, len(mapping)))
            mapping.close()
            mapping.close()
            with self.assertRaises(ValueError):
                mapping.view
        with self.raises(paclient.Invalid):
            self.ddr.map(BASE, 1)
        with self.raises(paclient.OutOfRegion):
            self.mem.map(4 << 20, 1)

    def mapped(self):
        with open("/proc/self/maps", encoding="utf-8") as f:
            return sum("memfd" in line for line in f)

    def test_a_view_outlives_its_mapping(self):
        before = self.mapped()
        with self.mem.alloc(1) as extent:
            with extent.map(write=True) as memory:
                memory[0] = 7
                self.assertEqual(before + 1, self.mapped())
                kept, other = memory[:1], memoryview(memory)
            self.assertEqual((7, 7), (kept[0], other[0]))
            del kept
            self.assertEqual(before + 1, self.mapped())
            del other, memory
            self.assertEqual(before, self.mapped())
            # After the client has gone, too.
            view = extent.map(write=True).view
            self.client.close()
            view[0] = 8
            del view
            self.assertEqual(before, self.mapped())

    def test_a_view_keeps_its_client(self):
        view = Client(self.daemon.socket).region("mem").alloc(1).map().view
        gc.collect()
        self.assertEqual(1, self.held("mem"))
        with self.assertWarns(ResourceWarning):
            del view
            gc.collect()
        eventually("its page is free", lambda: self.held("mem") == 0)

    def test_descriptor(self):
        with self.mem.alloc(1) as extent, extent.map(write=True) as memory, self.mem.attach() as backing:
            memory[:2] = b"hi"
            self.assertEqual((False, 4 << 20, 4096, "memfd"), (backing.write, backing.bytes, backing.backing_page_bytes, backing.kind.text))
            self.assertEqual(b"hi", os.pread(backing.fileno(), 2, extent.addr - backing.base_addr))
            with self.assertRaises(PermissionError):
                mmap.mmap(backing.fileno(), 4096, prot=mmap.PROT_WRITE)
            self.assertFalse(os.get_inheritable(backing.fileno()))
        with self.assertRaises(ValueError):
            backing.fileno()
        backing = self.mem.attach(write=True)
        fd = backing.detach()
        backing.close()
        os.close(fd)

    def test_scavenged(self):
        with self.mem.alloc(8, commit=Commit.NOW):
            pass
        self.assertGreaterEqual(self.mem.scavenge(wait=True), 8)
        self.assertEqual(0, self.mem.stat().resident_bytes)


class Failures(Case):
    """Errors, deadlines, arguments that cannot be."""

    def test_what_an_error_says(self):
        with self.raises(paclient.NoSpace, status=Status.NO_SPACE, asked=2000, free_npages=1024, largest_npages=1024, growable_npages=3072) as caught:
            self.ddr.alloc(2000)
        self.assertEqual((4, str(caught.error)), (caught.error.status.exit_code, caught.error.message))
        self.assertTrue(caught.error.status.sentence)
        with self.raises(LookupError, status=8):
            self.client.region("none")
        with self.raises(paclient.NotAllocated, addr=BASE):
            self.ddr.free(BASE, 1)

    def test_arguments(self):
        for call in (
            lambda: self.ddr.alloc(-1),
            lambda: self.ddr.alloc(1 << 64),
            lambda: self.ddr.free(-1, 1),
            lambda: self.ddr.alloc(1, placement=Placement(limit_addr=-1)),
            lambda: self.ddr.alloc(1, wait=-1),
            lambda: self.ddr.extents(uid=1 << 32),
            lambda: self.client.keep(timeout=float("nan")),
            lambda: self.client.region("a\0"),
            lambda: self.client.region(""),
            lambda: self.client.has(-1),
            lambda: Client(self.daemon.socket, token=b"short"),
            lambda: Client(self.daemon.socket, token=b""),
            lambda: Client("x" * 200),
            lambda: Watch(self.daemon.socket, kinds=[64]),
        ):
            with self.assertRaises(ValueError):
                call()
        for call in (lambda: self.ddr.alloc("1"), lambda: self.client.region(1), lambda: self.ddr.share(1.5)):
            with self.assertRaises(TypeError):
                call()
        self.assertEqual(0, self.held())

    def test_nobody_there(self):
        with self.raises(ConnectionError, errno=2, system_errno=2):
            Client(self.daemon.socket + ".none")
        with self.raises((paclient.NotConnected, paclient.TimedOut)):
            Watch(self.daemon.socket + ".none", wait_for_daemon=True, timeout=0.01)

    def test_closed(self):
        extent = self.ddr.alloc(1)
        self.client.close()
        self.client.close()
        for call in (self.client.stat, extent.free, lambda: self.client.session_id, self.ddr.info):
            with self.raises(paclient.BadArgument):
                call()
        self.assertEqual("<paclient.Client, closed>", repr(self.client))

    def test_not_closed(self):
        client = Client(self.daemon.socket)
        client.region("ddr").alloc(9)
        with self.assertWarns(ResourceWarning):
            del client
            gc.collect()
        eventually("its pages are free", lambda: self.held() == 0)

    def test_unknown_values(self):
        self.assertEqual((99, "UNKNOWN_99"), (Status(99), Status(99).name))
        self.assertEqual("unknown", paclient.Death(77).text)
        self.assertEqual("died", Cause.DIED.text)
        self.assertIs(paclient.Error, type(paclient.errors.error_new(Status(99), "newer")))


class Standing(Case):
    """Sessions, threads, processes, restarts."""

    def test_what_a_client_knows(self):
        self.assertTrue(self.client.server.startswith("pallocd "))
        self.assertTrue(all(self.client.has(feature) for feature in Feature))
        self.assertFalse(self.client.has(Feature(63)))
        self.assertEqual((16, False, 0, 0), (len(self.client.token), self.client.resumed, self.client.grace_ms, self.client.reconnects))
        self.assertGreater(self.client.restart_grace_ms, 0)

    def test_resumed(self):
        client = self.open(grace=60, name="first")
        self.assertEqual(60000, client.grace_ms)
        token, session = client.token, client.session_id
        client.region("ddr").alloc(4)
        client.leave()
        with self.open(token=token) as again:
            self.assertEqual((True, session), (again.resumed, again.session_id))
            self.assertEqual([4], [e.npages for e in again.region("ddr").extents(session_id=session)])
        with self.raises(paclient.NoSession):
            Client(self.daemon.socket, token=token)

    def test_names_its_program(self):
        with self.open(name="painter") as client:
            named = {s.id: s.client_name for s in client.sessions()}
            self.assertEqual("painter", named[client.session_id])
            self.assertEqual(os.path.basename(sys.argv[0]), named[self.client.session_id])

    def test_threads(self):
        def work():
            for _ in range(50):
                with self.ddr.alloc(1):
                    pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(0, self.held())

    def test_closed_by_another_thread(self):
        """A call in flight is waited for; then the pages are gone, and nothing has crashed."""
        self.ddr.alloc(1024)
        results = []

        def wait_in_vain():
            try:
                other_region.alloc(1024, wait=0.2)
            except paclient.NoSpace as e:
                results.append(e)

        other = self.open()
        other_region = other.region("ddr")
        thread = threading.Thread(target=wait_in_vain)
        thread.start()
        eventually("it waits", lambda: self.ddr.stat().nwaiting)
        other.close()
        self.assertEqual(1, len(results))
        thread.join()

    def test_a_call_lets_other_threads_run(self):
        self.ddr.alloc(1024)
        other = self.open().region("ddr")
        thread = threading.Thread(target=lambda: self.assertRaises(paclient.NoSpace, other.alloc, 1, wait=0.5))
        thread.start()
        eventually("it waits, and this thread runs", lambda: self.ddr.stat().nwaiting)
        self.assertTrue(thread.is_alive())
        thread.join()

    def test_fork(self):
        """A child's client is inert, also where a thread was in the midst of a call; nothing of the parent's is disturbed."""
        watch = Watch(self.daemon.socket)
        self.addCleanup(watch.close)
        with self.ddr.alloc(2) as extent, self.mem.alloc(1) as page, page.map(write=True) as memory:
            memory[0] = 1
            with self.client._handle:  # as if a thread were in the midst of a call
                child = os.fork()
                if not child:
                    code = 1
                    try:
                        with extent:
                            pass
                        self.assertRaises(paclient.BadArgument, self.client.stat)
                        self.assertRaises(paclient.BadArgument, self.ddr.alloc, 1)
                        self.assertRaises(paclient.BadArgument, watch.next, 0)
                        watch.close()
                        self.client.close()
                        with Client(self.daemon.socket) as own:
                            own.region("ddr").alloc(5)
                        memory[0] = 2
                        code = 0
                    finally:
                        os._exit(code)
            self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            self.assertEqual((2, 2, True), (memory[0], self.held(), extent.held))
            self.assertIn(child, (event.pid for event in watch))

    def test_interrupted_while_it_watches(self):
        """Ctrl-C ends the waiting for an event."""
        watch = Watch(self.daemon.socket, kinds=[EventKind.QUOTA])
        self.addCleanup(watch.close)
        threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            watch.next()


class Watching(Case):
    """Events."""

    def watch(self, **options):
        watch = Watch(self.daemon.socket, **options)
        self.addCleanup(watch.close)
        return watch

    def test_events(self):
        watch = self.watch(region="ddr", kinds=[EventKind.ALLOC, EventKind.FREE])
        self.assertIsNone(watch.next(0))
        with self.ddr.alloc(3) as extent:
            pass
        seen = [watch.next(60), watch.next(60)]
        self.assertEqual([EventKind.ALLOC, EventKind.FREE], [e.kind for e in seen])
        self.assertEqual({(extent.addr, 3, self.client.session_id, self.ddr.id)}, {(e.addr, e.npages, e.session_id, e.region_id) for e in seen})
        self.assertIsNone(watch.next(0.001))

    def test_iterated(self):
        watch = self.watch(region=self.ddr, kinds=[EventKind.ALLOC])
        for n in range(5):
            self.ddr.alloc(n + 1).free()
        with watch:
            for event in watch:
                if event.npages == 5:
                    break
        self.assertTrue(watch.closed)
        with self.raises(paclient.BadArgument):
            watch.next(0)

    def test_polled(self):
        watch = self.watch(session_id=self.client.session_id)
        self.ddr.alloc(1).free()
        ready, _, _ = select.select([watch], [], [], 60)
        self.assertEqual([watch], ready)
        self.assertEqual("alloc", watch.next(0).kind.text)

    def test_ended_by_another_thread(self):
        watch = self.watch(kinds=[EventKind.QUOTA])
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(watch))
        thread.start()
        eventually("it reads", watch._reading.locked)
        with self.raises(paclient.BadArgument):
            watch.next(0)
        watch.close()
        thread.join()
        self.assertEqual([], seen)

    def test_of_sessions(self):
        watch = self.watch(kinds=[EventKind.SESSION_END], uid=os.getuid())
        self.open().close()
        event = watch.next(60)
        self.assertEqual((EventKind.SESSION_END, os.getpid()), (event.kind, event.pid))
        with self.raises(paclient.NoRegion):
            Watch(self.daemon.socket, region="none")


class Restarts(unittest.TestCase):
    """A daemon that dies is not noticed."""

    def test_restart(self):
        with Daemon(*OPTIONS) as daemon, Client(daemon.socket, timeout=60) as client:
            watch = Watch(daemon.socket, timeout=60, kinds=[EventKind.ALLOC])
            ddr, mem = client.region("ddr"), client.region("mem")
            with ddr.alloc(3) as extent:
                self.assertEqual(3, watch.next(60).npages)
                daemon.kill()
                daemon.start()
                extent.resize(5)
                self.assertEqual(1, client.reconnects)
                self.assertEqual(5, ddr.stat().session_npages)
                # The memory has gone with the daemon.
                with self.assertRaises(paclient.Stale):
                    mem.info()
                self.assertEqual(2, client.region("mem").info().generation)
            self.assertEqual((EventKind.LOST, 1), (lambda e: (e.kind, e.lost))(watch.next(60)))
            watch.close()

    def test_gone(self):
        with Daemon(*OPTIONS) as daemon:
            client = Client(daemon.socket, reconnect=False)
            daemon.kill()
            with self.assertRaises(paclient.Disconnected):
                client.stat()
            client.close()
            client = None
            daemon.start()


class Readme(Case):
    """README.md's samples run as they stand there, one after the other, and say what it says that they do."""

    def test_samples(self):
        with open(os.path.join(TOP, "client/python/README.md"), encoding="utf-8") as f:
            samples = re.findall(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", f.read(), re.S)
        self.assertGreater(len(samples), 3)
        environment = os.environ | {"PACLIENT_SOCKET": self.daemon.socket}
        for code, wanted in samples:
            done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, text=True, capture_output=True, timeout=60)
            self.assertEqual((0, ""), (done.returncode, done.stderr), code)
            if wanted:
                self.assertEqual(wanted, done.stdout, code)
        self.assertEqual(0, self.held())


class Ends(Case):
    """How a program ends does not depend on what it has left open."""

    def run_program(self, code, wanted):
        done = subprocess.run([sys.executable, "-c", "import os, paclient\n" + code, self.daemon.socket], text=True, capture_output=True, timeout=60)
        self.assertEqual(wanted, (done.returncode, done.stderr), code)
        eventually("its pages are free", lambda: self.held() == 0)

    def test_left_open(self):
        for code in (
            "c = paclient.Client(os.sys.argv[1]); e = c.region('ddr').alloc(3); w = paclient.Watch(os.sys.argv[1])",
            "c = paclient.Client(os.sys.argv[1]); v = c.region('mem').alloc(1).map(write=True).view; v[0] = 1",
            "import threading\nc = paclient.Client(os.sys.argv[1]); r = c.region('ddr'); r.alloc(1024)\n"
            "d = paclient.Client(os.sys.argv[1]).region('ddr')\n"
            "threading.Thread(target=lambda: d.alloc(1, wait=3600), daemon=True).start()\n"
            "while not r.stat().nwaiting: pass",
        ):
            self.run_program(code, (0, ""))

    def test_interrupted(self):
        """Ctrl-C in the midst of a call: what is held goes back, and nothing hangs."""
        code = (
            "import signal, threading\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "with paclient.Client(os.sys.argv[1]) as c, c.region('ddr').alloc(5):\n"
            "    r = c.region('ddr')\n"
            "    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
            "    try:\n"
            "        while True: r.alloc(1).free()\n"
            "    except KeyboardInterrupt: pass\n"
        )
        self.run_program(code, (0, ""))
