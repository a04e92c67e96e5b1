"""`python -m tests.github_server`: the server as a process of its own.

Prints its URL and runs until SIGTERM or SIGINT. Exits with 1 if anything broke GitHub's description of its API, and says what.
"""

import argparse
import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from tests.github_server import GitHubServer, Token


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.github_server", description=__doc__)
    parser.add_argument("--git-dir", type=Path, required=True, help="an existing bare repository")
    parser.add_argument("--repo", default="octo/model", metavar="OWNER/NAME")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--public-host", help="the host in the printed URL, where it is not the one listened on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--pull", action="append", default=[], metavar="HEAD[:BASE]", help="open a pull request")
    parser.add_argument("--withhold", action="append", default=[], metavar="PERMISSION", help="leave it read only")
    parser.add_argument("--user", action="append", default=[], metavar="TOKEN=LOGIN", help="a person's token")
    parser.add_argument("--log", type=Path, help="write the requests here at the end, one JSON object a line")
    given = parser.parse_args(arguments)

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = GitHubServer(given.git_dir, given.repo, given.host, given.port, given.public_host)
    server.withhold(*given.withhold)
    for pair in given.user:
        secret, _, login = pair.partition("=")
        server.tokens[secret] = Token(login=login, kind="User")
    for pair in given.pull:
        head, _, base = pair.partition(":")
        server.add_pull(head, base or server.state.default_branch)
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        stop.wait()
    if given.log:
        given.log.write_text("".join(json.dumps(asdict(seen)) + "\n" for seen in server.requests), encoding="utf-8")
    for violation in server.violations:
        sys.stderr.write(f"{violation}\n")
    return 1 if server.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
