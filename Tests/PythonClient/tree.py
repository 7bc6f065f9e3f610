"""The receiver of a tree: judges the frames of one GET (chapter 7) and says what to do with each."""
from dataclasses import dataclass, field
from typing import Protocol

from names import BatonError, components, escape
from wire import KEPT, LAST, Fields
from xxh3 import xxh3

MOST_ENTRIES, MOST_LEVELS, MOST_PASSES = 1_000_000, 256, 64  # TRE-24
REASONS = {1: "socket", 2: "FIFO", 3: "character device", 4: "block device", 5: "extended attributes"}
Path = list[bytes]


@dataclass(slots=True)
class Node:
    """What is there at a path; of a directory also what is in it."""
    kind: str
    mode: int = 0
    mtime: int = 0  # nanoseconds
    children: dict[bytes, "Node"] = field(default_factory=dict)
    announced: int = -1  # the last pass in which its ENTRY came
    named: set[bytes] | None = None  # TRE-55: children that were named since it was announced again


class Sink(Protocol):
    """Where a tree goes; paths are components below the top."""
    def directory(self, path: Path) -> None: ...
    def file(self, path: Path) -> None: ...
    def data(self, offset: int, data: bytes) -> None: ...
    def close(self, size: int, mode: int, mtime: int) -> None: ...
    def symlink(self, path: Path, target: bytes, mtime: int) -> None: ...
    def hardlink(self, path: Path, target: Path) -> None: ...
    def remove(self, path: Path) -> None: ...
    def settle(self, path: Path, mode: int, mtime: int) -> None: ...


class TreeReceiver:
    def __init__(self, sink: Sink, base: dict[bytes, Fields] | None = None):
        """`base`: ENTRYs of the generation that a GET with BASE named. A client names none."""
        self.sink, self.base = sink, base
        self.above = Node("directory")  # holds the top under the empty name
        self.pass_number, self.begun, self.complete, self.generation = 0, False, False, 0
        self.last_path: Path | None = None  # TRE-10: of this pass
        self.last_entry: Path | None = None  # the ENTRY to which SKIPPED with reason 5 may belong
        self.open: Path | None = None  # TRE-12: a file that still gets chunks
        self.open_fields: Fields = {}
        self.covered = 0  # TRE-13: up to where chunks have come
        self.entries = self.bytes = self.skips = self.keeps = 0
        self.skipped: dict[bytes, int] = {}  # by path: the reason
        self.naming: list[tuple[Path, Node]] = []  # TRE-55: announced again in this pass and not passed yet, from the top down

    @property
    def top(self) -> Node | None:
        return self.above.children.get(b"")

    def frame(self, name: str, flags: int, f: Fields) -> None:
        """Takes the next frame. What breaks a rule is raised, as `corrupt` or `tooLarge`."""
        if not self.begun and not (name == "ENTRY" and f["path"] == b"") and (name != "SOURCE" or self.generation):
            raise corrupt("the first frame is not the top")  # TRE-9, TRE-49
        before_data = name == "SKIPPED" and f["reason"] == 5 and not self.covered
        if self.open is not None and name not in ("ENTRY", "CHUNK", "AGAIN") and not before_data:
            raise corrupt(f"{name} while a file is not ended", self.open)  # TRE-12, TRE-14
        {"SOURCE": self.source, "ENTRY": self.entry, "CHUNK": self.chunk, "SKIPPED": self.skip, "KEEP": self.keep,
         "AGAIN": self.again, "END": self.end}[name](flags, f)
        if self.entries + self.skips + self.keeps > MOST_ENTRIES:
            raise BatonError("tooLarge", f"more than {MOST_ENTRIES} entries")

    def source(self, _: int, f: Fields) -> None:
        if self.begun:
            raise corrupt("SOURCE that is not the first frame")  # TRE-49
        self.generation = f["generation"]

    def entry(self, flags: int, f: Fields) -> None:
        path, kind, mtime = components(f["path"]), f["kind"], f["mtime_s"] * 10 ** 9 + f["mtime_ns"]
        self.begun, self.entries = True, self.entries + 1
        if self.open is None:
            self.advance(path)
        elif path != self.open or kind != "file":
            raise corrupt("an entry while a file is not ended", self.open)  # TRE-12
        else:
            self.forget_open()  # TRE-30
        parent, name = self.parent(path)
        self.last_entry = path
        if f["attributes"]:
            raise corrupt("attributes that were not asked for", path)  # TRE-38
        self.forget_skipped(path, kind)
        old = parent.children.get(name)
        target = components(f["target"]) if kind == "hardlink" else []
        if kind == "hardlink" and self.find(target).kind not in ("file", "hardlink"):
            raise corrupt("a hard link to what is no file of the tree", path)  # TRE-31
        if flags & KEPT:
            self.judge_kept(f)
        if old and not old.kind == kind == "directory":
            self.sink.remove(path)  # TRE-33: replaced with all that is in it
            old = None
        node = parent.children[name] = old or Node(kind)
        node.mode, node.mtime = f["mode"], mtime
        if parent.named is not None:
            parent.named.add(name)
        node.announced = self.pass_number
        if kind == "directory":
            if old:
                node.named = set()  # TRE-55: who is not named from now on is gone
                self.naming.append((path, node))
            else:
                self.sink.directory(path)
        elif kind == "symlink":
            self.sink.symlink(path, f["target"], mtime)
        elif kind == "hardlink":
            self.sink.hardlink(path, target)
        else:
            self.sink.file(path)
            self.open, self.open_fields, self.covered = path, f, 0
            if flags & LAST:
                self.close()

    def judge_kept(self, f: Fields) -> None:
        """TRE-47."""
        have = (self.base or {}).get(f["path"], {})
        if have.get("kind") != "file" or any(have[k] != f[k] for k in ("size", "mode", "mtime_s", "mtime_ns")):
            raise corrupt("a file is kept that is not there", components(f["path"]))

    def chunk(self, flags: int, f: Fields) -> None:
        end = f["offset"] + len(f["data"])
        if self.open is None:
            raise corrupt("a chunk of no file")  # TRE-12
        if f["offset"] < self.covered or end > self.open_fields["size"]:
            raise corrupt("a chunk that overlaps, or passes the size", self.open)  # TRE-13
        if xxh3(f["data"]) != f["checksum"]:
            raise corrupt("a checksum that is not that of its data", self.open)  # TRE-19
        self.sink.data(f["offset"], f["data"])
        self.covered, self.bytes = end, self.bytes + len(f["data"])
        if flags & LAST:
            self.close()

    def skip(self, _: int, f: Fields) -> None:
        path = components(f["path"])
        self.skips += 1
        self.skipped[f["path"]] = f["reason"]
        if f["reason"] == 5:
            if path != self.last_entry:
                raise corrupt("attributes of an entry that is not the last, or told of twice", path)  # TRE-10
            self.last_entry = None
            return
        self.advance(path)
        parent, name = self.parent(path)
        self.last_entry = None
        if name in parent.children:  # TRE-33: what was a file has become a socket
            self.sink.remove(path)
            del parent.children[name]

    def keep(self, _: int, f: Fields) -> None:
        path = components(f["path"])
        self.keeps += 1
        self.advance(path)
        parent, name = self.parent(path)
        self.last_entry = None
        if parent.announced != self.pass_number or name not in parent.children or parent.named is None:
            raise corrupt("a name is kept that is not there", path)  # TRE-56
        parent.named.add(name)

    def again(self, _: int, f: Fields) -> None:
        if self.top is None:
            raise corrupt("a pass without a top")  # TRE-32
        if self.open is not None:
            self.forget_open()
        self.pass_number += 1
        if f["pass"] != self.pass_number:
            raise corrupt("passes that skip a number")  # TRE-32
        if self.pass_number > MOST_PASSES:
            raise BatonError("tooLarge", f"more than {MOST_PASSES} passes")
        self.last_path = self.last_entry = None
        self.naming = []  # TRE-55: who was not named yet is there until END

    def end(self, _: int, f: Fields) -> None:
        if (f["entries"], f["bytes"], f["skipped"]) != (self.entries, self.bytes, self.skips):
            raise corrupt("END with other counts")  # TRE-27
        if self.top is None:
            raise corrupt("END of a tree without a top")  # TRE-14
        self.finish([], self.top)
        self.complete = True

    def advance(self, path: Path) -> None:
        """TRE-10: paths rise strictly within a pass."""
        if self.last_path is not None and path <= self.last_path:
            raise corrupt("paths that do not rise", path)
        if len(path) > MOST_LEVELS:
            raise BatonError("tooLarge", f"more than {MOST_LEVELS} levels", b"/".join(path))
        self.last_path = path
        while self.naming:  # TRE-55: what is passed over is gone
            above, node = self.naming[-1]
            if path[:len(above)] == above and len(path) > len(above):
                return self.drop_unnamed(above, node, path[len(above)])
            self.drop_unnamed(above, node)
            self.naming.pop()

    def drop_unnamed(self, path: Path, node: Node, before: bytes | None = None) -> None:
        for name in list(node.children):
            if node.named is not None and name not in node.named and (before is None or name < before):
                self.sink.remove(path + [name])
                del node.children[name]

    def find(self, path: Path) -> Node:
        """TRE-11: every component but the last is a directory that has come and is still one."""
        node = self.above
        for name in [b"", *path]:
            if node.kind != "directory" or name not in node.children:
                raise corrupt("what lies in no directory, or was never there", path)
            node = node.children[name]
        return node

    def parent(self, path: Path) -> tuple[Node, bytes]:
        if not path:
            return self.above, b""
        parent = self.find(path[:-1])
        if parent.kind != "directory":
            raise corrupt("what lies in no directory", path)
        return parent, path[-1]

    def close(self) -> None:
        f = self.open_fields
        self.sink.close(f["size"], f["mode"], f["mtime_s"] * 10 ** 9 + f["mtime_ns"])
        self.open = None

    def forget_open(self) -> None:
        """TRE-30, AGAIN: what came of the open file is void."""
        assert self.open is not None
        parent, name = self.parent(self.open)
        self.sink.remove(self.open)
        del parent.children[name]
        self.open = None

    def forget_skipped(self, path: Path, kind: str) -> None:
        """TRE-58: an ENTRY tells anew of its attributes, that of a directory of what is in it."""
        for skipped, reason in list(self.skipped.items()):
            other = components(skipped)
            if other == path or kind == "directory" and reason != 5 and other[:-1] == path:
                del self.skipped[skipped]

    def missing(self) -> list[tuple[bytes, int]]:
        """TRE-58: path and reason (TRE-21) of what is skipped in the complete tree."""
        found = []
        for skipped, reason in self.skipped.items():
            path = components(skipped)
            try:
                node = self.find(path if reason == 5 else path[:-1])
            except BatonError:
                continue
            if reason == 5 or node.kind == "directory":
                found.append((skipped, reason))
        return found

    def finish(self, path: Path, node: Node) -> None:
        """Removes what was not named, then gives directories their modes and times, deepest first (TRE-23)."""
        if node.kind != "directory":
            return
        self.drop_unnamed(path, node)
        for name in list(node.children):
            self.finish(path + [name], node.children[name])
        self.sink.settle(path, node.mode, node.mtime)


def corrupt(why: str, path: Path = []) -> BatonError:
    return BatonError("corrupt", f"the tree is corrupt: {why}" + (f" ({escape(b'/'.join(path))})" if path else ""))
