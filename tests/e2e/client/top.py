#!/usr/bin/env python3
"""Drives `paclient top` on a terminal of its own: what is on the screen after which key, signal and mishap.

top.py BIN FOLDER    regions ddr and hbm, two sessions: a small one, then a large one; FOLDER/kill asks for the daemon's end, FOLDER/restart for another
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

binary, folder = sys.argv[1], sys.argv[2]
BEGIN, END = b"\033[?1049h", b"\033[?1049l"
PATIENCE = 30
failures = 0


def check(ok, what, got=""):
    global failures
    if not ok:
        failures += 1
        print(f"FAILED: {what}: {got!r}"[:3000])


class Screen:
    """A terminal, and a program on it."""

    def __init__(self, *arguments, columns=120, lines=40, term="xterm"):
        self.master, self.slave = pty.openpty()
        self.size(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.raw = b""

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        self.program = subprocess.Popen([f"{binary}/paclient", "top", "--interval", "200ms", *arguments], stdin=self.slave, stdout=self.slave,
                                        stderr=subprocess.PIPE, preexec_fn=own, env={**os.environ, "TERM": term})

    def size(self, columns, lines):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.raw += os.read(self.master, 65536)
            except OSError:
                return False
            return True
        return False

    def frames(self):
        """Whole pictures so far, the last one last, as text."""
        parts = [p for p in self.raw.split(b"\033[H")[1:] if re.search(rb"help(\033\[0m)?\033\[K", p)]
        return [re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", p.decode()).replace("\r", "") for p in parts]

    def until(self, true, what):
        """It comes true of the last picture, at once or soon."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read(0.2)
            frames = self.frames()
            if frames and true(frames[-1]):
                return frames[-1]
        check(False, what, (self.frames() or [self.raw.decode(errors="replace")])[-1])
        return ""

    def sees(self, pattern, what):
        return self.until(lambda frame: re.search(pattern, frame, re.M), f"{what}: wanted {pattern}")

    def key(self, keys):
        os.write(self.master, keys.encode())

    def ends(self, what, gone=False):
        """It ends as it should, and the terminal is as it was."""
        end = time.monotonic() + PATIENCE
        while self.program.poll() is None and time.monotonic() < end:
            if gone:
                time.sleep(0.02)
            else:
                self.read(0.05)
        code = self.program.poll()
        if code is None:
            self.program.kill()
        check(code == 0, f"{what}: exit code", (code, self.program.stderr.read()))
        if gone:
            return
        while self.read(0.05):
            pass
        check(self.raw.endswith(b"\033[?7h\033[?25h" + END) and self.raw.count(BEGIN) == self.raw.count(END), f"{what}: the screen", self.raw[-200:])
        check(termios.tcgetattr(self.slave) == self.before, f"{what}: keys are as they were")


def order(frame):
    """The sessions, as listed."""
    return re.findall(r"^ +(\d+) +\S+ +\d+ +open", frame, re.M)


RATES = r"^ddr .* \d+\.\d +\d+\.\d +\d+\.\d"

# Keys.
s = Screen()
frame = s.sees(r"^ddr +\S+ +\d+%", "regions")
check(s.raw.startswith(BEGIN), "another screen", s.raw[:40])
check(re.search(r"^hbm ", frame, re.M) and "pallocd" in frame and "requests/s" in frame, "the head", frame)
check("\u2588" in frame and "\u00b7" in frame, "a bar", frame)
check(not termios.tcgetattr(s.slave)[3] & (termios.ICANON | termios.ECHO), "keys come one by one")
frame = s.sees(RATES, "rates, when there is something to compare with")
by_size = order(frame)
check(len(by_size) == 2, "two sessions", frame)
s.key("s")
s.sees("sort: extents", "s")
s.key("s")
check(order(s.sees("sort: age", "s once more")) == by_size[::-1], "by age the other one comes first")
s.key("\033[D\033[D")
check(order(s.sees("sort: size", "left")) == by_size, "by size again")
s.key("\033[B")
s.until(lambda frame: order(frame) == by_size[1:], "down")
s.key("\033[A")
s.until(lambda frame: order(frame) == by_size, "up")
s.key("u")
s.sees(r"^USER +SESSIONS +EXTENTS +SIZE\n\S+ +[2-9] +", "users")
s.key("?")
s.sees("left and right", "help")
s.key("?u2")
s.until(lambda frame: re.search(r"^hbm .*\n[\u2591\u2588\u2593\u2592\u00b7]{20}", frame, re.M) and not re.search(r"^ddr ", frame, re.M),
        "the second region alone, and how full its parts are")
s.key("0")
s.sees(r"^ddr ", "all regions again")

# Another size: no line is longer, and there are no more than fit.
s.size(80, 8)
frame = s.until(lambda frame: len(frame.splitlines()) <= 8, "eight lines")
check([len(line) <= 80 for line in frame.splitlines() if line.startswith("ddr")] == [True], "eighty columns", frame)
s.size(120, 40)
s.until(lambda frame: len(frame.splitlines()) > 8, "forty lines")

# A daemon that goes and comes back.
open(f"{folder}/kill", "w").close()
s.sees("no answer: ", "a daemon that is gone")
open(f"{folder}/restart", "w").close()
s.sees("started again 1 time", "a daemon that is back")
s.sees(RATES, "rates once more")
s.key("q")
s.ends("q")

# Signals; the key that sends one, too.
for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    s = Screen()
    s.sees("^ddr ", "regions")
    s.program.send_signal(how)
    s.ends(how.name)
s = Screen()
s.sees("^ddr ", "regions")
s.key("\x03")
s.ends("interrupted by a key")

# Stopped by a key: the terminal is the shell's meanwhile.
s = Screen()
s.sees("^ddr ", "regions")
s.program.send_signal(signal.SIGTSTP)
_, status = os.waitpid(s.program.pid, os.WUNTRACED)
check(os.WIFSTOPPED(status), "stopped", status)
while s.read(0.05):
    pass
check(s.raw.endswith(END) and termios.tcgetattr(s.slave) == s.before, "stopped: the terminal is as it was", s.raw[-60:])
shown = len(s.frames())
s.program.send_signal(signal.SIGCONT)
s.until(lambda frame: len(s.frames()) > shown, "continued")
check(s.raw.count(BEGIN) == 2, "continued: another screen again")
s.key("q")
s.ends("q after that")

# The terminal is gone.
s = Screen()
s.sees("^ddr ", "regions")
os.close(s.slave)
os.close(s.master)
s.ends("a terminal that is gone", gone=True)

# --count, on a terminal; a terminal without a cursor; one that shall have no colours.
s = Screen("--count", "2")
s.ends("--count")
check(len(s.frames()) == 2, "--count 2", len(s.frames()))
s = Screen("--count", "1", term="dumb")
s.program.wait(PATIENCE)
while s.read(0.05):
    pass
check(b"\033" not in s.raw and b"ddr" in s.raw, "TERM=dumb", s.raw[:200])
s = Screen("--count", "1", "--color", "never")
s.ends("--color never")
check(not re.search(rb"\033\[[0-9]*m", s.raw), "--color never", s.raw[:300])
sys.exit(1 if failures else 0)
