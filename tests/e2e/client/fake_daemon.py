"""A daemon that says what a test wants it to: Hello, ListRegions and Stat, whatever is asked.

fake_daemon.py SOCKET JSON    until it is killed

JSON: {"server": TEXT, "features": N (all up to this one), "stat": {FIELD: VALUE}, "regions": [{FIELD: VALUE}]}
with fields by their numbers in pallocd.proto. A region's RegionStat says that nothing is resident.
"""
import json
import os
import socket
import struct
import sys


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(fields):
    return b"".join(field(int(n), v) for n, v in fields.items())


def fields_read(data):
    """The fields of a message, by number: numbers, or bytes."""
    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    at, fields = 0, {}
    while at < len(data):
        tag = number()
        value = number()
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def answer(say, request):
    """The field and the bytes of a reply's result."""
    if 2 in request:
        hello = {1: 1, 2: 1, 3: say["server"], 4: 65536, 5: 512, 6: bytes(16),
                 9: bytes(range(1, say["features"] + 1))}
        return 10, message(hello)
    if 3 in request:
        return 11, b"".join(field(1, message(r)) for r in say["regions"])
    asked = fields_read(request[8])
    stat = {1: message(say["stat"])}
    if asked.get(1):
        stat[2] = message({1: asked[1]})
    return 16, message(stat)


def exactly(conn, n):
    data = b""
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


say = json.loads(sys.argv[2])
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + ".new")
s.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    conn, _ = s.accept()
    try:
        while True:
            request = fields_read(exactly(conn, struct.unpack("<I", exactly(conn, 4))[0]))
            number, result = answer(say, request)
            reply = message({1: request[1], number: result})
            conn.sendall(struct.pack("<I", len(reply)) + reply)
    except (EOFError, ConnectionError):
        conn.close()
