"""Frames: the header, and the payloads of the types that a client meets (chapter 2; layouts of chapters 3 to 7)."""
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from names import BatonError, valid_component, valid_name, valid_tree_path, valid_wire_path

Fields = dict[str, Any]
CONTROL_CAP, LANE_CAP, OPENING_CAP = 65_536, 524_304, 4_096
LAST, KEPT = 1, 2

# Types of chapter 2: name, where (C control, L lane, U local), flag bits, least payload on a lane (FRM-19).
TYPES: dict[int, tuple[str, str, int, int]] = {
    0x01: ("HELLO", "CU", 0, 0), 0x02: ("WELCOME", "CU", 0, 0), 0x03: ("JOIN", "L", 0, 0),
    0x04: ("JOINED", "L", 0, 0), 0x05: ("TICKET", "C", 0, 0), 0x06: ("PING", "CLU", 0, 0),
    0x07: ("PONG", "CLU", 0, 0), 0x08: ("GOAWAY", "CLU", 0, 0),
    0x10: ("EXISTS", "CU", 0, 0), 0x11: ("STAT", "CU", 0, 0), 0x12: ("LIST", "CU", 0, 0), 0x13: ("GET", "C", 0, 0),
    0x14: ("ECHO", "CU", 0, 0), 0x15: ("WAIT", "CU", 0, 0), 0x16: ("PERSIST", "CU", 0, 0),
    0x17: ("ARTIFACTS", "CU", 0, 0), 0x18: ("SHARE", "U", 0, 0), 0x19: ("FETCH", "U", 0, 0),
    0x1A: ("ATTACH", "U", 0, 0), 0x1B: ("CALL", "CU", 0, 0),
    0x20: ("EXISTS_REPLY", "CU", 0, 0), 0x21: ("STAT_REPLY", "CU", 0, 0), 0x22: ("LIST_REPLY", "CU", 0, 0),
    0x24: ("ECHO_REPLY", "CU", 0, 0), 0x26: ("PERSIST_REPLY", "CU", 0, 0), 0x27: ("ARTIFACTS_REPLY", "CU", 0, 0),
    0x28: ("SHARE_REPLY", "U", 0, 0), 0x29: ("FETCH_REPLY", "U", 0, 0), 0x2A: ("ATTACH_REPLY", "U", 0, 0),
    0x2B: ("CALL_REPLY", "CU", 0, 0), 0x2F: ("ERROR", "CLU", 0, 7), 0x30: ("CANCEL", "CU", 0, 0),
    0x31: ("CREDIT", "C", 0, 0), 0x32: ("PROGRESS", "CU", 0, 0), 0x33: ("REPORT", "C", 0, 0),
    0x40: ("ENTRY", "L", LAST | KEPT, 37), 0x41: ("CHUNK", "L", LAST, 17), 0x42: ("SKIPPED", "L", 0, 4),
    0x43: ("END", "L", 0, 24), 0x44: ("AGAIN", "L", 0, 2), 0x45: ("KEEP", "L", 0, 3), 0x46: ("SOURCE", "L", 0, 8)}
CODES = {row[0]: code for code, row in TYPES.items()}


def malformed(why: str) -> BatonError:
    return BatonError("malformed", why)


class Header(NamedTuple):
    length: int
    type: int
    flags: int
    stream: int

    @property
    def name(self) -> str:
        return TYPES[self.type][0]


def read_header(data: bytes, connection: str, opening: bool) -> Header:
    """Judges the 12 bytes of a header, in the order of chapter 2."""
    length, code, flags, reserved, stream = struct.unpack(">IBBHI", data)
    cap = OPENING_CAP if opening else LANE_CAP if connection == "lane" else CONTROL_CAP
    if length > cap:
        raise BatonError("frameTooLarge", f"a frame of {length} bytes where {cap} are the most")  # FRM-5
    if code not in TYPES:
        raise BatonError("unknownType", f"a frame of type 0x{code:02x}")  # FRM-6
    name, where, bits, least = TYPES[code]
    if reserved:
        raise malformed("reserved is not 0")  # FRM-7
    if connection == "lane" and length < least:
        raise malformed(f"{name} of {length} bytes")  # FRM-19
    if flags & ~bits:
        raise malformed(f"{name} with flags 0x{flags:02x}")  # FRM-8
    if {"control": "C", "lane": "L", "local": "U"}[connection] not in where:
        raise BatonError("wrongConnection", f"{name} on {connection}")  # FRM-9
    if (stream == 0) != (code < 0x10):
        raise BatonError("badStream", f"{name} on stream {stream}")  # FRM-10
    return Header(length, code, flags, stream)


class Reader:
    """Takes fields off a payload. FRM-12: one that is too short is malformed."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        if len(self.data) - self.at < size:
            raise malformed("a payload too short for its fields")
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


class Kind(NamedTuple):
    """How one field is read and written."""
    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]


def number(code: str, least: int | None = None, most: int | None = None) -> Kind:
    def read(r: Reader) -> int:
        value, = struct.unpack(">" + code, r.take(struct.calcsize(code)))
        if least is not None and value < least or most is not None and value > most:
            raise malformed(f"{value} is out of range")  # FRM-14
        return value
    return Kind(read, lambda value: struct.pack(">" + code, value))


def sized(code: str, valid: Callable[[bytes], bool]) -> Kind:
    """bytes8, bytes16, bytes32 with a condition."""
    def read(r: Reader) -> bytes:
        value = r.take(struct.unpack(">" + code, r.take(struct.calcsize(code)))[0])
        if not valid(value):
            raise malformed("a name, path or other field that is not valid")
        return value
    return Kind(read, lambda value: struct.pack(">" + code, len(value)) + value)


def text(code: str, most: int) -> Kind:
    def valid(value: bytes) -> bool:
        try:
            value.decode()  # FRM-16: Python's decoder is as strict as RFC 3629
        except UnicodeDecodeError:
            return False
        return len(value) <= most
    raw = sized(code, valid)
    return Kind(lambda r: raw.read(r).decode(), lambda value: raw.write(value.encode()))


def choice(**numbers: int) -> Kind:
    """A closed enumeration, by name."""
    byte, names = number("B"), {value: name for name, value in numbers.items()}

    def read(r: Reader) -> str:
        value = byte.read(r)
        if value not in names:
            raise malformed(f"{value} is no value of its enumeration")
        return names[value]
    return Kind(read, lambda name: byte.write(numbers[name]))


def ascii_name(may_be_empty: bool) -> Kind:
    raw = sized("B", lambda value: valid_name(value) or may_be_empty and not value)
    return Kind(lambda r: raw.read(r).decode(), lambda value: raw.write(value.encode()))


def read_attributes(r: Reader) -> list[Fields]:
    """TRE-29."""
    found: list[Fields] = []
    total = 0
    for _ in range(number("H", 0, 256).read(r)):
        name, value = sized("B", attribute_name).read(r), sized("I", lambda _: True).read(r)
        total += len(name) + len(value)
        if total > 131_072 or found and name <= found[-1]["name"]:
            raise malformed("extended attributes that are too long or not in order")
        found.append({"name": name, "value": value})
    return found


def attribute_name(name: bytes) -> bool:
    acl = (b"system.posix_acl_access", b"system.posix_acl_default")
    return name in acl or name.startswith(b"user.") and len(name) > 5 and b"\0" not in name


def write_attributes(attributes: list[Fields]) -> bytes:
    return struct.pack(">H", len(attributes)) + b"".join(
        struct.pack(">B", len(a["name"])) + a["name"] + struct.pack(">I", len(a["value"])) + a["value"]
        for a in attributes)


U8, U16, U32, U64, I64 = map(number, "BHIQq")
BOOL = Kind(lambda r: bool(number("B", 0, 1).read(r)), lambda value: bytes([value]))  # FRM-15
DEADLINE = Kind(lambda r: min(U32.read(r), 86_400_000), U32.write)  # STR-25, LIM-1
MODE, NANOSECONDS = number("H", 0, 0o777), number("I", 0, 999_999_999)
NAME, ORIGIN = ascii_name(False), ascii_name(True)
PATH, TREE_PATH = sized("H", valid_wire_path), sized("H", valid_tree_path)
MESSAGE, SOFTWARE = text("H", 1024), text("B", 64)
TICKET = sized("B", lambda value: len(value) == 32)
NONE_OR_32 = sized("B", lambda value: len(value) in (0, 32))
SOURCE = choice(live=0, stored=1)
REQUEST = {"deadline_ms": DEADLINE, "origin": ORIGIN, "path": PATH}

LAYOUTS: dict[str, dict[str, Kind]] = {
    "HELLO": {"version": U16, "capabilities": U64, "max_streams": U16, "keepalive": U32, "software": SOFTWARE},
    "WELCOME": {"version": U16, "capabilities": U64, "session": U64, "max_streams": U16, "keepalive": U32,
                "window": U32, "app": NAME, "work": NAME, "ticket": NONE_OR_32, "software": SOFTWARE},
    "JOIN": {"version": U16, "ticket": TICKET},
    "JOINED": {"lane": number("B", 0, 7)},
    "TICKET": {"ticket": TICKET},
    "PING": {"opaque": U64},
    "PONG": {"opaque": U64},
    "GOAWAY": {"code": U16, "last_stream": U32, "reconnect_ms": U32, "message": MESSAGE},
    "EXISTS": REQUEST,
    "STAT": REQUEST | {"options": number("B", 0, 1)},
    "LIST": REQUEST | {"after": sized("H", lambda v: not v or valid_component(v)), "limit": number("H", 1)},
    "GET": REQUEST | {"credit": number("Q", 1 << 20), "options": number("B", 0, 31), "entries": U64, "offset": U64,
                      "digest": U64},
    "ECHO": {"deadline_ms": DEADLINE, "origin": ORIGIN},
    "WAIT": REQUEST,
    "EXISTS_REPLY": {"exists": BOOL, "source": SOURCE},
    "STAT_REPLY": {"kind": choice(file=1, directory=2, symlink=3), "source": SOURCE, "mode": MODE, "size": U64,
                   "files": U64, "mtime_s": I64, "mtime_ns": NANOSECONDS, "digest": NONE_OR_32},
    "ECHO_REPLY": {"answered_by": ORIGIN},
    "ERROR": {"code": U16, "said_by": choice(local=0, relay=1, owner=2), "path": PATH, "message": MESSAGE},
    "CANCEL": {"code": U16},
    "CREDIT": {"limit": U64},
    "REPORT": {"hop": choice(relay=1, owner=2), "waiting": choice(nothing=0, source=1, network=2, credit=3),
               "bytes": U64},
    "ENTRY": {"kind": choice(file=1, directory=2, symlink=3, hardlink=5), "mode": MODE, "size": U64, "mtime_s": I64,
              "mtime_ns": NANOSECONDS, "version": U64, "path": TREE_PATH, "target": sized("H", lambda _: True),
              "attributes": Kind(read_attributes, write_attributes)},
    "CHUNK": {"offset": U64, "checksum": U64, "data": Kind(Reader.rest, bytes)},
    "SKIPPED": {"reason": U16, "path": TREE_PATH},
    "END": {"entries": U64, "bytes": U64, "skipped": U64},
    "AGAIN": {"pass": U16},
    "KEEP": {"path": TREE_PATH},
    "SOURCE": {"generation": number("Q", 1)}}


def later_field(name: str, fields: Fields, r: Reader | None) -> tuple[str, Kind] | None:
    """The last field of a payload that is not always there; a reader has `r`."""
    if name in ("EXISTS_REPLY", "STAT_REPLY") and fields["source"] == "stored":
        return "generation", number("Q", 1)  # OPS-44
    if name == "GET" and fields["options"] & 8:
        return "base", U64
    if name == "ERROR" and (r.at < len(r.data) if r else fields.get("uncovered", False)):
        return "uncovered", BOOL
    return None


def decode(name: str, flags: int, payload: bytes) -> Fields:
    r = Reader(payload)
    fields = {field: kind.read(r) for field, kind in LAYOUTS[name].items()}
    if later := later_field(name, fields, r):
        fields[later[0]] = later[1].read(r)
    judge(name, flags, fields)
    return fields  # FRM-13: what follows is of a later version


def judge(name: str, flags: int, f: Fields) -> None:
    """What several fields of one frame have to do with each other."""
    broken = {"ENTRY": judge_entry, "CHUNK": judge_chunk, "GET": judge_get, "ERROR": judge_error}.get(name)
    if broken and broken(f, flags):
        raise malformed(f"{name} with fields that contradict each other")
    if name == "KEEP" and not f["path"] or name == "SKIPPED" and not f["path"] and f["reason"] != 5:
        raise malformed(f"{name} of the top")  # TRE-2


def judge_entry(f: Fields, flags: int) -> bool:
    kind, target, last = f["kind"], f["target"], flags & LAST
    if kind == "symlink":
        wrong = not 1 <= len(target) <= 4095 or b"\0" in target  # TRE-4
    elif kind == "hardlink":
        wrong = not target or not valid_tree_path(target) or target.split(b"/") >= f["path"].split(b"/")
    else:
        wrong = target != b""
    wrong |= kind != "file" and (f["size"] != 0 or last != 0)  # TRE-5, TRE-26
    return bool(wrong or kind == "file" and f["size"] == 0 and not last or flags & KEPT and not last)  # TRE-6, TRE-44


def judge_chunk(f: Fields, flags: int) -> bool:
    size = len(f["data"])
    return size < 1 or size < 512 and not flags & LAST or f["offset"] + size > 2 ** 64 - 1  # TRE-7, TRE-8


def judge_get(f: Fields, _: int) -> bool:
    resume, open_file = f["options"] & 2, f["options"] & 4
    wrong = f["entries"] == 0 if resume else open_file or f["entries"] or f["digest"]
    return bool(wrong or f["offset"] and not open_file or f["options"] & 24 == 24)  # OPS-28


def judge_error(f: Fields, _: int) -> bool:
    if not f.get("uncovered", True):
        del f["uncovered"]  # 0 and missing are the same
    return f.get("uncovered", False) and (f["code"] not in (3, 4) or f["said_by"] != "owner")  # ERR-8


def encode(name: str, stream: int, fields: Fields, flags: int = 0) -> bytes:
    payload = b"".join(kind.write(fields[field]) for field, kind in LAYOUTS[name].items())
    if later := later_field(name, fields, None):
        payload += later[1].write(fields[later[0]])
    return struct.pack(">IBBHI", len(payload), CODES[name], flags, 0, stream) + payload
