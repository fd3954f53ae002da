#!/usr/bin/env python3
"""ask - what an interactive shell offers at the end of a command line

    ask.py SETUP SHELL...

Starts SHELL on a terminal of its own and gives it the line SETUP. Then for each line of standard input it types the line and
the tab key, and prints as one line what was offered. The shell has to write that to the pipe whose name is in $ASK_PIPE, a word
a line, each time the key is pressed, and once when SETUP is done.
"""
import os
import pty
import sys
import threading

setup, shell = sys.argv[1], sys.argv[2:]
pipe = os.environ["ASK_PIPE"]
os.mkfifo(pipe)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell[0], shell)

screen = []


def watch():
    """What the shell draws has to be read, or it waits."""
    try:
        while True:
            screen.append(os.read(terminal, 65536))
    except OSError:
        # It has ended. Whoever waits for it on the pipe must not do so for ever.
        if not done:
            sys.stderr.write(b"".join(screen).decode(errors="replace"))
            os._exit(1)


def offered():
    with open(pipe) as words:
        return sorted(set(words.read().split("\n")) - {""})


done = False
threading.Thread(target=watch, daemon=True).start()
os.write(terminal, setup.encode() + b"\n")
offered()
for line in sys.stdin:
    os.write(terminal, line.rstrip("\n").encode() + b"\t")
    print(" ".join(offered()), flush=True)
    # From the cursor to the beginning: the line is empty again.
    os.write(terminal, b"\x15")
done = True
os.write(terminal, b"\x04")
os.kill(pid, 1)
os.waitpid(pid, 0)
os.unlink(pipe)
