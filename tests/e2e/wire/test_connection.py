"""test_connection - what the protocol page says of frames, of the order of things, of limits, and of how connections end

Role:  statements of proto/README.md, one test each.
Uses:  wire.py, daemon.py
"""
import os
import socket
import struct
import unittest

import pallocd_pb2 as pb
from daemon import Daemon, eventually
from wire import Refused, Stream, Wire, frame_of, request_of

CONFIG = """
[Region ddr]
Limit = 64M
Initial = 64M
[Region named]
Limit = 4M
Initial = 4M
"""


class Case(unittest.TestCase):
    CONFIG = CONFIG

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(config=cls.CONFIG)
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__)

    def settled(self):
        """What tests before held is free."""
        with Wire(self.daemon.socket) as wire:
            for region in wire.call("list_regions").regions:
                eventually("it is free", lambda region=region: not wire.call("stat", region_id=region.id).region.nextents)

    def open(self, **options):
        wire = Wire(self.daemon.socket, **options)
        self.addCleanup(wire.close)
        return wire

    def stream(self):
        stream = Stream(self.daemon.socket)
        self.addCleanup(stream.close)
        return stream

    def same_status(self, wanted, got):
        self.assertEqual(pb.Status.Name(wanted), pb.Status.Name(got))

    def refused(self, wire, status, field, verb, **fields):
        with self.assertRaises(Refused) as caught:
            wire.call(verb, **fields)
        self.same_status(status, caught.exception.status)
        self.assertEqual(field, caught.exception.refusal.field)
        self.assertTrue(caught.exception.reply.message)
        return caught.exception.refusal


class Frames(Case):
    """Bytes in, bytes out."""

    def setUp(self):
        self.settled()

    def test_many_in_one_write(self):
        """Answered in order, each under its id, which may be any number and any number of times."""
        wire = self.open()
        ids = [5, 5, 2**64 - 1, 0, 3]
        replies = []
        data = b"".join(frame_of(request_of("alloc", id, region="ddr", npages=[n + 1]).SerializeToString()) for n, id in enumerate(ids))
        wire.stream.send(data + frame_of(request_of("list", 1, region="ddr").SerializeToString()))
        for _ in range(len(ids) + 1):
            replies.append(wire.stream.reply())
        self.assertEqual(ids + [1], [r.id for r in replies])
        self.assertEqual([1, 2, 3, 4, 5], [e.npages for e in replies[-1].list.extents])
        # What one client has been told is done, is done for all.
        self.assertEqual(15, self.open().call("stat", region="ddr").region.session_npages)

    def test_one_byte_at_a_time(self):
        wire = self.open()
        for byte in wire.pack("alloc", region="ddr", npages=[1]) + wire.pack("stat"):
            wire.stream.send(bytes([byte]))
        self.assertEqual(["alloc", "stat"], [wire.receive().WhichOneof("result") for _ in range(2)])

    def test_hello_with_what_follows(self):
        """Requests may follow Hello at once."""
        wire = self.open(hello=False)
        wire.stream.send(wire.pack("hello", id=0, version=7, client="") + wire.pack("stat"))
        self.assertEqual(1, wire.receive().hello.version)
        self.assertEqual("stat", wire.receive().WhichOneof("result"))

    def test_longest(self):
        """A message of the longest length is served: unknown fields of a verb that is known are ignored. One byte more ends the connection."""
        wire = self.open()
        longest = wire.welcome.frame_bytes_max
        request = request_of("stat", 9).SerializeToString()
        request += b"\xfa\x3e"  # field 1007, a text
        room = longest - len(request) - 3
        request += bytes([room & 0x7F | 0x80, room >> 7 & 0x7F | 0x80, room >> 14]) + b"x" * room
        self.assertEqual(longest, len(request))
        wire.stream.send(frame_of(request))
        reply = wire.stream.reply()
        self.assertEqual((9, pb.OK, "stat"), (reply.id, reply.status, reply.WhichOneof("result")))
        wire.send("alloc", region="ddr", npages=[3])
        wire.stream.send(struct.pack("<I", longest + 1))
        replies = wire.until_closed()
        self.assertEqual([pb.OK, pb.FRAME_TOO_LONG], [r.status for r in replies])
        self.assertEqual(0, replies[1].id)

    def test_bad_frames(self):
        """Requests before the bad frame are served; it ends its own connection alone."""
        other = self.open()
        before = other.call("stat").daemon.bad_frames_total
        for bad, status in ((struct.pack("<I", 0), pb.FRAME_TOO_LONG), (struct.pack("<I", 1 << 31), pb.FRAME_TOO_LONG), (frame_of(b"\xff"), pb.MALFORMED), (frame_of(b"\x2a\x05\x01"), pb.MALFORMED)):
            wire = self.open()
            wire.stream.send(wire.pack("list_regions") + bad + wire.pack("stat"))
            replies = wire.until_closed()
            self.assertEqual([pb.OK, status], [r.status for r in replies])
            self.assertEqual(0, replies[1].id)
        self.assertEqual(before + 4, other.call("stat").daemon.bad_frames_total)

    def test_unknown_verbs(self):
        wire = self.open()
        for request in (b"\x08\x07", b"\x08\x07" + b"\xc2\x3e\x00"):  # an id alone; and field 1000
            wire.stream.send(frame_of(request))
            reply = wire.stream.reply()
            self.assertEqual((7, pb.UNKNOWN_VERB), (reply.id, reply.status))
            self.assertTrue(reply.message)

    def test_packed_or_not(self):
        wire = self.open()
        alloc = b"\x12\x05named" + b"\x18\x01" + b"\x1a\x02\x02\x03" + b"\x18\x04"  # npages 1, then 2 and 3 packed, then 4
        wire.stream.send(frame_of(b"\x08\x01\x2a" + bytes([len(alloc)]) + alloc))
        self.assertEqual(4, len(wire.stream.reply().alloc.addr))
        self.assertEqual(10, wire.call("stat", region="named").region.session_npages)
        wire.call("end_session")

    def test_half_closed(self):
        """Whole frames that were sent before are still served."""
        wire = self.open()
        wire.stream.send(wire.pack("alloc", region="ddr", npages=[2]) + wire.pack("stat")[:-1])
        wire.stream.socket.shutdown(socket.SHUT_WR)
        self.assertEqual([pb.OK], [r.status for r in wire.until_closed()])

    def test_does_not_read(self):
        """Who sends and does not read is not read from; all replies are there when it does."""
        wire, other = self.open(), self.open()
        one = frame_of(request_of("map", 1, region="ddr").SerializeToString())
        data, sent, nfull = one * (8000000 // len(one)), 0, 0
        wire.stream.socket.setblocking(False)
        while sent < len(data) and nfull < 3:
            try:
                sent += wire.stream.socket.send(data[sent : sent + 65536])
            except BlockingIOError:
                # Others are served; what it could have read by then it has.
                other.call("stat")
                nfull += 1
        self.assertLess(sent, len(data), "the daemon reads without end")
        wire.stream.socket.settimeout(60)
        for _ in range(sent // len(one)):
            self.assertEqual("map", wire.stream.reply().WhichOneof("result"))


class Hello(Case):
    """The first request, and what it may ask for."""

    def hello(self, **fields):
        wire = Wire(self.daemon.socket, hello=False)
        self.addCleanup(wire.close)
        return wire, lambda **more: self.refused(wire, more.pop("status"), more.pop("field"), more.pop("verb", "hello"), **more)

    def test_first(self):
        wire, refused = self.hello()
        refused(status=pb.HELLO_REQUIRED, field="", verb="stat")
        refused(status=pb.VERSION, field="version", version=0)
        # The connection goes on, and waits for a better one.
        wire.call("hello", version=1)
        refused(status=pb.HELLO_REQUIRED, field="hello", version=1)
        wire.call("stat")

    def test_lowest_version(self):
        wire, _ = self.hello()
        with self.assertRaises(Refused) as caught:
            wire.call("hello", client="old")
        self.assertEqual(1, caught.exception.refusal.limit)

    def test_names(self):
        wire, refused = self.hello()
        self.assertEqual(63, refused(status=pb.LIMIT, field="client", version=1, client="x" * 64).limit)
        refused(status=pb.INVALID, field="client", version=1, client="a\nb")
        wire.call("hello", version=1, client="x" * 63)

    def test_no_text(self):
        """Texts that are not UTF-8: protobuf's own libraries do not send such, others might."""
        wire, _ = self.hello()
        wire.stream.send(frame_of(b"\x08\x01\x12\x05\x08\x01\x12\x01\xff"))
        reply = wire.stream.reply()
        self.assertIn(reply.status, (pb.INVALID, pb.MALFORMED))

    def test_tokens(self):
        wire, refused = self.hello()
        for length in (1, 15, 17):
            refused(status=pb.INVALID, field="token", version=1, token=b"x" * length)
        refused(status=pb.NO_SESSION, field="token", version=1, token=b"x" * 16)

    def test_grace(self):
        """More than is allowed is as much as that."""
        self.assertEqual(3600000, self.open(grace_msec=2**63).welcome.grace_msec)

    def test_resumed(self):
        first = self.open(grace_msec=60000)
        first.call("alloc", region="ddr", npages=[4])
        first.send("stat")
        # Elsewhere, although the old connection is open still: that is told so and closed.
        second = self.open(token=first.token)
        self.assertEqual((True, first.welcome.session, first.token, 0), (lambda h: (h.resumed, h.session, h.token, h.grace_msec))(second.welcome))
        self.assertEqual(pb.SESSION_ENDED, first.until_closed()[-1].status)
        self.assertEqual([4], [e.npages for e in second.call("list", region="ddr", session=second.welcome.session).extents])
        # The grace time is that of this Hello: none.
        second.cut()
        other = self.open()
        eventually("it has ended", lambda: second.welcome.session not in [s.id for s in other.call("sessions").sessions])
        with self.assertRaises(Refused) as caught:
            self.open(token=second.token)
        self.same_status(pb.NO_SESSION, caught.exception.status)

    def test_ended(self):
        wire, other = self.open(grace_msec=60000), self.open()
        self.assertEqual(0, other.call("end_session", session=wire.welcome.session).nextents)
        replies = wire.until_closed()
        self.assertEqual([(0, pb.SESSION_ENDED)], [(r.id, r.status) for r in replies])
        own = self.open(grace_msec=60000)
        own.call("end_session")
        self.assertEqual([], own.until_closed())
        with self.assertRaises(Refused):
            self.open(token=own.token)


class Limits(Case):
    """Each number of the page: as much is taken, one more is not."""

    def setUp(self):
        self.settled()

    def test_batches(self):
        wire = self.open()
        most = wire.welcome.batch_extents_max
        addrs = list(wire.call("alloc", region="ddr", npages=[1] * most).addr)
        self.assertEqual((most, most), (self.refused(wire, pb.LIMIT, "npages", "alloc", region="ddr", npages=[1] * (most + 1)).limit, len(addrs)))
        self.refused(wire, pb.LIMIT, "scatter_extents", "alloc", region="ddr", npages=[1], scatter_extents=most + 1)
        self.refused(wire, pb.LIMIT, "addr", "free", region="ddr", addr=addrs + addrs[:1], npages=[1] * (most + 1))
        extents = wire.call("list", region="ddr")
        self.assertEqual((512, True), (len(extents.extents), extents.more))
        drained = wire.call("drain", region="ddr", addr=addrs[0], npages=100)
        self.assertEqual((100, 64), (drained.nextents, len(drained.extent_addr)))
        refusal = self.refused(wire, pb.IN_USE, "addr", "reserve", region="ddr", addr=addrs[0], npages=100)
        self.assertEqual((100, 64), (refusal.nextents, len(refusal.extent_addr)))
        wire.call("drain", region="ddr", addr=addrs[0], npages=100, undo=True)
        self.assertEqual(most, wire.call("free", region="ddr", addr=addrs, npages=[1] * most).npages)

    def test_texts(self):
        wire = self.open()
        addr = wire.call("alloc", region="named", npages=[1], name="n" * 63, label="l" * 127).addr[0]
        self.assertEqual(63, self.refused(wire, pb.LIMIT, "name", "alloc", region="named", npages=[1], name="n" * 64).limit)
        self.assertEqual(127, self.refused(wire, pb.LIMIT, "label", "annotate", region="named", addr=addr, set_label=True, label="l" * 128).limit)
        self.refused(wire, pb.LIMIT, "name_pattern", "list", region="named", name_pattern="*" * 64)
        self.refused(wire, pb.LIMIT, "name", "lookup", region="named", name="n" * 64)
        self.refused(wire, pb.INVALID, "name", "lookup", region="named", name="")
        self.refused(wire, pb.INVALID, "label", "annotate", region="named", addr=addr, set_label=True, label="a\x7fb")

    def test_cells(self):
        wire = self.open()
        self.assertEqual(4096, len(wire.call("map", region="ddr", ncells=4096).used_npages))
        self.assertEqual(4096, self.refused(wire, pb.LIMIT, "ncells", "map", region="ddr", ncells=4097).limit)
        self.assertLessEqual(len(wire.call("map", region="ddr").used_npages), 1024)

    def test_ranges(self):
        wire = self.open()
        base = wire.call("region_info", region="named").region.base_addr
        holes = [{"region": "named", "addr": base + i * 4096, "npages": 1} for i in range(0, 1024, 2)]
        wire.batch([("reserve", hole) for hole in holes])
        self.assertEqual([hole["addr"] for hole in holes], list(wire.call("region_info", region="named").reserved_addr))
        wire.batch([("reserve", hole | {"undo": True}) for hole in holes])
        self.assertEqual(0, len(wire.call("region_info", region="named").reserved_addr))

    def test_sessions(self):
        """One reply has 128 at most, and says that there are more."""
        others = [self.open() for _ in range(140)]
        wire = self.open()
        self.assertEqual((128, True), (lambda r: (len(r.sessions), r.more))(wire.call("sessions")))
        found = [s.id for s in wire.listed("sessions", "sessions", lambda f, r: f.update(after=r.sessions[-1].id))]
        self.assertEqual(sorted(found), found)
        self.assertTrue({w.welcome.session for w in others} <= set(found))
        self.assertEqual([os.getuid()], [u.uid for u in wire.listed("stat", "users", lambda f, r: f.update(from_uid=r.users[-1].uid + 1), users=True)])


class Regions(Case):
    """One reply lists 128 regions at most."""

    CONFIG = "".join(f"[Region r{i}]\nLimit = 4M\n" for i in range(130))

    def test_in_parts(self):
        wire = self.open()
        self.assertEqual((128, True), (lambda r: (len(r.regions), r.more))(wire.call("list_regions")))
        found = wire.listed("list_regions", "regions", lambda f, r: f.update(after=r.regions[-1].id))
        self.assertEqual([f"r{i}" for i in range(130)], [r.name for r in found])


class Slow(Case):
    """Who is too slow, or too many, is told so with id 0, and cut off; others never notice."""

    CONFIG = """
[Daemon]
HelloTimeout = 1s
FrameTimeout = 1s
SendTimeout = 1s
MaxConnections = 6
UserConnections = 4
UserQueuedBytes = 1M
UserSessions = 3
[Region ddr]
Limit = 64M
Initial = 64M
"""

    def test_no_hello(self):
        stream = self.stream()
        self.assertEqual((0, pb.TOO_SLOW), (lambda r: (r.id, r.status))(stream.reply()))

    def test_half_a_frame(self):
        wire = self.open()
        wire.stream.send(wire.pack("stat") + b"\x05\x00")
        self.assertEqual([pb.OK, pb.TOO_SLOW], [r.status for r in wire.until_closed()])

    def test_does_not_read(self):
        wire = self.open()
        wire.stream.socket.setblocking(False)
        data = b"".join(frame_of(request_of("map", 1, region="ddr", ncells=4096).SerializeToString()) for i in range(4000))
        try:
            while data:
                data = data[wire.stream.socket.send(data) :]
        except (BlockingIOError, ConnectionError):
            pass
        eventually("it is cut off", lambda: self.look().cut_off_total > 0)

    def look(self):
        with Wire(self.daemon.socket) as wire:
            return wire.call("stat").daemon

    def test_too_many(self):
        """A user's connections and sessions."""
        wires = [self.open() for _ in range(3)]
        with self.assertRaises(Refused) as caught:
            self.open()
        self.assertEqual((pb.QUOTA, "user_sessions", 3), (lambda e: (e.status, e.refusal.field, e.refusal.limit))(caught.exception))
        wires[0].call("stat")
        # Connections without a session count as well. Hello need not have come for one that is too many to be told so.
        eventually("the refused one is gone", lambda: wires[0].call("stat").daemon.nconnections == 3)
        one, too_many = self.stream(), self.stream()
        reply = too_many.reply()
        self.assertEqual((0, pb.QUOTA, "user_connections"), (reply.id, reply.status, reply.refusal.field))
        one.close()

    def tearDown(self):
        self.doCleanups()
        eventually("they have gone", self.alone)

    def alone(self):
        try:
            return self.look().nconnections == 1
        except Refused:
            return False


class Full(Case):
    """A daemon that takes no more connections says so at once."""

    CONFIG = "[Daemon]\nMaxConnections = 2\n[Region ddr]\nLimit = 4M\n"

    def test_overloaded(self):
        first, second = self.open(), self.open()
        third = self.stream()
        reply = third.reply()
        self.assertEqual((0, pb.OVERLOADED), (reply.id, reply.status))
        first.call("stat")
        second.close()
        eventually("there is room again", self.takes_one)

    def takes_one(self):
        try:
            with Wire(self.daemon.socket) as wire:
                return bool(wire.welcome)
        except Refused as e:
            self.same_status(pb.OVERLOADED, e.status)
            return False
