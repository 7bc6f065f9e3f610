"""The reference encoder of Baton protocol version 1: every message as a list of typed fields, and nothing else.

It shares no code with any implementation, so that an implementation checked against the vectors is checked against
a second opinion. Standard library only.
"""

import struct

KINDS = {"file": 1, "directory": 2, "symlink": 3, "other": 4, "hardlink": 5}
ENUMERATIONS = {
    "kind": KINDS,
    "source": {"live": 0, "stored": 1},
    "said_by": {"local": 0, "relay": 1, "owner": 2},
    "waiting": {"nothing": 0, "originDisk": 1, "originNetwork": 2, "relay": 3, "receiverNetwork": 4, "receiverDisk": 5,
                "origin": 6},
    "hop": {"relay": 1, "owner": 2},
    "pause": {"nothing": 0, "source": 1, "network": 2, "credit": 3},
    "outcome": {"stored": 1, "unchanged": 2, "missing": 3},
    "call_outcome": {"returned": 1, "threw": 2},
    "action": {"list": 1, "remove": 2, "pin": 3, "unpin": 4, "verify": 5},
}
INTEGERS = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q", "i64": ">q"}

META = "mode:u16 size:u64 mtime_s:i64 mtime_ns:u32"
REQUEST = "deadline_ms:u32 origin:text8"
# A kind with "?" is of a field that is not always there. After "?" stands when it is: an earlier field and its value, or a
# bit of it; nothing: it may be missing at the end.
STORED = "generation:u64?source=1"
LISTS = {
    "entries": ("count", f"kind:kind {META} name:bytes16"),
    "listed": ("listed", "reason:u16 path:bytes16"),
    "attributes": ("attributes", "name:bytes8 value:bytes32"),
    "receipts": ("count", "path:bytes16 outcome:outcome generation:u64 stamp:u64 digest:bytes8 files:u64 bytes:u64 sent:u64"),
    "references": ("count", "origin:text8 path:bytes16"),
    "items": ("count", "path:bytes16 generation:u64 created_s:i64 created_ns:u32 files:u64 bytes:u64 digest:bytes8 "
              "state:u8"),
}

# name: (type, connections it may travel on, fields in order)
MESSAGES = {
    "HELLO": (0x01, "control local", "version:u16 capabilities:u64 max_streams:u16 keepalive:u32 software:text8"),
    "WELCOME": (0x02, "control local", "version:u16 capabilities:u64 session:u64 max_streams:u16 keepalive:u32 "
                "window:u32 app:text8 work:text8 ticket:bytes8 software:text8"),
    "JOIN": (0x03, "lane", "version:u16 ticket:bytes8"),
    "JOINED": (0x04, "lane", "lane:u8"),
    "TICKET": (0x05, "control", "ticket:bytes8"),
    "PING": (0x06, "control local lane", "opaque:u64"),
    "PONG": (0x07, "control local lane", "opaque:u64"),
    "GOAWAY": (0x08, "control local lane", "code:u16 last_stream:u32 reconnect_ms:u32 message:text16"),
    "EXISTS": (0x10, "control local", f"{REQUEST} path:bytes16"),
    "STAT": (0x11, "control local", f"{REQUEST} path:bytes16 options:u8"),
    "LIST": (0x12, "control local", f"{REQUEST} path:bytes16 after:bytes16 limit:u16"),
    "GET": (0x13, "control", f"{REQUEST} path:bytes16 credit:u64 options:u8 entries:u64 offset:u64 digest:u64 "
            "base:u64?options&8"),
    "ECHO": (0x14, "control local", REQUEST),
    "WAIT": (0x15, "control local", f"{REQUEST} path:bytes16"),
    "PERSIST": (0x16, "control local", f"{REQUEST} path:bytes16 options:u8"),
    "ARTIFACTS": (0x17, "control local", f"{REQUEST} path:bytes16 action:action generation:u64 after_path:bytes16 "
                  "after_generation:u64"),
    "SHARE": (0x18, "local", "deadline_ms:u32 path:bytes16"),
    "FETCH": (0x19, "local", f"{REQUEST} path:bytes16 destination:bytes16 options:u8 wait_ms:u32 stall_ms:u32"),
    "ATTACH": (0x1A, "local", "deadline_ms:u32 options:u8"),
    "CALL": (0x1B, "control local", f"{REQUEST} run_s:u32 options:u8 call:bytes8 build:bytes8 method:text16 "
             "references:list arguments:bytes32"),
    "EXISTS_REPLY": (0x20, "control local", f"exists:bool source:source {STORED}"),
    "STAT_REPLY": (0x21, "control local", "kind:kind source:source mode:u16 size:u64 files:u64 mtime_s:i64 "
                   f"mtime_ns:u32 digest:bytes8 {STORED}"),
    "LIST_REPLY": (0x22, "control local", f"source:source more:bool entries:list {STORED}"),
    "ECHO_REPLY": (0x24, "control local", "answered_by:text8"),
    "PERSIST_REPLY": (0x26, "control local", "receipts:list"),
    "ARTIFACTS_REPLY": (0x27, "control local", "more:bool items:list"),
    "SHARE_REPLY": (0x28, "local", "origin:text8 path:bytes16 exists:bool"),
    "FETCH_REPLY": (0x29, "local", "kind:kind source:source atomic:bool bytes:u64 files:u64 resumed:u64 "
                    f"destination:bytes16 skipped:u64 listed:list {STORED}"),
    "ATTACH_REPLY": (0x2A, "local", "root:bytes16"),
    "CALL_REPLY": (0x2B, "control local", "outcome:call_outcome error:text16 message:text16 references:list value:bytes32"),
    "ERROR": (0x2F, "control local lane", "code:u16 said_by:said_by path:bytes16 message:text16 "
              "uncovered:bool?"),
    "CANCEL": (0x30, "control local", "code:u16"),
    "CREDIT": (0x31, "control", "limit:u64"),
    "PROGRESS": (0x32, "control local", "bytes_in:u64 bytes_out:u64 entries:u64 waiting:waiting note:text16"),
    "REPORT": (0x33, "control", "hop:hop waiting:pause bytes:u64"),
    "ENTRY": (0x40, "lane", f"kind:kind {META} version:u64 path:bytes16 target:bytes16 attributes:list"),
    "CHUNK": (0x41, "lane", "offset:u64 checksum:u64 data:rest"),
    "SKIPPED": (0x42, "lane", "reason:u16 path:bytes16"),
    "END": (0x43, "lane", "entries:u64 bytes:u64 skipped:u64"),
    "AGAIN": (0x44, "lane", "pass:u16"),
    "KEEP": (0x45, "lane", "path:bytes16"),
    "SOURCE": (0x46, "lane", "generation:u64"),
}
SESSION = {name for name, (code, _, _) in MESSAGES.items() if code < 0x10}
LAST, KEPT = 0x01, 0x02
FLAGS = {"ENTRY": LAST | KEPT, "CHUNK": LAST}


def layout(text, fields):
    """The fields that are there, in order."""
    named = [field.split(":") for field in text.split()]
    return [(name, kind.split("?")[0]) for name, kind in named if name in fields or "?" not in kind]


def encode_field(name, kind, value):
    """The bytes of one field as a list of atoms: a length and what it counts are two. An enumeration or a boolean may be
    given as a number, and a text as bytes, so that invalid values can be written."""
    if kind in INTEGERS:
        return [struct.pack(INTEGERS[kind], value)]
    if kind in ENUMERATIONS:
        return [bytes([ENUMERATIONS[kind].get(value, value)])]
    if kind == "bool":
        return [bytes([value])]
    if kind == "rest":
        return [value]
    if kind == "list":
        atoms = [struct.pack(">H", len(value))]
        for item in value:
            atoms += encode_fields(LISTS[name][1], item)
        return atoms
    data = value.encode() if isinstance(value, str) else value
    return [struct.pack({"8": ">B", "6": ">H", "2": ">I"}[kind[-1]], len(data)), data]


def encode_fields(text, fields):
    return [atom for name, kind in layout(text, fields) for atom in encode_field(name, kind, fields[name])]


def atoms(message, fields):
    """The payload, cut where one value ends and the next begins."""
    return encode_fields(MESSAGES[message][2], fields)


def payload(message, fields):
    return b"".join(atoms(message, fields))


def header(length, code, flags=0, reserved=0, stream=0):
    return struct.pack(">IBBHI", length, code, flags, reserved, stream)


def frame(message, stream, fields, flags=0, tail=b""):
    body = payload(message, fields) + tail
    return header(len(body), MESSAGES[message][0], flags, 0, stream) + body


def to_json(text, fields):
    """Fields as the vector files write them: README.md, "Field values"."""
    result = {}
    for name, kind in layout(text, fields):
        value = fields[name]
        if kind in ("u64", "i64"):
            value = str(value)
        elif kind == "list":
            value = [to_json(LISTS[name][1], item) for item in value]
        elif isinstance(value, bytes):
            value = value.hex()
        result[name] = value
    return result


def layouts():
    """What layouts.json holds."""
    messages = {name: {"type": code, "connections": where.split(), "flags": FLAGS.get(name, 0), "fields": fields}
                for name, (code, where, fields) in MESSAGES.items()}
    lists = {name: {"count": count, "fields": fields} for name, (count, fields) in LISTS.items()}
    return {"messages": messages, "lists": lists, "enumerations": ENUMERATIONS}


def fields_json(message, fields):
    return to_json(MESSAGES[message][2], fields)
