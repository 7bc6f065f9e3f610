"""Writes a tree below one directory and nowhere else, whatever the origin sends (chapter 7, The receiver)."""
import errno
import os
import secrets
import shutil
from collections.abc import Callable
from functools import wraps
from typing import Any

from names import BatonError, escape

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CODES = {errno.ENOSPC: "noSpace", errno.EDQUOT: "noSpace",
         errno.EACCES: "permission", errno.EPERM: "permission", errno.EEXIST: "alreadyExists"}
Path = list[bytes]


def tells(method: Callable[..., Any]) -> Callable[..., Any]:
    """What the operating system refuses is told with a code of chapter 8."""
    @wraps(method)
    def wrapper(self: "Disk", *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except OverflowError as error:
            raise BatonError("cannotCreate", f"a number that this machine does not take: {error}") from error
        except OSError as error:
            code = CODES.get(error.errno or 0, "cannotCreate")
            raise BatonError(code, f"cannot write the copy: {error.strerror}") from error
    return wrapper


class Disk:
    """The tree grows under a name that nobody knows beside the destination, and is renamed when it is complete."""

    def __init__(self, destination: bytes):
        self.destination = destination.rstrip(b"/") or b"/"
        parent, self.name = os.path.split(os.path.abspath(self.destination))
        if not self.name:
            raise BatonError("cannotCreate", "/ cannot be a destination")
        if os.path.lexists(self.destination):
            raise BatonError("alreadyExists", f"{escape(self.destination)} exists")
        try:
            self.parent = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BatonError("cannotCreate", f"{escape(parent)}: {error.strerror}") from error
        self.staging = b".baton-" + secrets.token_hex(8).encode()
        self.trail: list[tuple[bytes, int]] = []  # directories that are open, from the top down
        self.output = -1

    def enter(self, path: Path) -> int:
        """A descriptor of a directory of the tree. TRE-22: component by component, and no link is followed."""
        names = [self.staging, *path]
        same = 0
        while same < min(len(names), len(self.trail)) and names[same] == self.trail[same][0]:
            same += 1
        self.leave(same)
        for name in names[same:]:
            above = self.trail[-1][1] if self.trail else self.parent
            self.trail.append((name, os.open(name, DIRECTORY, dir_fd=above)))
        return self.trail[-1][1]

    def leave(self, levels: int = 0) -> None:
        while len(self.trail) > levels:
            os.close(self.trail.pop()[1])

    def place(self, path: Path) -> tuple[bytes, int]:
        """The name of a path and a descriptor of the directory that it is in."""
        return (path[-1], self.enter(path[:-1])) if path else (self.staging, self.parent)

    @tells
    def directory(self, path: Path) -> None:
        name, above = self.place(path)
        os.mkdir(name, 0o700, dir_fd=above)  # its own mode comes when all is in it (TRE-23)

    @tells
    def file(self, path: Path) -> None:
        name, above = self.place(path)
        self.output = os.open(name, CREATE, 0o600, dir_fd=above)

    @tells
    def data(self, offset: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self.output, rest, offset)
            rest, offset = rest[written:], offset + written

    @tells
    def close(self, size: int, mode: int, mtime: int) -> None:
        os.ftruncate(self.output, size)  # TRE-13: a hole at the end; takes no room (TRE-25)
        os.fchmod(self.output, mode)
        os.utime(self.output, ns=(mtime, mtime))
        self.close_output()

    @tells
    def symlink(self, path: Path, target: bytes, mtime: int) -> None:
        name, above = self.place(path)
        os.symlink(target, name, dir_fd=above)
        os.utime(name, ns=(mtime, mtime), dir_fd=above, follow_symlinks=False)

    @tells
    def hardlink(self, path: Path, target: Path) -> None:
        file, beside = self.place(target)
        beside = os.dup(beside)  # the next line may close it
        try:
            name, above = self.place(path)
            os.link(file, name, src_dir_fd=beside, dst_dir_fd=above, follow_symlinks=False)
        finally:
            os.close(beside)

    @tells
    def remove(self, path: Path) -> None:
        self.close_output()
        name, above = self.place(path)
        self.leave(len(path))  # what is open below the path goes with it
        try:
            os.unlink(name, dir_fd=above)
        except IsADirectoryError:
            shutil.rmtree(name, dir_fd=above)

    @tells
    def settle(self, path: Path, mode: int, mtime: int) -> None:
        directory = self.enter(path)
        os.fchmod(directory, mode)
        os.utime(directory, ns=(mtime, mtime))

    @tells
    def publish(self) -> None:
        """The copy appears at its place in one step. (The standard library cannot rename without replacing.)"""
        self.leave()
        if os.path.lexists(self.destination):
            raise BatonError("alreadyExists", f"{escape(self.destination)} has come to be meanwhile")
        os.rename(self.staging, self.name, src_dir_fd=self.parent, dst_dir_fd=self.parent)

    def discard(self) -> None:
        """TRE-20: what is not complete is nothing."""
        try:
            self.remove([])
        except BatonError:
            pass  # nothing was made, or it cannot be helped
        os.close(self.parent)

    def close_output(self) -> None:
        if self.output >= 0:
            os.close(self.output)
            self.output = -1
