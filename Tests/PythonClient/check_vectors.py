"""Runs the test vectors of the specification against this client: check_vectors.py DIRECTORY-OF-THE-JSON-FILES."""
import json
import os
import stat
import sys
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from digest import directory_digest
from disk import Disk
from names import (EXITS, NUMBERS, BatonError, code_name, components, exit_status, read_reference, valid_name,
                   valid_tree_path, valid_wire_path, write_reference)
from session import Credit
from tree import TreeReceiver
from wire import LAYOUTS, TYPES, Fields, decode, encode, read_header
from xxh3 import xxh3

passed: Counter[str] = Counter()
left: Counter[str] = Counter()  # what is not for this client
failures: list[str] = []


def check(what: str, name: str, good: bool, found: Any = "") -> None:
    if good:
        passed[what] += 1
    else:
        failures.append(f"{what}: {name}: {found}")


def as_json(value: Any) -> Any:
    """A decoded value as the vectors write it; numbers of all sizes as decimal strings."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, bool) else str(value)


def check_frame(what: str, v: dict[str, Any]) -> None:
    data = bytes.fromhex(v["hex"])
    fill = v.get("fill", {"byte": "00", "count": 0})
    data += bytes.fromhex(fill["byte"]) * fill["count"]
    try:
        header = read_header(data[:12], v["connection"], v.get("opening", False))
        if header.name not in LAYOUTS:
            left[what] += 1  # a type that this client neither sends nor understands
            return
        if len(data) != 12 + header.length:
            return check(what, v["name"], False, "a header that should have been refused")
        fields = decode(header.name, header.flags, data[12:])
    except BatonError as error:
        return check(what, v["name"], v.get("error") == error.code, error)
    expected = as_json(v.get("fields", {}))
    if header.name == "CHUNK" and "error" not in v:
        expected["data"] += fill["byte"] * fill["count"]
    good = "error" not in v and as_json(fields) == expected and header.name == v["type"]
    good = good and (header.flags, header.stream) == (v["flags"], v["stream"])
    if v.get("encode", True):
        good = good and encode(header.name, header.stream, fields, header.flags) == data
    check(what, v["name"], good, (v.get("error"), fields))


def entry_of(fields: Fields) -> Fields:
    numbers = ("mode", "size", "mtime_s", "mtime_ns")
    return fields | {name: int(fields[name]) for name in numbers}


def check_sequence(v: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_sequence(v, os.fsencode(folder) + b"/copy")


def run_sequence(v: dict[str, Any], copy: bytes) -> None:
    base = {bytes.fromhex(f["path"]): entry_of(f) for f in v["base"]} if "base" in v else None
    disk = Disk(copy)
    tree, result, at = TreeReceiver(disk, base), "", -1
    for at, frame in enumerate(v["frames"]):
        data = bytes.fromhex(frame["hex"])
        header = read_header(data[:12], "lane", False)
        try:
            tree.frame(header.name, header.flags, decode(header.name, header.flags, data[12:]))
        except BatonError as error:
            result = error.code
        if result or tree.complete:
            break
    result = result or ("complete" if tree.complete else "incomplete")
    good = result == v["result"] and at == len(v["frames"]) - 1
    if not good or result != "complete":
        disk.discard()
        return check("sequences", v["name"], good, f"{result} at frame {at}")
    disk.publish()
    found = sorted(lying_there(copy, v["tree"]), key=lambda place: str(place["path"]))
    missing = sorted((path.hex(), reason) for path, reason in tree.missing())
    good = found == sorted(v["tree"], key=lambda place: str(place["path"]))
    good = good and missing == sorted((f["path"], f["reason"]) for f in v["skipped"])
    check("sequences", v["name"], good, (found, missing))


def lying_there(copy: bytes, expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is at and below a path, as `tree` of a sequence says it."""
    first = {place["path"]: place["first"] for place in expected if "first" in place}
    places = [copy] + [os.path.join(above, name) for above, folders, files in os.walk(copy) for name in folders + files]
    return [place_as_json(place, place[len(copy) + 1:].hex(), copy, first) for place in places]


def place_as_json(place: bytes, path: str, copy: bytes, first: dict[str, str]) -> dict[str, Any]:
    status = os.lstat(place)
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10 ** 9)
    found: dict[str, Any] = {"path": path, "mtime_s": str(seconds), "mtime_ns": nanoseconds}
    if stat.S_ISLNK(status.st_mode):
        return found | {"kind": "symlink", "target": os.readlink(place).hex()}
    found["mode"] = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return found | {"kind": "directory"}
    if path in first and os.path.samefile(place, os.path.join(copy, bytes.fromhex(first[path]))):
        found["first"] = first[path]
    return found | {"kind": "file", "size": str(status.st_size)}


def check_scenario(v: dict[str, Any]) -> None:
    """The opener's side: what it may grant, and what it must refuse."""
    credit = Credit(0)
    for step in v["steps"]:
        if "grant" in step:
            if step["result"] == "flowControl":
                break  # the responder refuses it; what follows is not the opener's
            credit.limit = int(step["grant"])
        else:
            fits = credit.take(step["lane"], step["length"])
            if fits != (step["result"] != "flowControl"):
                return check("scenarios", v["name"], False, step)
    check("scenarios", v["name"], True)


def check_reference(v: dict[str, Any]) -> None:
    try:
        work, path = read_reference(v["text"].encode())
    except BatonError as error:
        return check("references", v["text"], v.get("error") == error.code, error)
    found = {"work": work.decode() if work is not None else None, "path": path.hex(),
             "canonical": write_reference(work, path)}
    check("references", v["text"], all(v.get(key) == found[key] for key in found), found)


def tree_digest(tree: dict[str, Any]) -> bytes:
    if tree["kind"] != "directory":
        return sha256(bytes.fromhex(tree.get("content", tree.get("target", "")))).digest()
    return directory_digest((bytes.fromhex(c["name"]), c["kind"], c["mode"], tree_digest(c)) for c in tree["children"])


def check_code(v: dict[str, Any]) -> None:
    name = code_name(v["code"])
    known = NUMBERS.get(name) == v["code"]
    check("codes", v["code"], (name if known else None) == v["name"] and exit_status(name) == v["exit"], name)


def main(folder: Path) -> int:
    files = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for stem, content in files.items():
        for v in content.get("frames", []) + content.get("steps", []):
            check_frame(stem, v)
    for v in files["trees"]["sequences"]:
        check_sequence(v)
    for v in files["trees"]["checksums"]:
        if v["seed"] == "0":
            check("checksums", v["name"], str(xxh3(bytes.fromhex(v["data"]))) == v["checksum"])
        else:
            left["checksums"] += 1  # this client does not resume
    for v in files["credit"]["scenarios"]:
        check_scenario(v)
    for v in files["digest"]["digests"]:
        check("digests", v["name"], tree_digest(v["tree"]).hex() == v["digest"])
    for v in files["errors"]["codes"]:
        check_code(v)
    names = files["names"]
    for v in names["references"]:
        check_reference(v)
    for v in names["paths"]:
        path = bytes.fromhex(v["path"])
        check("paths", v["path"], (valid_wire_path(path), valid_tree_path(path)) == (v["wire"], v["tree"]))
    for v in names["names"]:
        check("names", v["text"], valid_name(v["text"].encode()) == v["valid"])
    for v in names["order"]:
        a, b = (components(bytes.fromhex(v[side])) for side in "ab")
        check("order", str(v), ("<" if a < b else ">" if a > b else "=") == v["order"])
    left["identities, places"] = len(names["identities"]) + len(names["places"])  # for relay and agent
    for what in sorted(passed | left):
        print(f"{what}: {passed[what]} passed" + (f", {left[what]} not for this client" if left[what] else ""))
    print(f"all: {passed.total()} passed, {left.total()} not for this client, {len(failures)} failed")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) if len(sys.argv) == 2 else __doc__)
