"""test_repeating - connections that are lost, and a daemon that dies: nothing is done twice, and nothing that was said is lost

Role:  "Repeating" and "When the daemon dies, or is restarted" of proto/README.md, statement by statement.
Uses:  wire.py, daemon.py
"""
import random
import unittest

import pallocd_pb2 as pb
from daemon import Daemon, eventually
from wire import Closed, Refused, Wire, frame_of, request_of

CONFIG = """
[Region ddr]
Limit = 1G
Initial = 1G
Base = 0x100000000
[Region mem]
Limit = 4M
Initial = 4M
Backing = memfd
[Region forgetful]
Limit = 4M
Initial = 4M
Durability = none
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(config=CONFIG)
        self.daemon.start()
        self.addCleanup(self.daemon.__exit__)

    def open(self, **options):
        wire = Wire(self.daemon.socket, **{"repeats": True, "grace_msec": 60000} | options)
        self.addCleanup(wire.close)
        return wire

    def extents(self):
        with Wire(self.daemon.socket) as wire:
            return wire.listed("list", "extents", lambda f, r: f.update(lowest_addr=r.next_addr), region="ddr")

    def refused(self, wire, status, field, verb, **fields):
        with self.assertRaises(Refused) as caught:
            wire.call(verb, **fields)
        self.assertEqual((pb.Status.Name(status), field), (pb.Status.Name(caught.exception.status), caught.exception.refusal.field))
        return caught.exception


class Repeating(Case):
    def test_the_same_bytes(self):
        """Asked again, the reply is the same, byte for byte, and nothing is done once more."""
        wire = self.open()
        self.assertTrue(wire.welcome.repeats)
        frames = [wire.pack("alloc", region="ddr", npages=[2], name="one"), wire.pack("grow", region="ddr", npages=1 << 40), wire.pack("stat")]
        wire.stream.send(b"".join(frames))
        before = [wire.stream.frame() for _ in frames]
        self.assertEqual(pb.LIMIT, pb.Reply.FromString(before[1]).status)
        wire.cut()
        welcome = wire.reconnect()
        self.assertEqual((True, 1), (welcome.resumed, welcome.last_id))
        after = [wire.stream.frame() for _ in frames]
        self.assertEqual(before[:2], after[:2])
        # What changes nothing is served anew.
        self.assertEqual(1, pb.Reply.FromString(after[2]).stat.daemon.repeated_total)
        self.assertEqual(["one"], [e.name for e in self.extents()])

    def test_without_an_answer(self):
        """The connection is lost at any moment: each request is done once."""
        wire, model, seed = self.open(), [], random.randrange(1 << 32)
        draw = random.Random(seed)
        with self.subTest(seed=seed):
            for _ in range(60):
                for _ in range(draw.randrange(1, 6)):
                    if model and draw.random() < 0.4:
                        addr, npages = model.pop(draw.randrange(len(model)))
                        wire.send("free", region="ddr", addr=[addr], npages=[npages])
                    else:
                        wire.send("alloc", region="ddr", npages=[draw.randrange(1, 9)])
                for _ in range(draw.randrange(len(wire.pending) + 1)):
                    self.taken(wire, model)
                wire.cut()
                wire.reconnect()
                while wire.pending:
                    self.taken(wire, model)
            self.assertEqual(sorted(model), [(e.addr, e.npages) for e in self.extents()])

    def taken(self, wire, model):
        _, (verb, _, request) = next(iter(wire.pending.items()))
        reply = wire.receive()
        self.assertEqual(pb.OK, reply.status, reply)
        if verb == "alloc":
            model.append((reply.alloc.addr[0], request.alloc.npages[0]))

    def test_ids(self):
        """They ascend, answered lies below, and what has come is not remembered."""
        wire = self.open()
        wire.call("alloc", region="ddr", npages=[1], id=10)
        self.refused(wire, pb.INVALID, "id", "stat", id=10)
        self.refused(wire, pb.INVALID, "id", "stat", id=9)
        wire.last_id = 20
        wire.answered = 21
        self.refused(wire, pb.INVALID, "answered", "stat")
        wire.answered = 20
        wire.call("stat")
        wire.cut()
        wire.reconnect()
        wire.answered = 0
        self.refused(wire, pb.INVALID, "id", "alloc", region="ddr", npages=[1], id=15)
        self.assertEqual(1, len(self.extents()))

    def test_how_much(self):
        """Replies are remembered up to a number of bytes; then nothing is changed until some are said to have come."""
        wire = self.open()
        ids, nbytes = iter(range(1, 1000)), 0

        def alloc(npages, answered=0):
            wire.stream.send(frame_of(request_of("alloc", next(ids), answered, region="ddr", npages=npages).SerializeToString()))
            frame = wire.stream.frame()
            return len(frame) + 4, pb.Reply.FromString(frame)

        while True:
            length, reply = alloc([1] * 3000)
            if reply.status != pb.OK:
                break
            nbytes += length
        self.assertEqual((pb.LIMIT, "answered"), (reply.status, reply.refusal.field))
        self.assertTrue(200000 < nbytes <= 262160, nbytes)
        held = len(self.extents())
        self.assertEqual(0, held % 3000)
        # Confirmed, it may ask for more; what was refused has a higher id then.
        self.assertEqual(pb.OK, alloc([1], answered=held // 3000)[1].status)
        self.assertEqual(held + 1, len(self.extents()))

    def test_one_that_waited(self):
        """It had no reply: nothing was changed, and it is served anew."""
        holder, wire = self.open(), self.open()
        addr = holder.call("alloc", region="ddr", npages=[262144]).addr[0]
        wire.send("alloc", region="ddr", npages=[3], wait_msec=60000)
        eventually("it waits", lambda: holder.call("stat", region="ddr").region.nwaiting == 1)
        wire.cut()
        eventually("it waits no more", lambda: holder.call("stat", region="ddr").region.nwaiting == 0)
        wire.reconnect()
        eventually("it waits again", lambda: holder.call("stat", region="ddr").region.nwaiting == 1)
        holder.call("free", region="ddr", addr=[addr], npages=[262144])
        self.assertEqual([addr], list(wire.receive().alloc.addr))

    def test_the_end(self):
        """A session that ends itself: where the reply is lost, NO_SESSION is the answer."""
        wire = self.open()
        wire.call("alloc", region="ddr", npages=[3])
        wire.send("end_session")
        wire.stream.reply()
        wire.cut()
        with self.assertRaises(Refused) as caught:
            wire.reconnect()
        self.assertEqual(pb.NO_SESSION, caught.exception.status)
        eventually("what it held is free", lambda: not self.extents())

    def test_a_program_that_goes_on(self):
        """It takes ids above last_id, and finds what the first one held."""
        first = self.open()
        first.call("alloc", region="ddr", npages=[3], name="left")
        first.cut()
        second = self.open(token=first.token)
        self.assertEqual((True, 1), (second.welcome.resumed, second.last_id))
        self.assertEqual(3, second.call("free", region="ddr", addr=[self.extents()[0].addr], npages=[3]).npages)


class Restarts(Case):
    def revive(self):
        self.daemon.kill()
        self.daemon.start()

    def test_killed(self):
        """Done before the daemon died, and answered or not: done once."""
        wire = self.open(grace_msec=0)
        ddr = wire.call("region_info", region="ddr").region
        wire.call("alloc", region_id=ddr.id, npages=[2], name="answered")
        wire.send("alloc", region_id=ddr.id, npages=[3], name="unanswered")
        wire.stream.frame()
        self.revive()
        wire.reconnect()
        self.assertEqual((True, 3), (wire.welcome.resumed, wire.welcome.last_id))
        self.assertEqual(pb.OK, wire.receive().status)
        self.assertEqual([("answered", 2), ("unanswered", 3)], [(e.name, e.npages) for e in self.extents()])
        self.assertEqual(1, wire.call("stat").daemon.repeated_total)
        self.assertEqual(ddr.generation, wire.call("region_info", region_id=ddr.id).region.generation)

    def test_stopped(self):
        """In an orderly way it is the same; what was sent is served or as if it had never come."""
        wire = self.open(grace_msec=0)
        wire.send("alloc", region="ddr", npages=[1])
        self.daemon.stop()
        self.daemon.start()
        wire.reconnect()
        self.assertEqual(pb.OK, wire.receive().status)
        self.assertEqual(1, len(self.extents()))

    def test_without_repeating(self):
        """It can be resumed all the same, and finds what it holds."""
        wire = self.open(repeats=False, grace_msec=0)
        wire.call("alloc", region="ddr", npages=[2])
        self.revive()
        self.assertTrue(wire.reconnect().resumed)
        self.assertEqual([2], [e.npages for e in wire.call("list", region="ddr", session=wire.welcome.session).extents])

    def test_memory_that_is_gone(self):
        """The old id is refused with STALE; by its name the region has another one, and a higher generation."""
        wire = self.open()
        mem = wire.call("region_info", region="mem").region
        addr = wire.call("alloc", region_id=mem.id, npages=[2]).addr[0]
        self.revive()
        wire.reconnect()
        for verb, fields in (("free", {"addr": [addr], "npages": [2]}), ("region_info", {}), ("alloc", {"npages": [1]}), ("list", {})):
            self.refused(wire, pb.STALE, "region_id", verb, region_id=mem.id, **fields)
        now = wire.call("region_info", region="mem").region
        self.assertEqual((mem.generation + 1, mem.free_npages), (now.generation, now.free_npages))
        self.assertNotEqual(mem.id, now.id)
        self.assertEqual(mem.id & 0xFFFF, now.id & 0xFFFF)

    def test_forgetful(self):
        """Nothing is held any more in a region of which nothing is remembered."""
        wire = self.open()
        wire.call("alloc", region="forgetful", npages=[2])
        self.revive()
        wire.reconnect()
        self.assertEqual(0, len(wire.call("list", region="forgetful").extents))

    def test_a_watch_ends(self):
        wire = self.open()
        wire.watch(region="ddr")
        self.revive()
        with self.assertRaises(Closed):
            wire.event()
        wire.reconnect()
        wire.watch(region="ddr")
        wire.call("alloc", region="ddr", npages=[1])
        self.assertEqual(pb.EVENT_ALLOC, wire.event().kind)
