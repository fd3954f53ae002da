"""A stand-in for the journal: prints each entry that comes to its socket as a line of JSON.

listen.py SOCKET   ends when its standard input does
"""
import json
import os
import select
import socket
import struct
import sys


def entry(data):
    """The native protocol: NAME=value lines, or NAME, a length of 8 bytes, and as many bytes."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (n,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8:8 + n], rest[9 + n:]
        assert name.decode() not in fields, f"{name} comes twice: {fields}"
        fields[name.decode()] = value.decode()
        data = rest
    return fields


s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
print(json.dumps({"ready": True}), flush=True)
while True:
    ready, _, _ = select.select([s, sys.stdin], [], [])
    if s in ready:
        print(json.dumps(entry(s.recv(65536))), flush=True)
    elif sys.stdin in ready and not os.read(0, 1):
        break
