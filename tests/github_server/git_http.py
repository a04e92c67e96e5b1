"""git itself over HTTP, as github.com serves `/OWNER/NAME.git`, by git's own `http-backend`."""

from urllib.parse import urlsplit

from tests.github_server.accounts import ANONYMOUS, Token
from tests.github_server.git_store import GitStore
from tests.github_server.socket_handler import Request
from tests.github_server.state import State
from tests.github_server.wire import Answer

_SERVICES = ("/info/refs", "/git-upload-pack", "/git-receive-pack")
# GitHub gives any commit that is asked for by its SHA, which is what a shallow clone needs to reach the base.
_SETTINGS = ("uploadpack.allowAnySHA1InWant=true", "http.receivepack=true")


def git_answer(git: GitStore, state: State, request: Request, token: Token) -> Answer | None:
    """The answer to `git fetch`, `git push` or `git clone`; None where the request is not one of theirs."""
    parts = urlsplit(request.target)
    service = next((name for name in _SERVICES if parts.path.endswith(name)), None)
    if service is None or parts.path.removesuffix(service).removesuffix(".git") != f"/{state.full_name}":
        return None
    pushes = "git-receive-pack" in request.target
    if (pushes or state.private) and token is ANONYMOUS:
        return Answer(401, content=b"", content_type="text/plain", headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
    if pushes and not token.may("contents", "write"):
        message = f"remote: Permission to {state.full_name}.git denied to {token.login}."
        return Answer(403, content=message.encode(), content_type="text/plain")
    path = git.path.resolve()
    environment = {
        "GIT_PROJECT_ROOT": str(path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{path.name}{service}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "REMOTE_USER": token.login,
    }
    settings = [option for setting in _SETTINGS for option in ("-c", setting)]
    head, _, body = git.run(*settings, "http-backend", stdin=request.body, environment=environment).partition(
        b"\r\n\r\n"
    )
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200").split()[0])
    return Answer(status, content=body, content_type=headers.pop("Content-Type", "text/plain"), headers=headers)
