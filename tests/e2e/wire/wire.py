"""wire - a client of pallocd in Python, made from proto/pallocd.proto and proto/README.md alone

Role:  frames, Hello, any number of requests in flight, events in between, descriptors, resuming by token and repeating what was not
       answered. Keeps count of what has been sent and seen, so that a test can say what never was.
Uses:  pallocd_pb2, which protoc makes of pallocd.proto; nothing of the C library

    with Wire(socket_path) as wire:
        region = wire.call("region_info", region="ddr").region
        addr = wire.call("alloc", region_id=region.id, npages=[16]).addr[0]
"""
import array
import collections
import socket
import struct

import pallocd_pb2 as pb

# What all clients of this process have sent and seen: verbs and fields of requests, answered with OK; statuses; kinds of events.
answered_verbs = set()
sent_fields = set()
seen_statuses = set()
seen_kinds = set()

# How long an answer may take.
PATIENCE = 60

# Descriptors that one receive may bring.
FDS = 8


class Refused(Exception):
    """A reply whose status is not OK."""

    def __init__(self, reply):
        super().__init__(f"{pb.Status.Name(reply.status)}: {reply.message}")
        self.reply = reply
        self.status = reply.status
        self.refusal = reply.refusal


class Closed(Exception):
    """The daemon has closed the connection."""


def fields_note(message, name):
    """Which fields say something, down to the messages within."""
    for field, value in message.ListFields():
        sent_fields.add(f"{name}.{field.name}")
        if field.type == field.TYPE_MESSAGE and field.label != field.LABEL_REPEATED:
            fields_note(value, field.message_type.name)


def request_of(verb, id, answered=0, **fields):
    """A Request; what a message within is made of is given as a dict."""
    request = pb.Request(id=id, answered=answered)
    message = getattr(request, verb)
    message.SetInParent()
    for name, value in fields.items():
        if isinstance(value, dict):
            getattr(message, name).SetInParent()
            getattr(message, name).MergeFrom(type(getattr(message, name))(**value))
        elif isinstance(value, (int, str, bytes)):
            setattr(message, name, value)
        else:
            getattr(message, name).extend(value)
    return request


def frame_of(message):
    """Its length as 4 bytes, little endian, and the bytes."""
    return struct.pack("<I", len(message)) + message


class Stream:
    """A connection as bytes: frames in and out, and the descriptors that come with them."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.received = b""
        self.fds = collections.deque()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """What comes next; each receive has room for descriptors."""
        room = socket.CMSG_SPACE(FDS * struct.calcsize("i"))
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(1 << 16, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError as e:
            raise Closed from e
        assert not flags & socket.MSG_CTRUNC
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(value)
                self.fds.extend(fds)
        if not data:
            raise Closed
        self.received += data

    def frame(self):
        """The next message's bytes."""
        while len(self.received) < 4 or len(self.received) < 4 + struct.unpack_from("<I", self.received)[0]:
            self.more()
        end = 4 + struct.unpack_from("<I", self.received)[0]
        message, self.received = self.received[4:end], self.received[end:]
        return message

    def reply(self):
        """The next message as what the daemon sends."""
        reply = pb.Reply.FromString(self.frame())
        seen_statuses.add(reply.status)
        return reply

    def close(self):
        self.socket.close()


class Wire:
    """A session. With repeats=True it may lose its connection: see reconnect()."""

    def __init__(self, path, *, hello=True, **options):
        self.path = path
        self.options = options
        self.pending = collections.OrderedDict()  # id: verb, frame, in the order of sending
        self.events = collections.deque()
        self.recalls = collections.deque()
        self.last_id = 0
        self.answered = 0  # replies to all ids up to this one have come
        self.token = options.pop("token", b"")
        self.watching = 0
        self.ended = None  # the last reply, with id 0, of a connection that is over
        self.stream = Stream(path)
        self.welcome = self.hello() if hello else None

    def hello(self):
        """Introduce oneself; with the token go on with the session."""
        self.send("hello", id=0, version=1, token=self.token, **{"client": "wire"} | self.options)
        welcome = self.result("hello", self.receive())
        self.token = welcome.token
        if welcome.repeats:
            self.last_id = max(self.last_id, welcome.last_id)
        return welcome

    # Requests and replies, apart.

    def send(self, verb, *, id=None, **fields):
        """One request, without waiting for anything: its id."""
        frame = self.pack(verb, id=id, **fields)
        self.stream.send(frame)
        return next(reversed(self.pending))

    def pack(self, verb, *, id=None, **fields):
        """Its frame, noted as if it had been sent: to send several with one write."""
        if id is None:
            self.last_id += 1
            id = self.last_id
        answered = self.answered if self.options.get("repeats") and verb != "hello" else 0
        request = request_of(verb, id, answered, **fields)
        frame = frame_of(request.SerializeToString())
        self.pending[id] = (verb, frame, request)
        return frame

    def receive(self):
        """The reply to the oldest request; events that come before it are kept for event()."""
        while True:
            reply = self.stream.reply()
            if not self.unasked(reply):
                break
        if reply.id == 0 and 0 not in self.pending:
            self.ended = reply
            return reply
        id, (verb, _, request) = self.pending.popitem(last=False)
        assert reply.id == id, f"the reply to {id} was expected, got one to {reply.id}"
        # All replies up to the oldest that is missing have come.
        self.answered = next(iter(self.pending)) - 1 if self.pending else max(self.answered, id)
        if reply.status == pb.OK:
            assert reply.WhichOneof("result") == verb, (verb, reply)
            answered_verbs.add(verb)
            fields_note(getattr(request, verb), request.DESCRIPTOR.fields_by_name[verb].message_type.name)
            fields_note(pb.Request(answered=request.answered), "Request")
        return reply

    def unasked(self, reply):
        """It came between replies, and is kept: events, and that leased blocks are wanted back."""
        kind = reply.WhichOneof("result")
        if kind == "events":
            self.take_events(reply)
        elif kind == "recall":
            assert reply.id == 0, reply
            self.recalls.append(reply.recall)
        return kind in ("events", "recall")

    def recalled(self):
        """The next Recall."""
        while not self.recalls:
            reply = self.stream.reply()
            assert self.unasked(reply), reply
        return self.recalls.popleft()

    def take_events(self, reply):
        assert reply.id == self.watching, (reply.id, self.watching)
        assert len(reply.events.events) <= 256
        self.events.append(reply.events)
        seen_kinds.update(e.kind for e in reply.events.events)

    @staticmethod
    def result(verb, reply):
        if reply.status != pb.OK:
            raise Refused(reply)
        return getattr(reply, verb)

    # Both together.

    def call(self, verb, **fields):
        """Ask, and wait for the result; Refused where there is none. What was sent before and not received is received first."""
        self.send(verb, **fields)
        while len(self.pending) > 1:
            self.receive()
        return self.result(verb, self.receive())

    def batch(self, requests):
        """Several requests, (verb, fields), with one write; their replies. One write each would fill the socket before anything is read."""
        assert not self.pending
        self.stream.send(b"".join(self.pack(verb, **fields) for verb, fields in requests))
        return [self.receive() for _ in requests]

    def listed(self, verb, key, advance, **fields):
        """All entries of a reply that comes in parts: advance(request fields, result) asks for the next."""
        entries = []
        while True:
            result = self.call(verb, **fields)
            entries += getattr(result, key)
            if not (result.more_users if verb == "stat" else result.more):
                return entries
            advance(fields, result)

    def watch(self, **fields):
        """From now on events are told: see event()."""
        self.watching = self.send("watch", **fields)
        return self.result("watch", self.receive())

    def event(self):
        """The next event that was not lost."""
        while not self.events or not self.events[0].events:
            if self.events:
                self.events.popleft()
                continue
            reply = self.stream.reply()
            assert self.unasked(reply), reply
        return self.events[0].events.pop(0)

    def attach(self, **fields):
        """The result, and the descriptor, which is the caller's: the n-th of the connection is that of its n-th attach."""
        result = self.call("attach", **fields)
        return result, self.stream.fds.popleft()

    # Connections that are lost.

    def cut(self):
        """The connection is gone."""
        self.stream.close()

    def reconnect(self):
        """On a new connection: go on with the session, and ask once more for what was not answered."""
        self.stream.close()
        self.stream = Stream(self.path)
        unanswered = [(id, entry) for id, entry in self.pending.items() if id]
        self.pending.clear()
        self.welcome = self.hello()
        for id, entry in unanswered:
            self.pending[id] = entry
            self.stream.send(entry[1])
        return self.welcome

    def until_closed(self):
        """Replies until the daemon closes the connection; the reason is the last of them."""
        replies = []
        try:
            while True:
                replies.append(self.stream.reply())
        except Closed:
            assert not self.stream.received, "the last frame is cut off"
            return replies

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
