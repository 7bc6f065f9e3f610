"""The digest of a file, a link and a directory (chapter 11)."""
import os
import stat
from collections.abc import Iterable
from hashlib import sha256

Record = tuple[bytes, str, int, bytes]  # name, kind, mode, digest
LETTERS = {"file": b"f", "directory": b"d", "symlink": b"l"}


def directory_digest(children: Iterable[Record]) -> bytes:
    """DIG-3; DIG-4: what is neither file, directory nor link is left out."""
    records = b""
    for name, kind, mode, digest in sorted(children):
        if kind in LETTERS:
            mode = 0o777 if kind == "symlink" else mode & 0o777  # DIG-5
            records += b"%c %04o %s %s\0" % (LETTERS[kind], mode, digest.hex().encode(), name)
    return sha256(records).digest()


def path_digest(path: bytes) -> bytes:
    """The digest of what lies at a path of this machine."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return sha256(os.readlink(path)).digest()  # DIG-2
    if not stat.S_ISDIR(status.st_mode):
        total = sha256()
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                total.update(piece)
        return total.digest()  # DIG-1
    return directory_digest((name, kind_of(mode), mode, path_digest(os.path.join(path, name)))
                            for name in os.listdir(path)
                            if kind_of(mode := os.lstat(os.path.join(path, name)).st_mode) != "other")


def kind_of(mode: int) -> str:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    return kinds.get(stat.S_IFMT(mode), "other")
