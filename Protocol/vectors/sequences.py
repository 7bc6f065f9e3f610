"""The vectors that need more than one frame: trees as they arrive, credit as it is counted, one whole session."""

import xxhash

from frames import BASE, ENTRY_DIRECTORY, ENTRY_FILE, ENTRY_HARD_LINK, ENTRY_LINK, TICKET, chunk
from wire import KEPT, LAST, fields_json, frame, payload

MIB = 1_048_576
BLOCK = b"\x5a" * 512


def directory(path):
    return "ENTRY", 0, ENTRY_DIRECTORY | {"path": path}


def file(path, size=0, flags=None):
    return "ENTRY", (LAST if size == 0 else 0) if flags is None else flags, ENTRY_FILE | {"path": path, "size": size}


def link(path, target=b"x"):
    return "ENTRY", 0, ENTRY_LINK | {"path": path, "target": target}


def hard_link(path, target):
    return "ENTRY", 0, ENTRY_HARD_LINK | {"path": path, "target": target}


def again(number=1):
    return "AGAIN", 0, {"pass": number}


def keep(path):
    return "KEEP", 0, {"path": path}


def data(offset, content, flags=0, **wrong):
    return "CHUNK", flags, chunk(offset, content) | wrong


def skipped(path, reason=1):
    return "SKIPPED", 0, {"reason": reason, "path": path}


def end(entries, size=0, skips=0):
    return "END", 0, {"entries": entries, "bytes": size, "skipped": skips}


def source(generation=3):
    return "SOURCE", 0, {"generation": generation}


def kept(path, size=0):
    return file(path, size, LAST | KEPT)


def mode(entry, bits):
    message, flags, fields = entry
    return message, flags, fields | {"mode": bits}


def left_by(frames):
    """What the frames of one pass leave: the last ENTRY of each path, and what was skipped."""
    assert not any(message == "AGAIN" for message, _, _ in frames), "say what further passes leave"
    entries = {fields["path"]: (message, flags, fields) for message, flags, fields in frames if message == "ENTRY"}
    return list(entries.values()) + [step for step in frames if step[0] == "SKIPPED"]


def what_lies_there(entry, entries):
    """One path as a file system has it: a hard link is its file."""
    fields = fields_json("ENTRY", entry)
    place = {"path": fields["path"], "kind": fields["kind"]}
    if entry["kind"] == "hardlink":
        place |= {"kind": "file", "first": fields["target"]}
        fields = fields_json("ENTRY", next(other for other in entries if other["path"] == entry["target"]))
    if place["kind"] == "symlink":
        place["target"] = fields["target"]
    else:
        place["mode"] = fields["mode"]
    if place["kind"] == "file":
        place["size"] = fields["size"]
    return place | {"mtime_s": fields["mtime_s"], "mtime_ns": fields["mtime_ns"]}


def outcome(steps):
    entries = [fields for message, _, fields in steps if message == "ENTRY"]
    return {"tree": [what_lies_there(entry, entries) for entry in entries],
            "skipped": [fields_json(message, fields) for message, _, fields in steps if message == "SKIPPED"]}


def tree(name, rules, result, *frames, base=None, leaves=None):
    """`base`: what the receiver has, if its GET said so. `leaves`: what is there in the end, as the frames that would make
    it; needed where there are further passes."""
    known = {} if base is None else {"base": [fields_json("ENTRY", fields) for _, _, fields in base]}
    left = outcome(left_by(frames) if leaves is None else leaves) if result == "complete" else {}
    return {"name": name, "rules": rules.split(), "result": result} | known | left | {
            "frames": [{"type": message, "flags": flags, "hex": frame(message, 7, fields, flags).hex(),
                        "fields": fields_json(message, fields)} for message, flags, fields in frames]}


def tree_sequences():
    """Each ends with the frame that decides: `complete` is reached, or `corrupt` found, at the last frame listed."""
    top = directory(b"")
    return [
        tree("an empty directory", "TRE-9 TRE-14", "complete", top, end(1)),
        tree("an empty file", "TRE-6 TRE-9", "complete", file(b""), end(1)),
        tree("a symbolic link", "TRE-9", "complete", link(b""), end(1)),
        tree("a file in one chunk", "TRE-12 TRE-19", "complete", file(b"", 1), data(0, b"x", LAST), end(1, 1)),
        tree("a file in two chunks", "TRE-12 TRE-13", "complete", file(b"", 513), data(0, BLOCK), data(512, b"x", LAST), end(1, 513)),
        tree("a file with a hole before, between and after its data", "TRE-13", "complete", file(b"", 10_000),
             data(1_000, BLOCK), data(5_000, b"x", LAST), end(1, 513)),
        tree("a file that is one hole", "TRE-12 TRE-13", "complete", file(b"", 10_000, LAST), end(1)),
        tree("a tree of files, links and directories", "TRE-10 TRE-11 TRE-27", "complete", top, directory(b"a"), file(b"a/b", 1),
             data(0, b"x", LAST), link(b"a/c"), directory(b"a/d"), file(b"e"), end(6, 1)),
        tree("a directory's content before a sibling that is shorter as bytes", "TRE-10", "complete", top, directory(b"a"),
             file(b"a/z"), file(b"a b"), file(b"a-b"), file(b"a.b"), file(b"a0"), end(7)),
        tree("skipped paths take their place in the order", "TRE-10 TRE-21", "complete", top, skipped(b"a"), directory(b"b"),
             skipped(b"b/c", 2), file(b"d"), skipped(b"e", 900), end(3, 0, 3)),
        tree("only skipped paths below the top", "TRE-27", "complete", top, skipped(b"a"), end(1, 0, 1)),
        tree("a hard link to a file", "TRE-31", "complete", top, file(b"a", 1), data(0, b"x", LAST), hard_link(b"b", b"a"),
             end(3, 1)),
        tree("a hard link to a file deeper in the tree", "TRE-31", "complete", top, directory(b"a"), file(b"a/b"),
             hard_link(b"c", b"a/b"), end(4)),
        tree("attributes that could not travel, of the entry before", "TRE-10", "complete", top, file(b"a"), skipped(b"a", 5),
             file(b"b"), end(3, 0, 1)),
        tree("attributes of the top that could not travel", "TRE-10", "complete", top, skipped(b"", 5), end(1, 0, 1)),
        tree("a file that is restarted", "TRE-30 TRE-27", "complete", file(b"", 1_024), data(0, BLOCK), file(b"", 1), data(0, b"x", LAST),
             end(2, 513)),
        tree("a pass that changes nothing", "TRE-32", "complete", top, file(b"a"), again(), end(2), leaves=[top, file(b"a")]),
        tree("a pass that brings one file anew", "TRE-33", "complete", top, file(b"a"), file(b"b"), again(), file(b"b", 1),
             data(0, b"x", LAST), end(4, 1), leaves=[top, file(b"a"), file(b"b", 1)]),
        tree("a pass over a directory that has lost a name and got another", "TRE-55 TRE-56", "complete", top, file(b"a"), file(b"b"),
             again(), top, keep(b"a"), file(b"c"), end(5), leaves=[top, file(b"a"), file(b"c")]),
        tree("a pass that makes a file a directory", "TRE-55", "complete", top, file(b"a"), again(), top, directory(b"a"),
             file(b"a/b"), end(5), leaves=[top, directory(b"a"), file(b"a/b")]),
        tree("two passes", "TRE-32", "complete", top, file(b"a"), again(), file(b"a"), again(2), file(b"a"), end(4),
             leaves=[top, file(b"a")]),
        tree("64 passes", "TRE-24 TRE-32", "complete", top, *[again(number) for number in range(1, 65)], end(1), leaves=[top]),
        tree("a pass that begins in the middle of a file", "TRE-55", "complete", top, file(b"a", 1_024), data(0, BLOCK), again(),
             top, end(3, 512), leaves=[top]),
        tree("a change below a directory that did not change", "TRE-33 TRE-11", "complete", top, directory(b"a"), file(b"a/b"), again(),
             file(b"a/b", 1), data(0, b"x", LAST), end(4, 1), leaves=[top, directory(b"a"), file(b"a/b", 1)]),
        *further_passes(top),

        tree("from the store", "TRE-49", "complete", source(), top, file(b"a", 1), data(0, b"x", LAST), end(2, 1)),
        tree("a file from the store", "TRE-49", "complete", source(), file(b""), end(1)),
        tree("a file that the receiver has", "TRE-47 TRE-48", "complete", kept(b"", 1_024), end(1), base=[file(b"", 1_024)]),
        tree("an empty file that the receiver has", "TRE-47", "complete", kept(b""), end(1), base=[file(b"")]),
        tree("a file that the receiver has, and one that it has not", "TRE-47 TRE-48", "complete", top, kept(b"a", 1_024), file(b"b", 1),
             data(0, b"x", LAST), end(3, 1), base=[top, file(b"a", 1_024), file(b"c", 7)]),
        tree("a hard link to a file that the receiver has", "TRE-31 TRE-47", "complete", top, kept(b"a", 1_024), hard_link(b"b", b"a"), end(3),
             base=[top, file(b"a", 1_024)]),
        tree("a file that the receiver had and has again in a further pass", "TRE-47", "complete", top, file(b"a", 1_024),
             data(0, BLOCK), again(), top, kept(b"a", 1_024), end(4, 512), leaves=[top, kept(b"a", 1_024)], base=[top, file(b"a", 1_024)]),
        tree("nothing is kept, though the receiver has it", "TRE-46", "complete", file(b"", 1), data(0, b"x", LAST), end(1, 1),
             base=[file(b"", 1)]),

        tree("the source comes after the top", "TRE-49", "corrupt", top, source()),
        tree("the source comes twice", "TRE-49", "corrupt", source(), source()),
        tree("the source is followed by the end", "TRE-9", "corrupt", source(), end(0)),
        tree("END counts the source", "TRE-49 TRE-27", "corrupt", source(), top, end(2)),
        tree("a file is kept, yet nobody asked for that", "TRE-47", "corrupt", top, kept(b"a", 1_024)),
        tree("a file is kept, yet the receiver has nothing", "TRE-47", "corrupt", top, kept(b"a", 1_024), base=[]),
        tree("a file is kept that the receiver has elsewhere", "TRE-47", "corrupt", top, kept(b"a", 1_024),
             base=[top, file(b"b", 1_024)]),
        tree("a file is kept that has another size", "TRE-47", "corrupt", top, kept(b"a", 1_024), base=[top, file(b"a", 1_025)]),
        tree("a file is kept that has another mode", "TRE-47", "corrupt", top, kept(b"a", 1_024),
             base=[top, ("ENTRY", 0, ENTRY_FILE | {"path": b"a", "size": 1_024, "mode": 0o600})]),
        tree("a file is kept that has another time", "TRE-47", "corrupt", top, kept(b"a", 1_024),
             base=[top, ("ENTRY", 0, ENTRY_FILE | {"path": b"a", "size": 1_024, "mtime_ns": 123_456_788})]),
        tree("a file is kept that is a directory", "TRE-47", "corrupt", top, kept(b"a"), base=[top, directory(b"a")]),
        tree("a file is kept that is a symbolic link", "TRE-47", "corrupt", top, kept(b"a"), base=[top, link(b"a")]),
        tree("a chunk after a file that is kept", "TRE-12", "corrupt", top, kept(b"a", 1_024), data(0, BLOCK), base=[top, file(b"a", 1_024)]),
        tree("END counts what was kept as bytes", "TRE-48", "corrupt", kept(b"", 1_024), end(1, 1_024), base=[file(b"", 1_024)]),

        tree("the first frame is not the top", "TRE-9", "corrupt", file(b"a")),
        tree("the first frame is a skipped path", "TRE-9", "corrupt", skipped(b"a")),
        tree("the first frame is the end", "TRE-9", "corrupt", end(0)),
        tree("the first frame is a chunk", "TRE-9", "corrupt", data(0, b"x", LAST)),
        tree("the top comes twice", "TRE-10", "corrupt", top, top),
        tree("an entry comes twice", "TRE-10", "corrupt", top, file(b"a"), file(b"a")),
        tree("a skipped path was an entry before", "TRE-10", "corrupt", top, file(b"a"), skipped(b"a")),
        tree("an entry was a skipped path before", "TRE-10", "corrupt", top, skipped(b"a"), file(b"a")),
        tree("siblings fall", "TRE-10", "corrupt", top, file(b"b"), file(b"a")),
        tree("a sibling sorts before a directory's content only as plain bytes", "TRE-10", "corrupt", top, directory(b"a"),
             file(b"a-b"), file(b"a/z")),
        tree("a parent was never announced", "TRE-11", "corrupt", top, file(b"a/b")),
        tree("a parent two levels up was never announced", "TRE-11", "corrupt", top, directory(b"a"), file(b"a/b/c")),
        tree("a parent is a file", "TRE-11", "corrupt", top, file(b"a"), file(b"a/b")),
        tree("a parent is a symbolic link", "TRE-11", "corrupt", top, link(b"a", b"/etc"), file(b"a/passwd")),
        tree("a parent was skipped", "TRE-11", "corrupt", top, skipped(b"a"), file(b"a/b")),
        tree("something lies below a top that is a file", "TRE-11", "corrupt", file(b""), file(b"a")),
        tree("something lies below a top that is a link", "TRE-11", "corrupt", link(b""), file(b"a")),
        tree("a skipped path below a file", "TRE-11", "corrupt", top, file(b"a"), skipped(b"a/b")),

        tree("a hard link to what never came", "TRE-31", "corrupt", top, hard_link(b"b", b"a")),
        tree("a hard link to a directory", "TRE-31", "corrupt", top, directory(b"a"), hard_link(b"b", b"a")),
        tree("a hard link to a symbolic link", "TRE-31", "corrupt", top, link(b"a"), hard_link(b"b", b"a")),
        tree("a name is kept in the first pass", "TRE-56", "corrupt", top, keep(b"a")),
        tree("a name is kept that is not there", "TRE-56", "corrupt", top, again(), top, keep(b"a")),
        tree("a name is kept in a directory that was not announced", "TRE-56", "corrupt", top, file(b"a"), again(), keep(b"a")),
        tree("passes that skip a number", "TRE-32", "corrupt", top, again(2)),
        tree("a pass before the top", "TRE-9", "corrupt", again()),
        tree("names fall in a further pass", "TRE-32 TRE-10", "corrupt", top, file(b"a"), file(b"b"), again(), file(b"b"), file(b"a")),
        tree("a further pass brings what lies in no directory", "TRE-11", "corrupt", top, file(b"a"), again(), file(b"a/b")),
        tree("a further pass brings what lies in a symbolic link", "TRE-11", "corrupt", top, link(b"a", b"/etc"), again(),
             file(b"a/passwd")),
        tree("attributes of an entry that is not the last", "TRE-10", "corrupt", top, file(b"a"), file(b"b"), skipped(b"a", 5)),

        tree("a chunk after a directory", "TRE-12", "corrupt", top, data(0, b"x", LAST)),
        tree("a chunk after a link", "TRE-12", "corrupt", top, link(b"a"), data(0, b"x", LAST)),
        tree("a chunk after an empty file", "TRE-12", "corrupt", top, file(b"a"), data(0, b"x", LAST)),
        tree("a chunk after the file's last", "TRE-12", "corrupt", file(b"", 2_000), data(0, b"x", LAST), data(1, BLOCK)),
        tree("an entry while a file is not ended", "TRE-12", "corrupt", top, file(b"a", 1_024), data(0, BLOCK), file(b"b")),
        tree("a skipped path while a file is not ended", "TRE-12", "corrupt", top, file(b"a", 1), skipped(b"b")),
        tree("the end while a file is not ended", "TRE-14", "corrupt", file(b"", 1_024), data(0, BLOCK), end(1, 512)),
        tree("data passes the size", "TRE-13", "corrupt", file(b"", 511), data(0, BLOCK)),
        tree("a later chunk passes the size", "TRE-13", "corrupt", file(b"", 1_000), data(0, BLOCK), data(512, BLOCK, LAST)),
        tree("data begins at the size", "TRE-13", "corrupt", file(b"", 512), data(512, b"x", LAST)),
        tree("chunks overlap by one byte", "TRE-13", "corrupt", file(b"", 2_000), data(0, BLOCK), data(511, BLOCK)),
        tree("a chunk comes twice", "TRE-13", "corrupt", file(b"", 2_000), data(0, BLOCK), data(0, BLOCK)),
        tree("offsets fall", "TRE-13", "corrupt", file(b"", 2_000), data(1_000, BLOCK), data(0, BLOCK)),
        tree("a checksum does not fit the data", "TRE-19", "corrupt", file(b"", 512), data(0, BLOCK, LAST, checksum=1)),

        tree("END counts an entry too many", "TRE-27", "corrupt", top, file(b"a"), end(3)),
        tree("END counts an entry too few", "TRE-27", "corrupt", top, file(b"a"), end(1)),
        tree("END counts other bytes", "TRE-27", "corrupt", file(b"", 1), data(0, b"x", LAST), end(1, 2)),
        tree("END counts holes as bytes", "TRE-27", "corrupt", file(b"", 1_024), data(512, BLOCK, LAST), end(1, 1_024)),
        tree("END counts other skips", "TRE-27", "corrupt", top, skipped(b"a"), end(1, 0, 0)),
        *refused_in_further_passes(top),
    ]


def further_passes(top):
    """Each `leaves` what a receiver must have at END."""
    a_and_b = top, file(b"a"), file(b"b")
    below = top, directory(b"a"), file(b"a/b"), file(b"c")
    return [
        tree("attributes that could not travel, before and behind the data of their file", "TRE-10 TRE-12", "complete", top,
             file(b"a", 1), skipped(b"a", 5), data(0, b"x", LAST), file(b"b", 1), data(0, b"x", LAST), skipped(b"b", 5),
             end(3, 2, 2)),
        tree("a hard link to a hard link", "TRE-31", "complete", top, file(b"a", 1), data(0, b"x", LAST), hard_link(b"b", b"a"),
             hard_link(b"c", b"b"), end(4, 1), leaves=[top, file(b"a", 1), hard_link(b"b", b"a"), hard_link(b"c", b"a")]),
        tree("a hard link to a file of an earlier pass, which goes later", "TRE-31 TRE-33", "complete", *a_and_b, again(),
             hard_link(b"c", b"b"), again(2), skipped(b"b"), end(4, 0, 1), leaves=[top, file(b"a"), file(b"c"), skipped(b"b")]),
        tree("a file that is restarted before its first chunk, and ends with that", "TRE-30", "complete", top, file(b"a", 1_024),
             file(b"a"), end(3)),
        tree("a file that is restarted and tells of its attributes again", "TRE-30 TRE-10", "complete", top, file(b"a", 1_024),
             skipped(b"a", 5), data(0, BLOCK), file(b"a", 1), skipped(b"a", 5), data(0, b"x", LAST), end(3, 513, 2),
             leaves=[top, file(b"a", 1), skipped(b"a", 5)]),
        tree("a file that is restarted and tells no more of its attributes", "TRE-30 TRE-58", "complete", top, file(b"a", 1_024),
             skipped(b"a", 5), data(0, BLOCK), file(b"a", 1), data(0, b"x", LAST), end(3, 513, 1), leaves=[top, file(b"a", 1)]),
        tree("a pass that voids an open file, which never comes again", "TRE-32", "complete", top, file(b"a", 1_024),
             data(0, BLOCK), again(), end(2, 512), leaves=[top]),
        tree("a pass that voids an open top", "TRE-32 TRE-9", "complete", file(b"", 1_024), data(0, BLOCK), again(), file(b"", 1),
             data(0, b"x", LAST), end(2, 513), leaves=[file(b"", 1)]),
        tree("a file that can no longer travel", "TRE-33", "complete", *a_and_b, again(), skipped(b"a"), end(3, 0, 1),
             leaves=[top, file(b"b"), skipped(b"a")]),
        tree("a directory that can no longer travel, for a reason of its own", "TRE-33 TRE-21", "complete", *below, again(),
             skipped(b"a", 900), end(4, 0, 1), leaves=[top, file(b"c"), skipped(b"a", 900)]),
        tree("a file that takes the place of a directory and what lies in it", "TRE-33", "complete", *below, again(), file(b"a"),
             end(5), leaves=[top, file(b"a"), file(b"c")]),
        tree("a directory that was something else meanwhile is empty", "TRE-33 TRE-55", "complete", *below, again(),
             link(b"a", b"c"), again(2), directory(b"a"), end(6), leaves=[top, directory(b"a"), file(b"c")]),
        tree("a directory that is announced again has new metadata and what is kept", "TRE-55 TRE-56", "complete", *below, again(),
             mode(directory(b"a"), 0o700), keep(b"a/b"), end(5),
             leaves=[top, mode(directory(b"a"), 0o700), file(b"a/b"), file(b"c")]),
        tree("a directory that is kept is entered", "TRE-56 TRE-57", "complete", *below, file(b"d"), again(), top, keep(b"a"),
             file(b"a/c"), keep(b"d"), end(7), leaves=[top, directory(b"a"), file(b"a/b"), file(b"a/c"), file(b"d")]),
        tree("a pass that is cut short, and the next names what it had not", "TRE-55", "complete", *a_and_b, file(b"z"), again(),
             top, keep(b"a"), again(2), top, keep(b"a"), keep(b"b"), end(6), leaves=[*a_and_b]),
        tree("what no pass has named since it was cut short is gone", "TRE-55", "complete", *a_and_b, again(), top, keep(b"a"),
             again(2), end(4), leaves=[top, file(b"a")]),
        tree("what a pass left unnamed is there until the end", "TRE-55 TRE-31", "complete", top, directory(b"d"), file(b"d/f", 1),
             data(0, b"x", LAST), again(), top, again(2), file(b"d/g"), hard_link(b"e", b"d/f"), end(6, 1),
             leaves=[top, file(b"e", 1)]),
        tree("a skipped path that comes after all", "TRE-58", "complete", top, skipped(b"a"), again(), file(b"a"), end(2, 0, 1),
             leaves=[top, file(b"a")]),
        tree("a skipped path that is skipped again, and one that is not", "TRE-58", "complete", top, skipped(b"a"), skipped(b"b"),
             again(), top, skipped(b"b"), end(2, 0, 3), leaves=[top, skipped(b"b")]),
        tree("a skipped path of which the directory goes", "TRE-58", "complete", top, directory(b"a"), skipped(b"a/b"), again(),
             top, end(3, 0, 1), leaves=[top]),
        tree("a skipped path of which the directory becomes a file", "TRE-58", "complete", top, directory(b"a"), skipped(b"a/b"),
             again(), file(b"a"), end(3, 0, 1), leaves=[top, file(b"a")]),
        tree("a skipped path in a directory that is kept", "TRE-58", "complete", top, directory(b"a"), skipped(b"a/b"), again(),
             top, keep(b"a"), end(3, 0, 1), leaves=[top, directory(b"a"), skipped(b"a/b")]),
        tree("attributes of a file that comes anew with them", "TRE-58", "complete", top, file(b"a"), skipped(b"a", 5), again(),
             file(b"a"), end(3, 0, 1), leaves=[top, file(b"a")]),
        tree("attributes of a file that goes", "TRE-58", "complete", top, file(b"a"), skipped(b"a", 5), again(), top,
             end(3, 0, 1), leaves=[top]),
    ]


def refused_in_further_passes(top):
    a_and_c = top, file(b"a"), file(b"c")
    attribute = {"attributes": [{"name": b"user.a", "value": b"1"}]}
    return [
        tree("attributes that were not asked for", "TRE-38", "corrupt", ("ENTRY", 0, ENTRY_DIRECTORY | {"path": b""} | attribute)),
        tree("the open file comes again as a directory", "TRE-30 TRE-12", "corrupt", top, file(b"a", 1_024), data(0, BLOCK),
             directory(b"a")),
        tree("the open file comes again as a link", "TRE-30 TRE-12", "corrupt", top, file(b"a", 1_024), data(0, BLOCK), link(b"a")),
        tree("a file that has ended comes again", "TRE-30 TRE-10", "corrupt", top, file(b"a", 1), data(0, b"x", LAST), file(b"a", 1)),
        tree("the end of a tree whose top is void", "TRE-14", "corrupt", file(b"", 1_024), data(0, BLOCK), again(), end(1, 512)),
        tree("a pass after one in which a void top did not come", "TRE-32", "corrupt", file(b"", 1_024), data(0, BLOCK), again(),
             again(2)),
        tree("a path after a pass has voided the top", "TRE-9", "corrupt", file(b"", 1_024), data(0, BLOCK), again(), file(b"a")),
        tree("attributes of what is kept", "TRE-10", "corrupt", *a_and_c, again(), top, keep(b"a"), skipped(b"a", 5)),
        tree("attributes of a skipped path", "TRE-10", "corrupt", top, skipped(b"a"), skipped(b"a", 5)),
        tree("attributes that are told of twice", "TRE-10", "corrupt", top, file(b"a"), skipped(b"a", 5), skipped(b"a", 5)),
        tree("attributes in the middle of a file", "TRE-10 TRE-12", "corrupt", top, file(b"a", 1_024), data(0, BLOCK),
             skipped(b"a", 5)),
        tree("attributes of an entry of the pass before", "TRE-10", "corrupt", top, file(b"a"), again(), skipped(b"a", 5)),
        tree("a name is kept in a directory that an earlier pass announced", "TRE-56", "corrupt", *a_and_c, again(), top,
             keep(b"a"), keep(b"c"), again(2), keep(b"a")),
        tree("a skipped path is kept", "TRE-56", "corrupt", top, skipped(b"a"), again(), top, keep(b"a")),
        tree("a name is kept that an earlier pass has passed over", "TRE-55 TRE-56", "corrupt", *a_and_c, again(), top, keep(b"c"),
             again(2), top, keep(b"a")),
        tree("a further pass works in a directory that another has passed over", "TRE-55 TRE-11", "corrupt", top, directory(b"a"),
             file(b"c"), again(), top, keep(b"c"), again(2), file(b"a/b")),
        tree("a hard link to a name that is passed over", "TRE-55 TRE-31", "corrupt", *a_and_c, again(), top, keep(b"c"),
             hard_link(b"d", b"a")),
        tree("a hard link to a file that a later pass has made a link", "TRE-31 TRE-33", "corrupt", *a_and_c, again(), link(b"a"),
             hard_link(b"d", b"a")),
        tree("a hard link to a file that a later pass has made a directory", "TRE-31 TRE-55", "corrupt", *a_and_c, again(),
             directory(b"a"), hard_link(b"d", b"a")),
        tree("a hard link to a file whose directory was something else meanwhile", "TRE-31 TRE-33", "corrupt", top, directory(b"a"),
             file(b"a/b"), again(), file(b"a"), again(2), directory(b"a"), hard_link(b"d", b"a/b")),
        tree("a hard link to a file that a later pass has skipped", "TRE-31 TRE-33", "corrupt", *a_and_c, again(), skipped(b"a"),
             hard_link(b"d", b"a")),
        tree("a hard link to a file that a pass has voided", "TRE-31 TRE-32", "corrupt", top, file(b"a", 1_024), data(0, BLOCK),
             again(), hard_link(b"d", b"a")),
        tree("a further pass works in a directory that it has skipped", "TRE-11 TRE-33", "corrupt", top, directory(b"a"), again(),
             skipped(b"a"), file(b"a/b")),
    ]


def checksums():
    """XXH3 at the lengths at which it takes another way."""
    lengths = (0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1_024, 1_025, 2_049)
    contents = [bytes((7 * index + 3) % 251 for index in range(length)) for length in lengths]
    return [{"name": f"{len(content)} bytes" + (f", seed {seed}" if seed else ""), "rules": ["TRE-40" if seed else "TRE-19"],
             "seed": str(seed), "data": content.hex(), "checksum": str(xxhash.xxh3_64_intdigest(content, seed=seed))}
            for seed in (0, 0x9E3779B97F4A7C15) for content in contents]


def credit_scenarios():
    """Steps in order: {"grant"}: GET.credit or CREDIT.limit arrives at the responder; {"lane", "length"}: it wants to send a
    lane frame with that payload. The results are README.md's."""

    def grant(limit, result="ok"):
        return {"grant": str(limit), "result": result}

    def send(message, length, result="ok"):
        return {"lane": message, "length": length, "result": result}

    return [
        {"name": "lane payload up to the limit and not a byte more", "rules": ["CRD-1", "CRD-3"], "steps": [
            grant(MIB), send("ENTRY", 48), send("CHUNK", MIB - 524_304 - 48), send("CHUNK", 524_304),
            send("SKIPPED", 4, "flowControl")]},
        {"name": "only payload counts, headers do not", "rules": ["CRD-1", "CRD-10"], "steps": [grant(MIB)] + [send("ENTRY", 64)] * 3
            + [send("CHUNK", 524_304), send("CHUNK", MIB - 524_304 - 3 * 64), send("CHUNK", 529, "flowControl")]},
        {"name": "a frame that begins below the limit and ends above it", "rules": ["CRD-1", "CRD-3"], "steps": [
            grant(MIB), send("CHUNK", 524_304), send("CHUNK", 524_273, "flowControl")]},
        {"name": "END and ERROR need no credit", "rules": ["CRD-2"], "steps": [
            grant(MIB), send("CHUNK", 524_304), send("CHUNK", 524_272), send("END", 24)]},
        {"name": "ERROR after the credit is used up", "rules": ["CRD-2"], "steps": [
            grant(MIB), send("CHUNK", 524_304), send("CHUNK", 524_272), send("ERROR", 200)]},
        {"name": "limits are absolute", "rules": ["CRD-1"], "steps": [
            grant(MIB), send("CHUNK", 524_304), grant(MIB + 100), send("CHUNK", 524_304), send("ENTRY", 68),
            send("SKIPPED", 5, "flowControl")]},
        {"name": "an equal limit is ignored", "rules": ["CRD-4"], "steps": [grant(MIB), grant(MIB, "ignored"), grant(MIB + 1)]},
        {"name": "a limit that shrinks", "rules": ["CRD-4"], "steps": [grant(2 * MIB), grant(2 * MIB - 1, "flowControl")]},
        {"name": "a limit of zero after the first", "rules": ["CRD-4", "FRM-3"], "steps": [grant(MIB), grant(0, "flowControl")]},
        {"name": "the highest limit there is, and again", "rules": ["CRD-4", "FRM-18"], "steps": [
            grant(2**64 - 1), grant(2**64 - 1, "ignored"), send("CHUNK", 524_304)]},
        {"name": "limits are compared as received, not as clamped", "rules": ["CRD-4"], "steps": [
            grant(2**64 - 1), send("CHUNK", 524_304), grant(2**63, "flowControl")]},
        {"name": "a grant is clamped to 64 MiB ahead of what was sent when it came", "rules": ["CRD-6", "LIM-1"], "steps":
            [grant(2**40)] + [send("CHUNK", 524_304)] * 127 + [send("CHUNK", 64 * MIB - 127 * 524_304),
             send("CHUNK", 529, "held")]},
    ]


TREE = [
    directory(b""),
    ("ENTRY", 0, ENTRY_FILE | {"path": b"epoch=9.ckpt", "size": 19}),
    data(0, b"weights of epoch 9\n", LAST),
    link(b"last.ckpt", b"epoch=9.ckpt"),
    ("ENTRY", 0, ENTRY_FILE | {"path": b"metrics.json", "size": 15}),
    data(0, b'{"loss": 0.25}\n', LAST),
    end(4, 34),
]


def transcript():
    steps = []

    def step(connection, sender, message, stream, fields, flags=0):
        steps.append({"name": f"{len(steps) + 1} {message}", "connection": connection, "from": sender, "hex": frame(message, stream, fields, flags).hex(),
                      "type": message, "flags": flags, "stream": stream, "fields": fields_json(message, fields)})

    path = {"origin": "trainer", "path": b"outputs/checkpoints"}
    step("control", "dialer", "HELLO", 0, BASE["HELLO"])
    step("control", "acceptor", "WELCOME", 0, BASE["WELCOME"])
    step("lane", "dialer", "JOIN", 0, {"version": 1, "ticket": TICKET})
    step("lane", "acceptor", "JOINED", 0, {"lane": 0})
    step("control", "acceptor", "TICKET", 0, BASE["TICKET"])
    step("control", "dialer", "EXISTS", 1, {"deadline_ms": 5_000} | path)
    step("control", "acceptor", "EXISTS_REPLY", 1, {"exists": True, "source": "live"})
    step("control", "dialer", "GET", 3, {"deadline_ms": 30_000} | path | BASE["GET"] | {"credit": 4 * MIB})
    used = 0
    for message, flags, fields in TREE:
        step("lane", "acceptor", message, 3, fields, flags)
        used += len(payload(message, fields))
    step("control", "dialer", "PING", 0, {"opaque": 1})
    step("control", "acceptor", "PONG", 0, {"opaque": 1})
    step("control", "dialer", "GOAWAY", 0, {"code": 272, "last_stream": 0, "reconnect_ms": 0, "message": "done"})
    return steps, used
