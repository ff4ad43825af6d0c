"""Runs the named cases one after the other and prints the closing line that all suites share."""

import sys
import traceback


class Skip(Exception):
    """What a case raises when it can not run here; the reason is printed."""


def run(suite, cases):
    """Calls each function of the list; its name, with spaces, is the case's."""
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for case in cases:
        name = case.__name__.replace("_", " ")
        try:
            case()
            count["passed"] += 1
            print(f"ok    {suite}: {name}")
        except Skip as reason:
            count["skipped"] += 1
            print(f"skip  {suite}: {name}\n      {reason}")
        except Exception:  # noqa: BLE001: whatever goes wrong in a case is that case's failure
            count["failed"] += 1
            print(f"FAIL  {suite}: {name}")
            print("".join(f"      {line}\n" for line in traceback.format_exc().splitlines()))
    print(f"{suite}: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
    sys.exit(0 if count["failed"] == 0 and count["passed"] > 0 else 1)
