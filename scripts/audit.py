"""Looks for known vulnerabilities in what the locks pin, with pip-audit.

pip-audit asks a service on the network. Where none answers, this says so in one line and ends with 0. Whether one answers
is tried with a release whose vulnerability is known: an index that knows nothing finds nothing, too, and calls that success.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

TOP = Path(__file__).parents[1]
KNOWN = "jinja2==2.4.1"
"""CVE-2014-0012, CVE-2014-1402 and others."""
LOCKS = ("requirements/run.txt", "requirements/dev.txt")
ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that do not touch us: the identifier, and why."""


class Vulnerability(TypedDict):
    """One that pip-audit knows of."""

    id: str
    fix_versions: list[str]


class Package(TypedDict, total=False):
    """One package of a lock; `skip_reason` is there where nobody could tell."""

    name: str
    version: str
    vulns: list[Vulnerability]
    skip_reason: str


def main() -> int:
    """Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.txt")
        probe.write_text(f"{KNOWN}\n")
        found = _audit("--no-deps", "--requirement", str(probe))
    if found is None or not any(package.get("vulns") for package in found):
        print("pip-audit: not run: no vulnerability service answers here.")
        return 0
    ignored = [option for name in ACCEPTED for option in ("--ignore-vuln", name)]
    packages = _audit(*ignored, *(option for lock in LOCKS for option in ("--requirement", str(TOP / lock))))
    if packages is None:
        print("pip-audit failed on the locks, while the service answers: run it by hand.", file=sys.stderr)
        return 1
    for package in packages:
        for vulnerability in package.get("vulns", []):
            versions = ", ".join(vulnerability["fix_versions"]) or "nothing yet"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {versions}", file=sys.stderr
            )
        if "skip_reason" in package:
            print(f"{package['name']}: not audited: {package['skip_reason']}", file=sys.stderr)
    return 1 if any(package.get("vulns") or "skip_reason" in package for package in packages) else 0


def _audit(*arguments: str) -> list[Package] | None:
    """The packages as pip-audit tells of them; None where it could not."""
    program = Path(sys.executable).with_name("pip-audit")
    options = ["--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json", "--desc", "off"]
    done = subprocess.run([program, *options, *arguments], capture_output=True, text=True, check=False, timeout=900)
    try:
        packages: list[Package] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return packages


if __name__ == "__main__":
    sys.exit(main())
