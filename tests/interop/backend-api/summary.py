"""Counts the operations in Schemathesis's report: summary.py REPORT LOG."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

report, log = (Path(argument) for argument in sys.argv[1:])
if not report.exists():
    sys.exit(f"Schemathesis wrote no report:\n{log.read_text()[-4000:]}")
count = {"passed": 0, "failed": 0, "skipped": 0}
for case in ElementTree.parse(report).getroot().iter("testcase"):
    problems = [*case.iter("failure"), *case.iter("error")]
    outcome = "failed" if problems else "skipped" if case.find("skipped") is not None else "passed"
    count[outcome] += 1
    for problem in problems:
        text = problem.get("message") or problem.text or ""
        print(f"FAIL  {case.get('name')}\n" + "".join(f"      {line}\n" for line in text.strip().splitlines()[:30]))
if count["failed"]:
    print(f"The whole report: {log}")
print(f"schemathesis: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped", flush=True)
sys.exit(0 if count["failed"] == 0 and count["passed"] > 0 else 1)
