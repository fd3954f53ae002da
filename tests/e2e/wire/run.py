"""run - the tests of this folder, and then what they have never sent or seen, by looking at the contract itself

    run.py [TEST...]

Role:  a verb, a field of a request, a status or a kind of event that is in pallocd.proto and in no test is a failure.
Uses:  wire.py, the tests
"""
import sys
import unittest

import pallocd_pb2 as pb
import wire

# Statuses that nobody can provoke from outside, or not here; and fields that say nothing to a client of this kind.
STATUSES_LEFT_OUT = {
    "FAULTED": "a region is closed for a mistake of the daemon's own: tests/unit/rpc has that",
}
KINDS_LEFT_OUT = {"EVENT_NONE": "is no event"}
FIELDS_LEFT_OUT = {}

# What tests could not do here, with the reason: they add to it.
not_here = {}


def never():
    """Lines about what is in the contract and was not used."""
    lines = []
    request = pb.Request.DESCRIPTOR
    for field in request.oneofs_by_name["verb"].fields:
        if field.name not in wire.answered_verbs:
            lines.append(f"the verb {field.name} was never answered with OK")
    for message in [f.message_type for f in request.oneofs_by_name["verb"].fields] + [pb.Placement.DESCRIPTOR]:
        for field in message.fields:
            name = f"{message.name}.{field.name}"
            if name not in wire.sent_fields and name not in FIELDS_LEFT_OUT:
                lines.append(f"the field {name} was in no request that was answered with OK")
    for name, number in pb.Status.items():
        if number not in wire.seen_statuses and name not in STATUSES_LEFT_OUT and name not in not_here:
            lines.append(f"the status {name} was never seen")
    for name, number in pb.EventKind.items():
        if number not in wire.seen_kinds and name not in KINDS_LEFT_OUT:
            lines.append(f"the event {name} was never seen")
    for left_out in (STATUSES_LEFT_OUT, KINDS_LEFT_OUT):
        for name in left_out:
            if name not in pb.Status.keys() + pb.EventKind.keys():
                lines.append(f"{name} is left out here, and is not in the contract")
    return lines


def main(names):
    loader = unittest.defaultTestLoader
    modules = ["test_verbs", "test_connection", "test_repeating", "test_refusals"]
    # Nothing has been sent: all of it is missed.
    assert len(never()) > 100, never()
    suite = loader.loadTestsFromNames(names or modules)
    if not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful():
        return 1
    if names:
        return 0
    for name, reason in not_here.items():
        print(f"{name} was not tried here: {reason}")
    lines = never()
    for line in lines:
        print(f"FAILED: {line}")
    print(f"{len(wire.answered_verbs)} verbs, {len(wire.sent_fields)} fields, {len(wire.seen_statuses)} statuses, {len(wire.seen_kinds)} kinds of events")
    return 1 if lines else 0


if __name__ == "__main__":
    # The tests know this module by its name, too.
    sys.modules["run"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
