"""Files as github.com serves them: `/OWNER/NAME/raw/REVISION/PATH`."""

import mimetypes
from urllib.parse import unquote

from tests.github_server.git_store import GitStore
from tests.github_server.state import State
from tests.github_server.wire import Answer

MISSING = Answer(404, content=b"404: Not Found", content_type="text/plain; charset=utf-8")


def raw_file(git: GitStore, state: State, method: str, path: str) -> Answer | None:
    """The file's bytes, 404 where it is not there; None where the path is of another kind."""
    prefix = f"/{state.full_name}/raw/"
    if method != "GET" or not path.startswith(prefix):
        return None
    # A branch may have slashes in its name, so every place where it could end is tried.
    words = unquote(path.removeprefix(prefix)).split("/")
    for end in range(1, len(words)):
        revision, file = "/".join(words[:end]), "/".join(words[end:])
        commit = git.resolve(revision)
        entry = next(iter(git.tree(commit, path=file)), None) if commit else None
        if entry is not None and entry.kind == "blob":
            content = git.blob(str(entry.sha)) or b""
            kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
            return Answer(
                200, content=content, content_type=kind if kind.startswith("image/") else "text/plain; charset=utf-8"
            )
    return MISSING
