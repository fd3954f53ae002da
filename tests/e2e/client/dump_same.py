"""What `paclient --from FILE` says is what the daemon has said when FILE was dumped: to the byte, on both outputs, and the exit code.

Beside that stand what asking changes (counters of requests, the session that asks) and what time changes (how long something runs).
These are replaced by "_" on both sides.
"""

import json
import re
import subprocess

# Counters that every command raises, as stat, stat --json and metrics call them.
ASKING = "|".join(
    """uptime_usec connections_total requests_total refusals_total batches_total received_bytes_total sent_bytes_total
    process_commits_total process_bytes machine_commits_total machine_bytes cpu_usec_total""".split()
)
TEXT = re.compile("^(up|connections ever|requests|refused|batches|received|sent|process commits|process store|machine commits|machine store|processor) .*$", re.M)
METRIC = re.compile(
    "^(pallocd_(?:uptime_seconds|cpu_seconds_total|connections_opened_total|requests_total|request_refusals_total|batches_total"
    "|received_bytes_total|sent_bytes_total|store_[a-z]+_(?:commits_total|bytes))) .*$",
    re.M,
)


def neutral(args, out):
    """@out of a command with what asking and time change replaced"""
    if "sessions" in args and "--json" in args and out.startswith("{"):
        j = json.loads(out)
        for s in j.get("sessions", []):
            for key in ["age_usec", "remaining_ms"] + (["id", "pid"] if s["own"] else []):
                s[key] = "_"
        return json.dumps(j)
    if "sessions" in args:
        # The last is the one that asks. AGE and LEFT are the columns behind STATE.
        lines = re.sub(r"(open|grace|ending|quarantined) +\S+ +\S+", r"\1 _ _", out).splitlines()
        return "\n".join(lines[:-1] + [re.sub(r"^ *\d+ +(\S+) +\d+", r"_ \1 _", lines[-1])] if lines else lines)
    out = re.sub('"(%s)": \\d+' % ASKING, r'"\1": _', out)
    return METRIC.sub(r"\1 _", TEXT.sub(r"\1 _", out))


def run(command, args):
    r = subprocess.run([*command, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, close_fds=False)
    return r.returncode, neutral(args, r.stdout), r.stderr


def differ(command, dump, args):
    """None, or how the answers differ"""
    live, kept = run(command, args), run(command, ["--from", dump, *args])
    if live == kept:
        return None
    return "%s:\n--- the daemon: exit code %d\n%s%s\n--- the dump: exit code %d\n%s%s" % (args, *live, *kept)
