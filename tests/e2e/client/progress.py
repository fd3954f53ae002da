# progress - runs commands side by side, each on a terminal of its own, and prints a line for each: what it has shown on standard
# error, with what is unprintable as escapes. progress.py COLUMNS COMMAND... [-- COLUMNS COMMAND...]...
import fcntl, os, pty, struct, sys, termios

def start(columns, *command):
    there, here = pty.openpty()
    fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    if os.fork() == 0:
        os.dup2(here, 2)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execvp(command[0], command)
    os.close(here)
    return there

def shown(terminal):
    seen = b""
    while True:
        # Linux says EIO when the last one who had the terminal has closed it.
        try:
            some = os.read(terminal, 4096)
        except OSError:
            return seen.decode().encode("unicode_escape").decode()
        seen += some

commands = [[]]
for word in sys.argv[1:]:
    if word == "--":
        commands.append([])
    else:
        commands[-1].append(word)
for terminal in [start(*c) for c in commands]:
    print(shown(terminal))
