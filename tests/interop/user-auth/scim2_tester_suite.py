"""Runs all checks of scim2-tester, each of which makes, reads, changes and deletes people and groups."""

import sys

from directory import connect
from scim2_tester import Status, check_server

GOOD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}

count = {"passed": 0, "failed": 0, "skipped": 0}
for result in check_server(connect()):
    if result.status == Status.SKIPPED:
        outcome, word = "skipped", "skip "
    elif result.status in GOOD:
        outcome, word = "passed", "ok   "
    else:
        outcome, word = "failed", "FAIL "
    count[outcome] += 1
    about = f" ({result.resource_type})" if result.resource_type else ""
    print(f"{word} scim2-tester: {result.title}{about}: {result.reason or ''}")
    if outcome == "failed":
        print(f"      {result.status.name}: {result.data}")

print(f"scim2-tester: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
# A server that publishes nothing fails the first checks and skips all others.
sys.exit(0 if count["failed"] == 0 and count["passed"] > 50 else 1)
