"""daemon - a daemon of a test's own, in a temporary folder: for tests in Python

Role:  starts pallocd with options, waits until it answers, kills it, starts it anew.
Uses:  build/bin/pallocd

The test's process says where the build is: PALLOCD_BUILD.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.environ["PALLOCD_BUILD"]
# How long anything may take that takes no time on a machine with nothing else to do.
PATIENCE = 60


def eventually(what, condition):
    """The condition is true, now or soon: its value."""
    until = time.monotonic() + PATIENCE
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {PATIENCE} seconds: {what}")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


class Daemon:
    """with Daemon("--region", "ddr,limit=4M,initial=4M") as daemon: ... daemon.socket"""

    def __init__(self, *options, config=None):
        self.folder = tempfile.mkdtemp()
        self.socket = os.path.join(self.folder, "sock")
        self.options = list(options)
        self.process = None
        self.log = os.path.join(self.folder, "log")
        if config is not None:
            path = os.path.join(self.folder, "pallocd.conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(config)
            self.options += ["--config", path]

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8") as f:
                raise AssertionError(f"the daemon does not start: {f.read()}")
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.socket)
            except OSError:
                return False
        return True

    def start(self, **kwargs):
        with open(self.log, "a", encoding="utf-8") as log:
            command = [os.path.join(BUILD, "bin", "pallocd"), "--socket", self.socket, *self.options]
            self.process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, **kwargs)
        eventually("the daemon answers", self.answers)

    def kill(self):
        """Outright, as if it had crashed."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In an orderly way; it must end without having found anything wrong with itself."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        if code not in (0, -signal.SIGTERM):
            with open(self.log, encoding="utf-8") as f:
                raise AssertionError(f"the daemon ended with {code}: {f.read()}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
