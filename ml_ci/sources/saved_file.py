"""One file as it was, to be put back just like that, whatever somebody has put in its place meanwhile.

The guard uses it too, so this imports no more than the guard may.
"""

# as in the guard: pathlib would cost more than all else that is imported here
# ruff: noqa: PTH112, PTH114, PTH115, PTH116, PTH119, PTH120, PTH123

import os
import stat

GONE = "-"
"""Stands for the content where there must be no file."""


class Saved:
    """A file as it is to be again: its content (None where there must be no file), mode, owner; of a link, where it leads.

    `folder` says which folder it is in: the real path, device and number. A folder that is another one by now, or is
    reached by a link, is not written to.
    """

    __slots__ = ("content", "folder", "gid", "mode", "path", "uid")

    def __init__(
        self, path: str, content: "bytes | None", mode: int, uid: int, gid: int, folder: "tuple[str, int, int]"
    ) -> None:
        self.path, self.content, self.mode, self.uid, self.gid, self.folder = path, content, mode, uid, gid, folder

    @classmethod
    def now(cls, path: str) -> "Saved":
        """The file as it is now. Raises OSError if its folder is not there, or it can be there and not be read."""
        parent = os.path.dirname(path)
        status = os.stat(parent)
        folder = (os.path.realpath(parent), status.st_dev, status.st_ino)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return cls(path, None, 0, 0, 0, folder)
        return cls(path, _content(path, found.st_mode), found.st_mode, found.st_uid, found.st_gid, folder)

    @property
    def in_place(self) -> bool:
        """Whether its folder is still the same, and no link leads there."""
        parent, device, number = self.folder
        try:
            status = os.lstat(parent)
        except OSError:
            return False
        same = (status.st_dev, status.st_ino) == (device, number)
        return same and os.path.realpath(os.path.dirname(self.path)) == parent

    @property
    def is_so(self) -> bool:
        """Whether the file is just like that."""
        try:
            found = os.lstat(self.path)
            return (
                self.content is not None
                and (found.st_mode, found.st_uid, found.st_gid) == (self.mode, self.uid, self.gid)
                and _content(self.path, found.st_mode) == self.content
            )
        except FileNotFoundError:
            return self.content is None
        except OSError:
            return False

    def put_back(self) -> bool:
        """Make it so, whatever is in its place now. Whether that could be done; not where its folder is another one."""
        try:
            if self.in_place and not self.is_so:
                _write(self)
        except OSError:
            return False
        return self.in_place and self.is_so

    def line(self) -> str:
        """All of it as one word, for the pipe."""
        parent, device, number = self.folder
        content = GONE if self.content is None else self.content.hex()
        numbers = (self.mode, self.uid, self.gid, device, number)
        return ":".join([_hex(self.path), _hex(parent), *map(str, numbers), content])

    @classmethod
    def of_line(cls, word: str) -> "Saved":
        """What `line` wrote."""
        path, parent, *numbers, content = word.split(":")
        mode, uid, gid, device, number = map(int, numbers)
        return cls(
            path_of(path),
            None if content == GONE else bytes.fromhex(content),
            mode,
            uid,
            gid,
            (path_of(parent), device, number),
        )


def _hex(path: str) -> str:
    return os.fsencode(path).hex()


def path_of(word: str) -> str:
    """A path, of what stands for it in the pipe."""
    return os.fsdecode(bytes.fromhex(word))


def _content(path: str, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.fsencode(os.readlink(path))
    if not stat.S_ISREG(mode):
        return b""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        return file.read()


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path)


def _write(saved: Saved) -> None:
    """By a descriptor of the folder, where the system can: then nobody can put another one in its place meanwhile."""
    parent, device, number = saved.folder
    if os.open not in os.supports_dir_fd:
        _write_in(parent + os.sep, None, saved)
        return
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == (device, number):
            _write_in("", descriptor, saved)
    finally:
        os.close(descriptor)


def _write_in(before: str, folder: "int | None", saved: Saved) -> None:
    name, new = before + os.path.basename(saved.path), f"{before}.ml-ci-{os.urandom(8).hex()}"
    if os.path.isdir(saved.path) and not os.path.islink(saved.path):
        _remove_tree(saved.path)
    if saved.content is None:
        os.unlink(name, dir_fd=folder)
        return
    if stat.S_ISLNK(saved.mode):
        os.symlink(os.fsdecode(saved.content), new, dir_fd=folder)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(new, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(saved.content)
            if hasattr(os, "fchown"):
                if (os.geteuid(), os.getegid()) != (saved.uid, saved.gid):
                    os.fchown(file.fileno(), saved.uid, saved.gid)
                os.fchmod(file.fileno(), stat.S_IMODE(saved.mode))
    os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
