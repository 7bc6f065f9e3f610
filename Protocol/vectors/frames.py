"""The vectors that are single frames: for every message valid, boundary and invalid ones."""

from xxhash import xxh3_64_intdigest

from rules import checks, of_value
from wire import FLAGS, KEPT, LAST, MESSAGES, SESSION, atoms, fields_json, frame, header, payload

U16, U32, U64 = 2**16 - 1, 2**32 - 1, 2**64 - 1
I64_MIN, I64_MAX = -(2**63), 2**63 - 1
TICKET = bytes(range(32))
DIGEST = bytes(range(255, 223, -1))
NAME_128 = "w" * 128
PATH_4096 = b"/".join([b"p" * 255] * 15 + [b"p" * 254, b"p"])
ABSOLUTE_4096 = b"/" + b"/".join([b"p" * 255] * 16)
COMPONENT_255 = b"c" * 255
DAY = 86_400_000
LANE_CAP, CONTROL_CAP, OPENING_CAP = 524_304, 65_536, 4_096
DATA_MAX = 524_288
# Of the types that a lane carries for a GET: the fewest bytes that a header may announce.
FEWEST = {"ENTRY": 37, "CHUNK": 17, "SKIPPED": 4, "END": 24, "AGAIN": 2, "KEEP": 3, "SOURCE": 8, "ERROR": 7}


def connection_of(message):
    return MESSAGES[message][1].split()[0]


def stream_of(message):
    return 0 if message in SESSION else 7


def valid(name, message, fields, flags=0, tail=b"", connection=None, stream=None, rules=None):
    stream = stream_of(message) if stream is None else stream
    vector = {"name": name, "connection": connection or connection_of(message),
              "hex": frame(message, stream, fields, flags, tail).hex(), "type": message, "flags": flags,
              "stream": stream, "fields": fields_json(message, fields)}
    if tail:
        vector["encode"] = False
    return checks(rules, [vector])[0] if rules else vector


def refused(name, message, fields, error="malformed", flags=0, connection=None, stream=None, rules=None):
    stream = stream_of(message) if stream is None else stream
    vector = {"name": name, "connection": connection or connection_of(message),
              "hex": frame(message, stream, fields, flags).hex(), "error": error}
    return checks(rules, [vector])[0] if rules else vector


def raw(name, data, error, connection="control", rules=None, **more):
    vector = {"name": name, "connection": connection, "hex": data.hex(), "error": error} | more
    return checks(rules, [vector])[0] if rules else vector


def cuts(message, fields, flags=0):
    """The message ended before each of its values, inside each longer than a byte, and one byte early."""
    pieces, places, offset = atoms(message, fields), set(), 0
    for piece in pieces:
        if piece:
            places |= {offset, offset + len(piece) // 2, offset + len(piece) - 1}
        offset += len(piece)
    body = payload(message, fields)
    code = MESSAGES[message][0]
    fewest = FEWEST.get(message, 0) if connection_of(message) == "lane" else 0
    return [raw(f"{message} cut short after {n} of {len(body)} bytes",
                header(n, code, flags, 0, stream_of(message)) + body[:n], "malformed", connection_of(message),
                "FRM-19" if n < fewest else "FRM-12")
            for n in sorted(places) if n < (16 + 512 if message == "CHUNK" else len(body))]


def grown(message, fields, flags=0):
    # In an ERROR a byte comes before them, which says that it is not uncovered.
    known = b"\x00" if message == "ERROR" else b""
    return [valid(f"{message} with {len(tail)} bytes of a later version after its fields", message, fields, flags,
                  known + tail, rules="FRM-13 GRO-2")
            for tail in (b"\x00", b"\xff\x00later\xfe")]


def changed(message, fields, field, values, error="malformed", flags=0, what=None):
    return [refused(f"{message} with {what or field} {shown(value)}", message, fields | {field: value}, error, flags,
                    rules=of_value(message, field, value, refused=True))
            for value in values]


def accepted(message, fields, field, values, flags=0):
    return [valid(f"{message} with {field} {shown(value)}", message, fields | {field: value}, flags,
                  rules=of_value(message, field, value))
            for value in values]


def shown(value):
    if isinstance(value, (bytes, str)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        return repr(text) if len(text) <= 40 else f"{text[:3]!r}... of {len(text)} bytes"
    return str(value)


BAD_TEXT = [b"\xff", b"a\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
BAD_NAMES = [".", "..", "w" * 129, "a/b", "a b", "a@b", "caf\u00e9", b"a\x00", b"\xff"]
GOOD_NAMES = ["a", NAME_128, "A-z_0.9", "...", "-", ".hidden"]
BAD_PATHS = [b"a/", b"a//b", b"//a", b".", b"..", b"a/./b", b"a/../b", b"/..", b"/.", b"a\x00b", b"c" * 256,
             b"a/" + b"c" * 256, PATH_4096 + b"p", b"/" + PATH_4096]
GOOD_PATHS = [b"", b"a", b"a/b", b"/", b"/a/b", b"...", b"a/..b", b" ", b"\n\xff\xfe", "caf\u00e9".encode(),
              COMPONENT_255, PATH_4096, ABSOLUTE_4096]
BAD_TREE_PATHS = [path for path in BAD_PATHS if not path.startswith(b"/")] + [b"/", b"/a"]
GOOD_TREE_PATHS = [path for path in GOOD_PATHS if not path.startswith(b"/")]
BAD_MODES, BAD_NANOSECONDS = [0o1000, 0o4755, U16], [1_000_000_000, U32]



def framing():
    ping = {"opaque": 0x0102030405060708}
    vectors = [valid("a header and a payload, field by field", "PING", ping, rules="FRM-1 FRM-2 FRM-4")]
    body = payload("PING", ping)
    for connection in ("control", "local", "lane"):
        vectors.append(valid(f"PING is at home on {connection}", "PING", ping, connection=connection, rules="FRM-9"))
    for reserved in (1, 0x00FF, 0x8000, U16):
        vectors.append(raw(f"reserved is {reserved:#06x}", header(8, 6, 0, reserved) + body, "malformed", rules="FRM-7"))
    known = {code for code, _, _ in MESSAGES.values()}
    for code in (0x00, 0x09, 0x0F, 0x1C, 0x1F, 0x23, 0x25, 0x2C, 0x2E, 0x34, 0x3F, 0x47, 0x7F, 0x80, 0xFF):
        assert code not in known
        for connection in ("control", "local", "lane"):
            vectors.append(raw(f"unknown type {code:#04x} on {connection}", header(0, code), "unknownType", connection, "FRM-6"))
    vectors.append(raw("unknown type, refused from the header alone", header(100, 0x7F, 0, 0, 3), "unknownType",
                       rules="FRM-6 FRM-11"))

    caps = {"control": CONTROL_CAP, "local": CONTROL_CAP, "lane": LANE_CAP}
    for connection, cap in caps.items():
        tail = {"byte": "00", "count": cap - 8}
        vectors.append({"name": f"a payload as long as {connection} takes", "connection": connection,
                        "hex": (header(cap, 6) + body).hex(), "fill": tail, "type": "PING", "flags": 0, "stream": 0,
                        "fields": fields_json("PING", ping), "encode": False, "rules": ["FRM-5", "LIM-1"]})
        for length in (cap + 1, 2**31 - 1, 2**31, U32):
            vectors.append(raw(f"length {length} on {connection}, refused from the header alone", header(length, 6),
                               "frameTooLarge", connection, "FRM-5 FRM-11 LIM-1"))
    hello = BASE["HELLO"]
    opening = {"control": ("HELLO", hello), "local": ("HELLO", hello), "lane": ("JOIN", BASE["JOIN"])}
    for connection, (message, fields) in opening.items():
        start = payload(message, fields)
        code = MESSAGES[message][0]
        vectors.append({"name": f"{message} as long as an opening {connection} takes", "connection": connection,
                        "opening": True, "hex": (header(OPENING_CAP, code) + start).hex(),
                        "fill": {"byte": "ff", "count": OPENING_CAP - len(start)}, "type": message, "flags": 0,
                        "stream": 0, "fields": fields_json(message, fields), "encode": False,
                        "rules": ["FRM-5", "LIM-1"]})
        vectors.append(raw(f"{message} of 4,097 bytes on an opening {connection}", header(OPENING_CAP + 1, code),
                           "frameTooLarge", connection, "FRM-5 FRM-11 LIM-1", opening=True))

    for message, (code, connections, _) in MESSAGES.items():
        defined = FLAGS.get(message, 0)
        for flags in (0x01, 0x02, 0x04, 0x80):
            if flags & ~defined:
                vectors.append(refused(f"{message} with flags {flags:#04x}", message, BASE[message], flags=flags, rules="FRM-8"))
        for connection in ("control", "local", "lane"):
            if connection not in connections.split():
                vectors.append(refused(f"{message} on {connection}", message, BASE[message], "wrongConnection",
                                       connection=connection, rules="FRM-9"))
        wrong = 1 if message in SESSION else 0
        vectors.append(refused(f"{message} on stream {wrong}", message, BASE[message], "badStream", stream=wrong,
                               rules="FRM-10"))
    for stream in (1, 2, 2**31, U32):
        vectors.append(valid(f"stream {stream}", "ECHO", BASE["ECHO"], stream=stream, rules="FRM-1 FRM-10"))
    return vectors


META = {"mode": 0o640, "size": 4096, "mtime_s": 1_700_000_000, "mtime_ns": 123_456_789}
VERSIONED = META | {"version": 0x1122334455667788, "target": b"", "attributes": []}
ENTRY_FILE = VERSIONED | {"kind": "file", "path": b"epoch=9.ckpt"}
ENTRY_DIRECTORY = VERSIONED | {"kind": "directory", "mode": 0o755, "size": 0, "path": b""}
ENTRY_LINK = VERSIONED | {"kind": "symlink", "mode": 0o777, "size": 0, "path": b"last.ckpt", "target": b"epoch=9.ckpt"}
ENTRY_HARD_LINK = VERSIONED | {"kind": "hardlink", "size": 0, "path": b"last.ckpt", "target": b"epoch=9.ckpt"}
USER_NOTE = {"name": b"user.note", "value": b"best so far"}
ITEM = META | {"kind": "file", "name": b"epoch=9.ckpt"}
STAMP = 0x5EED0FA57A3B1C2D
RECEIPT = {"path": b"outputs/checkpoints", "outcome": "stored", "generation": 3, "stamp": STAMP, "digest": DIGEST, "files": 2,
           "bytes": 1_048_576, "sent": 524_288}
MISSING = {"path": b"outputs/plots", "outcome": "missing", "generation": 0, "stamp": 0, "digest": b"", "files": 0, "bytes": 0,
           "sent": 0}
ARTIFACT = {"path": b"outputs/checkpoints", "generation": 3, "created_s": 1_700_000_000, "created_ns": 123_456_789,
            "files": 2, "bytes": 1_048_576, "digest": DIGEST, "state": 4}
REQUEST = {"deadline_ms": 30_000, "origin": "trainer", "path": b"outputs/checkpoints"}


def chunk(offset, data):
    return {"offset": offset, "checksum": xxh3_64_intdigest(data), "data": data}


HANDED = {"origin": "trainer", "path": b"outputs/checkpoints"}
CALL = {"deadline_ms": 300_000, "origin": "deploy", "run_s": 3_600, "options": 0, "call": bytes(range(16)),
        "build": DIGEST, "method": "$s4demo6DeployC3run", "references": [HANDED], "arguments": b"[1]"}
BASE = {
    "HELLO": {"version": 1, "capabilities": 0, "max_streams": 256, "keepalive": 5_000, "software": "baton-agent 0.1.0"},
    "WELCOME": {"version": 1, "capabilities": 0, "session": 41, "max_streams": 256, "keepalive": 5_000,
                "window": 4_194_304, "app": "demo", "work": "deploy", "ticket": TICKET, "software": "baton-relay 0.1.0"},
    "JOIN": {"version": 1, "ticket": TICKET},
    "JOINED": {"lane": 0},
    "TICKET": {"ticket": TICKET[::-1]},
    "PING": {"opaque": 0x0102030405060708},
    "PONG": {"opaque": 0x0102030405060708},
    "GOAWAY": {"code": 272, "last_stream": 9, "reconnect_ms": 250, "message": "relay is shutting down"},
    "ATTACH": {"deadline_ms": 5_000, "options": 1},
    "ATTACH_REPLY": {"root": b"/srv/trainer"},
    "CALL": CALL,
    "CALL_REPLY": {"outcome": "returned", "error": "", "message": "", "references": [HANDED], "value": b'"0.25"'},
    "EXISTS": REQUEST,
    "STAT": REQUEST | {"options": 1},
    "LIST": REQUEST | {"after": b"epoch=1.ckpt", "limit": 1_000},
    "GET": REQUEST | {"credit": 4_194_304, "options": 0, "entries": 0, "offset": 0, "digest": 0},
    "ECHO": {"deadline_ms": 5_000, "origin": "trainer"},
    "WAIT": REQUEST,
    "PERSIST": REQUEST | {"options": 0},
    "ARTIFACTS": REQUEST | {"action": "list", "generation": 0, "after_path": b"", "after_generation": 0},
    "SHARE": {"deadline_ms": 5_000, "path": b"outputs/checkpoints"},
    "FETCH": REQUEST | {"destination": b"/srv/models/best", "options": 1, "wait_ms": 0,
                        "stall_ms": 30_000},
    "EXISTS_REPLY": {"exists": True, "source": "live"},
    "STAT_REPLY": {"kind": "directory", "source": "stored", "mode": 0o755, "size": 1_048_576, "files": 2,
                   "mtime_s": 1_700_000_000, "mtime_ns": 123_456_789, "digest": DIGEST, "generation": 3},
    "LIST_REPLY": {"source": "live", "more": True, "entries": [
        ITEM, ITEM | {"kind": "symlink", "mode": 0o777, "size": 0, "name": b"last.ckpt"}]},
    "ECHO_REPLY": {"answered_by": "trainer"},
    "PERSIST_REPLY": {"receipts": [RECEIPT, MISSING]},
    "ARTIFACTS_REPLY": {"more": False, "items": [ARTIFACT | {"generation": 2, "state": 1}, ARTIFACT]},
    "SHARE_REPLY": {"origin": "trainer", "path": b"outputs/checkpoints", "exists": False},
    "FETCH_REPLY": {"kind": "directory", "source": "live", "atomic": True, "bytes": 1_048_576, "files": 2,
                    "resumed": 524_288, "destination": b"/srv/models/best", "skipped": 3,
                    "listed": [{"reason": 1, "path": b"run/agent.sock"}, {"reason": 2, "path": b"run/pipe"}]},
    "ERROR": {"code": 3, "said_by": "owner", "path": b"outputs/checkpoints/best.ckpt",
              "message": "best.ckpt does not exist below outputs/checkpoints"},
    "CANCEL": {"code": 12},
    "CREDIT": {"limit": 8_388_608},
    "PROGRESS": {"bytes_in": 1_048_576, "bytes_out": 1_000_000, "entries": 12, "waiting": "originDisk",
                 "note": "the lane to work 'trainer' was lost; going on when it is back"},
    "REPORT": {"hop": "owner", "waiting": "credit", "bytes": 1_048_576},
    "ENTRY": ENTRY_FILE,
    "CHUNK": chunk(0, b"weights of epoch 9, " * 30),
    "SKIPPED": {"reason": 1, "path": b"run/agent.sock"},
    "END": {"entries": 4, "bytes": 1_048_576, "skipped": 1},
    "AGAIN": {"pass": 1},
    "KEEP": {"path": b"epoch=8.ckpt"},
    "SOURCE": {"generation": 3},
}


def every(*messages):
    """What each message gets: a typical one, growth, cuts."""
    vectors = []
    for message in messages:
        fields = BASE[message]
        vectors.append(valid(f"{message}, typical", message, fields))
        if message != "CHUNK":
            vectors += grown(message, fields)
        vectors += cuts(message, fields)
    return vectors


def session():
    base = BASE
    vectors = every("HELLO", "WELCOME", "JOIN", "JOINED", "TICKET", "PING", "PONG", "GOAWAY")
    vectors += [
        valid("HELLO, minimal: numbers are carried as sent and clamped by the session", "HELLO",
              {"version": 0, "capabilities": 0, "max_streams": 0, "keepalive": 0, "software": ""}, rules="FRM-3"),
        valid("HELLO, maximal", "HELLO", {"version": U16, "capabilities": U64, "max_streams": U16, "keepalive": U32,
                                          "software": "s" * 64}),
        valid("HELLO with software that is not ASCII", "HELLO", base["HELLO"] | {"software": "b\u00e2ton \U0001f3c3"},
              rules="FRM-2 FRM-16"),
        valid("HELLO over the Unix socket", "HELLO", base["HELLO"], connection="local", rules="FRM-9"),
        valid("WELCOME, minimal", "WELCOME",
              {"version": 0, "capabilities": 0, "session": 0, "max_streams": 0, "keepalive": 0, "window": 0, "app": "a",
               "work": "b", "ticket": b"", "software": ""}, rules="FRM-3"),
        valid("WELCOME, maximal", "WELCOME",
              {"version": U16, "capabilities": U64, "session": U64, "max_streams": U16, "keepalive": U32, "window": U32,
               "app": NAME_128, "work": NAME_128, "ticket": b"\xff" * 32, "software": "s" * 64}),
        valid("WELCOME over the Unix socket: no window, no ticket", "WELCOME",
              base["WELCOME"] | {"window": 0, "ticket": b"", "software": "baton-agent 0.1.0"}, connection="local",
              rules="FRM-9"),
        valid("GOAWAY, minimal", "GOAWAY", {"code": 0, "last_stream": 0, "reconnect_ms": 0, "message": ""}, rules="FRM-3"),
        valid("GOAWAY, maximal", "GOAWAY", {"code": U16, "last_stream": U32, "reconnect_ms": U32, "message": "m" * 1024}),
        valid("GOAWAY that replaces: do not come back", "GOAWAY",
              {"code": 271, "last_stream": 0, "reconnect_ms": U32, "message": "a newer session of this work has begun"}),
    ]
    for connection in ("local", "lane"):
        vectors.append(valid(f"GOAWAY on {connection}", "GOAWAY", base["GOAWAY"] | {"last_stream": 0}, connection=connection,
                             rules="FRM-9"))
    vectors += accepted("JOINED", base["JOINED"], "lane", [0, 7])
    vectors += changed("JOINED", base["JOINED"], "lane", [8, 255])
    vectors += accepted("JOIN", base["JOIN"], "version", [0, 2, U16])
    for message in ("PING", "PONG"):
        vectors += accepted(message, base[message], "opaque", [0, U64])
    for message in ("JOIN", "TICKET"):
        vectors += changed(message, base[message], "ticket", [b"", b"t", b"t" * 31, b"t" * 33, b"t" * 255])
    vectors += changed("WELCOME", base["WELCOME"], "ticket", [b"t", b"t" * 31, b"t" * 33, b"t" * 255])
    for message in ("HELLO", "WELCOME"):
        vectors += changed(message, base[message], "software", BAD_TEXT + ["s" * 65, "s" * 255])
    for field in ("app", "work"):
        vectors += accepted("WELCOME", base["WELCOME"], field, GOOD_NAMES)
        vectors += changed("WELCOME", base["WELCOME"], field, [""] + BAD_NAMES)
    vectors += accepted("GOAWAY", base["GOAWAY"], "message", ["\u00e9\n\x00\u202e"])
    vectors += changed("GOAWAY", base["GOAWAY"], "message", BAD_TEXT + ["m" * 1025, "m" * 4000])
    return vectors


def streams():
    vectors = every("ERROR", "CANCEL")
    error = BASE["ERROR"]
    vectors += [
        valid("ERROR, minimal", "ERROR", {"code": 0, "said_by": "local", "path": b"", "message": ""}),
        valid("ERROR, maximal", "ERROR", {"code": U16, "said_by": "owner", "path": PATH_4096, "message": "m" * 1024}),
        valid("ERROR on a lane, after an entry", "ERROR", error | {"code": 7}, connection="lane", rules="FRM-9"),
        valid("ERROR over the Unix socket", "ERROR", error, connection="local", rules="FRM-9"),
    ]
    vectors += accepted("ERROR", error, "said_by", ["local", "relay", "owner"])
    vectors += accepted("ERROR", error, "code", [1, 17, 18, 255, 256, 273, 40_000])
    vectors += accepted("ERROR", error, "path", GOOD_PATHS)
    vectors += changed("ERROR", error, "said_by", [3, 255])
    vectors += changed("ERROR", error, "path", BAD_PATHS)
    vectors += changed("ERROR", error, "message", BAD_TEXT + ["m" * 1025])
    vectors += uncovered()
    vectors += accepted("CANCEL", BASE["CANCEL"], "code", [0, 6, 17, U16])
    vectors.append(valid("CANCEL over the Unix socket", "CANCEL", BASE["CANCEL"], connection="local",
                         rules="FRM-9"))
    return vectors


def uncovered():
    error = BASE["ERROR"] | {"uncovered": True}
    vectors = [
        valid("ERROR of a path that nothing covers", "ERROR", error),
        valid("ERROR of a path that is not declared, and that nothing covers", "ERROR", error | {"code": 4}),
        valid("ERROR of a path that nothing covers, with bytes of a later version", "ERROR", error, tail=b"\xff\x00"),
        valid("ERROR that says that it is covered", "ERROR", BASE["ERROR"], tail=b"\x00"),
    ]
    vectors += changed("ERROR", error, "uncovered", [2, 255])
    vectors += [refused(f"ERROR with uncovered 1 and {field} {shown(value)}", "ERROR", error | {field: value})
                for field, values in (("code", [0, 1, 5, 11, 256, U16]), ("said_by", ["local", "relay"])) for value in values]
    return checks("ERR-8", vectors)


def operations():
    requests = ("EXISTS", "STAT", "LIST", "GET", "ECHO", "WAIT", "PERSIST", "ARTIFACTS", "SHARE", "FETCH")
    vectors = every(*requests, "EXISTS_REPLY", "STAT_REPLY", "LIST_REPLY", "ECHO_REPLY", "PERSIST_REPLY",
                    "ARTIFACTS_REPLY", "SHARE_REPLY", "FETCH_REPLY", "PROGRESS", "REPORT")
    for message in requests:
        fields = BASE[message]
        vectors += accepted(message, fields, "deadline_ms", [0, DAY])
        longer = valid(f"{message} with a deadline that is cut to a day", message, fields | {"deadline_ms": U32},
                       rules="STR-25 LIM-1")
        vectors.append(longer | {"fields": longer["fields"] | {"deadline_ms": DAY}, "encode": False})
        if "origin" in fields:
            vectors += accepted(message, fields, "origin", [""] + GOOD_NAMES)
            vectors += changed(message, fields, "origin", BAD_NAMES)
        if "path" in fields:
            vectors += accepted(message, fields, "path", GOOD_PATHS)
            vectors += changed(message, fields, "path", BAD_PATHS)
        if "local" in MESSAGES[message][1] and "control" in MESSAGES[message][1]:
            vectors.append(valid(f"{message} over the Unix socket", message, fields, connection="local", rules="FRM-9"))
    vectors += accepted("STAT", BASE["STAT"], "options", [0, 1])
    vectors += changed("STAT", BASE["STAT"], "options", [0x02, 0x80, 0xFF])
    vectors += accepted("FETCH", BASE["FETCH"], "options", [0, 1, 2, 4, 8, 16, 31])
    vectors += changed("FETCH", BASE["FETCH"], "options", [0x20, 0x80, 0xFF])
    vectors += accepted("FETCH", BASE["FETCH"], "wait_ms", [1, DAY])
    vectors += accepted("FETCH", BASE["FETCH"], "stall_ms", [1_000, DAY])
    for field, value, used in (("wait_ms", U32, DAY), ("stall_ms", U32, DAY), ("stall_ms", 0, 1_000)):
        clamped = valid(f"FETCH with {field} {value}, which is clamped", "FETCH", BASE["FETCH"] | {field: value},
                        rules="LIM-1")
        vectors.append(clamped | {"fields": clamped["fields"] | {field: used}, "encode": False})
    vectors += accepted("FETCH", BASE["FETCH"], "destination", [b"", b"/", b"/a", ABSOLUTE_4096])
    vectors += changed("FETCH", BASE["FETCH"], "destination",
                       [b"a", b"a/b"] + [path for path in BAD_PATHS if path.startswith(b"/")] + [b"/a/", b"/a\x00"])
    vectors += accepted("LIST", BASE["LIST"], "after", [b"", b"a", b"...", b"\xff\n", COMPONENT_255])
    vectors += changed("LIST", BASE["LIST"], "after", [b".", b"..", b"a/b", b"/", b"a\x00", b"c" * 256])
    vectors += accepted("LIST", BASE["LIST"], "limit", [1, U16])
    vectors += changed("LIST", BASE["LIST"], "limit", [0])
    vectors += accepted("GET", BASE["GET"], "credit", [1_048_576, U64])
    vectors += changed("GET", BASE["GET"], "credit", [0, 1, 1_048_575])
    resumed = BASE["GET"] | {"options": 2, "entries": 3, "digest": 0x0102030405060708}
    vectors.append(valid("GET that asks for attributes", "GET", BASE["GET"] | {"options": 1}))
    vectors += checks("OPS-28", [
        valid("GET that resumes after a complete entry", "GET", resumed),
        valid("GET that resumes in a file", "GET", resumed | {"options": 7, "offset": 524_288}),
        valid("GET that resumes at the start of a file", "GET", resumed | {"options": 6}),
        valid("GET that resumes, maximal", "GET", resumed | {"options": 7, "entries": U64, "offset": U64, "digest": U64}),
        refused("GET that resumes after no entry", "GET", resumed | {"entries": 0}),
        refused("GET with an offset after a complete entry", "GET", resumed | {"offset": 1}),
        refused("GET with an open file and nothing to resume", "GET", BASE["GET"] | {"options": 4}),
        refused("GET with entries and nothing to resume", "GET", BASE["GET"] | {"entries": 1}),
        refused("GET with an offset and nothing to resume", "GET", BASE["GET"] | {"offset": 1}),
        refused("GET with a digest and nothing to resume", "GET", BASE["GET"] | {"digest": 1}),
    ])
    vectors += changed("GET", BASE["GET"], "options", [0x20, 0x80, 0xFF])
    vectors += stored_gets(resumed) + persists() + artifacts()

    for message in ("EXISTS_REPLY", "STAT_REPLY", "LIST_REPLY", "FETCH_REPLY"):
        live = {field: value for field, value in BASE[message].items() if field != "generation"} | {"source": "live"}
        stored = live | {"source": "stored", "generation": 3}
        vectors += accepted(message, live, "source", ["live"])
        vectors += accepted(message, stored, "source", ["stored"])
        vectors += changed(message, stored, "source", [2, 255])
        vectors += accepted(message, stored, "generation", [1, U64])
        vectors += changed(message, stored, "generation", [0])
        vectors.append(refused(f"{message} that is stored and names no generation", message, live | {"source": "stored"},
                               rules="OPS-44"))
        whole = payload(message, stored)
        vectors.append(raw(f"{message} whose generation is cut short", header(len(whole) - 1, MESSAGES[message][0], 0, 0, 7)
                           + whole[:-1], "malformed", connection_of(message), "FRM-12 OPS-44"))
    for message, field in (("EXISTS_REPLY", "exists"), ("LIST_REPLY", "more"), ("SHARE_REPLY", "exists"),
                           ("FETCH_REPLY", "atomic")):
        vectors += accepted(message, BASE[message], field, [False, True])
        vectors += changed(message, BASE[message], field, [2, 255])

    stat = BASE["STAT_REPLY"]
    vectors += [
        valid("STAT_REPLY, minimal", "STAT_REPLY", {"kind": "file", "source": "live", "mode": 0, "size": 0, "files": 0,
                                                    "mtime_s": 0, "mtime_ns": 0, "digest": b""}),
        valid("STAT_REPLY, maximal", "STAT_REPLY", {"kind": "symlink", "source": "stored", "mode": 0o777, "size": U64,
                                                    "files": U64, "mtime_s": I64_MAX, "mtime_ns": 999_999_999,
                                                    "digest": b"\xff" * 32, "generation": U64}),
    ]
    vectors += accepted("STAT_REPLY", stat, "mtime_s", [I64_MIN, -1])
    vectors += changed("STAT_REPLY", stat, "kind", [0, 4, 5, 255])
    vectors += changed("STAT_REPLY", stat, "mode", BAD_MODES)
    vectors += changed("STAT_REPLY", stat, "mtime_ns", BAD_NANOSECONDS)
    vectors += changed("STAT_REPLY", stat, "digest", [b"d", b"d" * 31, b"d" * 33, b"d" * 64])

    vectors += list_replies()
    vectors += accepted("ECHO_REPLY", BASE["ECHO_REPLY"], "answered_by", [""] + GOOD_NAMES)
    vectors += changed("ECHO_REPLY", BASE["ECHO_REPLY"], "answered_by", BAD_NAMES)
    vectors += accepted("SHARE_REPLY", BASE["SHARE_REPLY"], "origin", GOOD_NAMES)
    vectors += changed("SHARE_REPLY", BASE["SHARE_REPLY"], "origin", [""] + BAD_NAMES)
    vectors += accepted("SHARE_REPLY", BASE["SHARE_REPLY"], "path", GOOD_PATHS)
    vectors += changed("SHARE_REPLY", BASE["SHARE_REPLY"], "path", BAD_PATHS)
    vectors += fetch_replies()

    vectors += [
        valid("PROGRESS, minimal", "PROGRESS", {"bytes_in": 0, "bytes_out": 0, "entries": 0, "waiting": "nothing",
                                                "note": ""}),
        valid("PROGRESS, maximal", "PROGRESS", {"bytes_in": U64, "bytes_out": U64, "entries": U64, "waiting": "origin",
                                                "note": "n" * 1024}),
        valid("REPORT, minimal", "REPORT", {"hop": "relay", "waiting": "nothing", "bytes": 0}),
        valid("REPORT, maximal", "REPORT", {"hop": "owner", "waiting": "credit", "bytes": U64}),
    ]
    vectors += accepted("PROGRESS", BASE["PROGRESS"], "waiting",
                        ["originDisk", "originNetwork", "relay", "receiverNetwork", "receiverDisk"])
    vectors += changed("PROGRESS", BASE["PROGRESS"], "waiting", [7, 255])
    vectors += changed("PROGRESS", BASE["PROGRESS"], "note", BAD_TEXT + ["n" * 1025])
    vectors += accepted("REPORT", BASE["REPORT"], "waiting", ["source", "network"])
    vectors += changed("REPORT", BASE["REPORT"], "waiting", [4, 255])
    vectors += changed("REPORT", BASE["REPORT"], "hop", [0, 3, 255])
    return vectors


def stored_gets(resumed):
    get = BASE["GET"]
    vectors = [
        valid("GET of a relay that has nothing", "GET", get | {"options": 8, "base": 0}),
        valid("GET of a relay that has a generation", "GET", get | {"options": 9, "base": STAMP}),
        valid("GET of a relay that resumes", "GET", resumed | {"options": 10, "base": STAMP}),
        valid("GET of a relay that resumes in a file, maximal", "GET",
              resumed | {"options": 15, "entries": U64, "offset": U64, "digest": U64, "base": U64}),
        valid("GET from the store only", "GET", get | {"options": 16}),
        valid("GET from the store only that resumes in a file, with attributes", "GET",
              resumed | {"options": 23, "offset": 524_288}),
        refused("GET of a relay without the base that it announces", "GET", get | {"options": 8}, rules="FRM-12"),
        refused("GET with a base, and from the store only", "GET", get | {"options": 24, "base": STAMP}),
        refused("GET with no base, and from the store only", "GET", get | {"options": 24, "base": 0}),
    ]
    body = payload("GET", get | {"options": 8, "base": STAMP})[:-1]
    vectors.append(raw("GET whose base is cut short", header(len(body), 0x13, 0, 0, 7) + body, "malformed", rules="FRM-12"))
    return checks("OPS-28", vectors)


def persists():
    persist, every_path = BASE["PERSIST"], BASE["PERSIST"] | {"path": b"", "options": 1}
    vectors = [
        valid("PERSIST of the root directory", "PERSIST", persist | {"path": b""}),
        valid("PERSIST of all declared paths", "PERSIST", every_path, connection="local"),
        valid("PERSIST of all declared paths of the responder", "PERSIST", every_path | {"origin": ""}, connection="local"),
        refused("PERSIST of all declared paths that names one", "PERSIST", persist | {"options": 1}, connection="local"),
    ]
    vectors = checks("OPS-48", vectors + changed("PERSIST", every_path, "options", [0x02, 0x03, 0x80, 0xFF]))

    def reply(name, *receipts, check=valid, rules="OPS-51"):
        return check(f"PERSIST_REPLY {name}", "PERSIST_REPLY", {"receipts": list(receipts)}, rules=rules)

    unchanged = RECEIPT | {"outcome": "unchanged", "sent": 0}
    vectors += [
        reply("over no path"),
        reply("with one new generation", RECEIPT),
        reply("with a generation that is the same as before", unchanged),
        reply("with a generation that is the same, though data has travelled", unchanged | {"sent": U64}),
        reply("with nothing at the path", MISSING),
        reply("with the root directory, which is empty", RECEIPT | {"path": b"", "files": 0, "bytes": 0, "sent": 0}),
        reply("maximal", RECEIPT | {"path": PATH_4096, "generation": U64, "stamp": U64, "digest": b"\xff" * 32, "files": U64,
                                    "bytes": U64, "sent": U64}),
        reply("with paths in the order of their declaration", RECEIPT | {"path": b"b"}, RECEIPT | {"path": b"a"}),
        reply("with nothing at the path, yet a digest", MISSING | {"digest": DIGEST}, check=refused),
    ]
    for field in ("generation", "stamp", "files", "bytes", "sent"):
        vectors.append(reply(f"with nothing at the path, yet {field}", MISSING | {field: 1}, check=refused))
    for name, receipt in (("stored", RECEIPT), ("unchanged", unchanged)):
        for field in ("generation", "stamp"):
            vectors.append(reply(f"with outcome {name} and {field} 0", receipt | {field: 0}, check=refused))
        for digest in (b"", b"d", b"d" * 31, b"d" * 33, b"d" * 64):
            vectors.append(reply(f"with outcome {name} and digest {shown(digest)}", receipt | {"digest": digest},
                                 check=refused, rules="OPS-51 LIM-1"))
    for outcome in (0, 4, 255):
        for name, receipt in (("numbers", RECEIPT), ("none", MISSING)):
            vectors.append(reply(f"with outcome {outcome} and {name}", receipt | {"outcome": outcome}, check=refused,
                                 rules="FRM-14"))
    for path in GOOD_PATHS:
        vectors.append(reply(f"with path {shown(path)}", RECEIPT | {"path": path}, rules="NAM-3"))
    for path in BAD_PATHS:
        vectors.append(reply(f"with path {shown(path)}", RECEIPT | {"path": path}, check=refused,
                             rules=of_value("PERSIST", "path", path, refused=True)))
    return vectors + cheating_counts("PERSIST_REPLY", {"receipts": [RECEIPT]}, 0)


def artifacts():
    query, actions = BASE["ARTIFACTS"], ("list", "remove", "pin", "unpin", "verify")
    next_page = {"after_path": b"outputs/checkpoints", "after_generation": 3}
    vectors = accepted("ARTIFACTS", query, "action", actions) + changed("ARTIFACTS", query, "action", [0, 6, 255])
    for action in actions:
        asked = query | {"action": action}
        vectors += [
            valid(f"ARTIFACTS that would {action} generation 1", "ARTIFACTS", asked | {"generation": 1}),
            valid(f"ARTIFACTS that would {action} the last generation there can be", "ARTIFACTS", asked | {"generation": U64}),
            valid(f"ARTIFACTS that would {action} without a path", "ARTIFACTS", asked | {"path": b""}),
        ]
        check = valid if action in ("list", "verify") else refused
        vectors += checks("OPS-55", [
            check(f"ARTIFACTS that would {action} the next page", "ARTIFACTS", asked | next_page),
            check(f"ARTIFACTS that would {action} the page after the root directory", "ARTIFACTS",
                  asked | {"after_generation": U64}),
            refused(f"ARTIFACTS that would {action} after a path and no generation", "ARTIFACTS",
                    asked | {"after_path": b"a"}),
        ])
    vectors += accepted("ARTIFACTS", query | next_page, "after_path", GOOD_PATHS)
    vectors += changed("ARTIFACTS", query | next_page, "after_path", BAD_PATHS)

    def reply(name, *items, more=False, check=valid, rules=None):
        return check(f"ARTIFACTS_REPLY {name}", "ARTIFACTS_REPLY", {"more": more, "items": list(items)}, rules=rules)

    def item(**fields):
        return ARTIFACT | fields

    vectors += checks("OPS-54", [
        reply("of nothing"),
        reply("with more to come", ARTIFACT, more=True),
        reply("that says there is more and carries nothing", more=True, check=refused),
        reply("minimal", item(path=b"", generation=1, created_s=I64_MIN, created_ns=0, files=0, bytes=0, digest=b"\x00" * 32,
                              state=0)),
        reply("maximal", item(path=PATH_4096, generation=U64, created_s=I64_MAX, created_ns=999_999_999, files=U64,
                              bytes=U64, digest=b"\xff" * 32, state=7)),
        reply("in bytewise order", *(item(path=path) for path in (b"", b"/a", b"A", b"a", b"a b", b"a-b", b"a/z", b"a0", b"aa",
                                                                  b"\xff"))),
        reply("with generations that rise, of two paths", item(path=b"a", generation=9), item(path=b"b", generation=1),
              item(path=b"b", generation=2), item(path=b"b", generation=10)),
        reply("with an item twice", ARTIFACT, ARTIFACT, check=refused),
        reply("with generations that fall", item(generation=3), item(generation=2), check=refused),
        reply("with paths that fall", item(path=b"b", generation=1), item(path=b"a", generation=2), check=refused),
        reply("in the order of trees", item(path=b"a/z"), item(path=b"a b"), check=refused),
        reply("with a longer path before its prefix", item(path=b"ab"), item(path=b"a"), check=refused),
        reply("with generation 0", item(generation=0), check=refused, rules="FRM-14 LIM-1"),
    ])
    vectors += [reply(f"with state {state}", item(state=state), rules="FRM-14") for state in range(8)]
    vectors += [reply(f"with state {state}", item(state=state), check=refused, rules="FRM-14") for state in (8, 0x80, 0xFF)]
    vectors += [reply(f"with digest {shown(digest)}", item(digest=digest), check=refused, rules="FRM-14 LIM-1")
                for digest in (b"", b"d", b"d" * 31, b"d" * 33, b"d" * 64)]
    vectors += [reply(f"with created_ns {nanoseconds}", item(created_ns=nanoseconds), check=refused,
                      rules="OPS-25 LIM-1")
                for nanoseconds in BAD_NANOSECONDS]
    vectors += [reply(f"with path {shown(path)}", item(path=path), check=refused,
                      rules=of_value("ARTIFACTS", "path", path, refused=True))
                for path in BAD_PATHS]
    vectors += changed("ARTIFACTS_REPLY", BASE["ARTIFACTS_REPLY"], "more", [2, 255])
    return vectors + cheating_counts("ARTIFACTS_REPLY", {"more": False, "items": [ARTIFACT]}, 1)


def cheating_counts(message, fields, offset):
    """`offset`: where the count stands that says 1."""
    body, vectors = payload(message, fields), []
    for count in (2, U16):
        cheat = body[:offset] + count.to_bytes(2, "big") + body[offset + 2:]
        vectors.append(raw(f"{message} with count {count} and one of them",
                           header(len(cheat), MESSAGES[message][0], 0, 0, 7) + cheat, "malformed",
                           rules="FRM-12 FRM-18"))
    return vectors


def list_replies():
    def reply(name, *entries, more=False, check=valid, rules=None):
        fields = {"source": "live", "more": more, "entries": list(entries)}
        return check(f"LIST_REPLY {name}", "LIST_REPLY", fields, rules=rules)

    def item(**fields):
        return ITEM | fields

    vectors = [
        reply("of an empty directory"),
        reply("of a path that is no directory", item(name=b""), rules="OPS-11"),
        reply("of every kind", *(item(kind=kind, size=9 if kind == "file" else 0, name=kind.encode())
                                 for kind in ("directory", "file", "other", "symlink")), rules="OPS-25"),
        reply("with boundary values", item(name=b"\x01", mode=0, size=0, mtime_s=I64_MIN, mtime_ns=0),
              item(name=COMPONENT_255, mode=0o777, size=U64, mtime_s=I64_MAX, mtime_ns=999_999_999)),
        reply("in bytewise order", *(item(name=name) for name in (b"A", b"B", b"a", b"a ", b"a.", b"aa", b"b", b"\xff")),
              rules="OPS-10"),
        reply("that says there is more and carries nothing", more=True, check=refused, rules="OPS-12"),
        reply("with an empty name among others", item(name=b""), item(name=b"a"), check=refused, rules="OPS-11"),
        reply("with an empty name and more to come", item(name=b""), more=True, check=refused, rules="OPS-11"),
        reply("with a name twice", item(name=b"a"), item(name=b"a"), check=refused, rules="OPS-10"),
        reply("with names that fall", item(name=b"b"), item(name=b"a"), check=refused, rules="OPS-10"),
        reply("with a longer name before its prefix", item(name=b"ab"), item(name=b"a"), check=refused, rules="OPS-10"),
    ]
    for name in (b".", b"..", b"a/b", b"/", b"a\x00", b"c" * 256):
        vectors.append(reply(f"with name {shown(name)}", item(name=name), check=refused, rules="NAM-2 NAM-5"))
    for kind in (0, 5, 6, 255):
        vectors.append(reply(f"with kind {kind}", item(kind=kind, size=0), check=refused, rules="FRM-14"))
    for kind in ("directory", "symlink", "other"):
        vectors.append(reply(f"with a size for kind {kind}", item(kind=kind, size=1), check=refused, rules="OPS-25"))
    for mode in BAD_MODES:
        vectors.append(reply(f"with mode {mode}", item(mode=mode), check=refused, rules="OPS-25 LIM-1"))
    for nanoseconds in BAD_NANOSECONDS:
        vectors.append(reply(f"with mtime_ns {nanoseconds}", item(mtime_ns=nanoseconds), check=refused,
                             rules="OPS-25 LIM-1"))
    body = payload("LIST_REPLY", {"source": "live", "more": False, "entries": [ITEM]})
    for count in (2, U16):
        cheat = body[:2] + count.to_bytes(2, "big") + body[4:]
        vectors.append(raw(f"LIST_REPLY with count {count} and one entry",
                           header(len(cheat), 0x22, 0, 0, 7) + cheat, "malformed", rules="FRM-12 FRM-18"))
    return vectors


def fetch_replies():
    reply = BASE["FETCH_REPLY"]
    vectors = [
        valid("FETCH_REPLY, minimal", "FETCH_REPLY",
              {"kind": "file", "source": "live", "atomic": False, "bytes": 0, "files": 0, "resumed": 0,
               "destination": b"/", "skipped": 0, "listed": []}),
        valid("FETCH_REPLY, maximal", "FETCH_REPLY",
              {"kind": "symlink", "source": "stored", "atomic": True, "bytes": U64, "files": U64, "resumed": U64,
               "destination": ABSOLUTE_4096, "skipped": U64, "listed": [{"reason": U16, "path": PATH_4096}],
               "generation": U64}),
        valid("FETCH_REPLY that lists fewer than were skipped", "FETCH_REPLY", reply | {"skipped": 1_000_000}, rules="OPS-20"),
        valid("FETCH_REPLY with a reason this version does not know", "FETCH_REPLY",
              reply | {"listed": [{"reason": 900, "path": b"odd"}]}, rules="TRE-21"),
        refused("FETCH_REPLY that lists more than were skipped", "FETCH_REPLY", reply | {"skipped": 1}, rules="OPS-20"),
    ]
    vectors += changed("FETCH_REPLY", reply, "kind", [0, 4, 5, 255])
    vectors += changed("FETCH_REPLY", reply, "destination", [b"", b"a", b"/a/", b"//", b"/..", b"/a\x00"])
    for path in [b""] + BAD_TREE_PATHS:
        vectors.append(refused(f"FETCH_REPLY with a skipped path {shown(path)}", "FETCH_REPLY",
                               reply | {"listed": [{"reason": 1, "path": path}]}, rules="TRE-2 NAM-4 NAM-5"))
    return vectors


def credit():
    vectors = every("CREDIT")
    vectors += accepted("CREDIT", BASE["CREDIT"], "limit", [0, 1, 2**63, U64])
    return vectors


def trees():
    vectors = every("ENTRY", "CHUNK", "SKIPPED", "END", "AGAIN", "KEEP", "SOURCE")
    file, directory, link = ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_LINK
    empty = file | {"size": 0}
    vectors += [
        valid("ENTRY of the top directory", "ENTRY", directory),
        valid("ENTRY of a symbolic link", "ENTRY", link),
        valid("ENTRY of an empty file", "ENTRY", empty, LAST, rules="TRE-6"),
        valid("ENTRY of a file that is one hole", "ENTRY", file | {"size": 2**40}, LAST, rules="TRE-13"),
        valid("ENTRY, minimal", "ENTRY", {"kind": "file", "mode": 0, "size": 0, "mtime_s": 0, "mtime_ns": 0, "path": b"",
                                          "version": 0, "target": b"", "attributes": []}, LAST),
        valid("ENTRY of a file, maximal", "ENTRY",
              {"kind": "file", "mode": 0o777, "size": U64, "mtime_s": I64_MAX, "mtime_ns": 999_999_999, "path": PATH_4096,
               "version": U64, "target": b"", "attributes": [{"name": b"user.a", "value": b"v" * 131_066}]}),
        valid("ENTRY of a link, maximal", "ENTRY",
              {"kind": "symlink", "mode": 0o777, "size": 0, "mtime_s": I64_MIN, "mtime_ns": 999_999_999,
               "version": U64, "path": PATH_4096, "target": b"t" * 4095, "attributes": []}),
        refused("ENTRY of an empty file without LAST", "ENTRY", empty, rules="TRE-6"),
        refused("ENTRY of a directory with LAST", "ENTRY", directory, flags=LAST, rules="TRE-26"),
        refused("ENTRY of a link with LAST", "ENTRY", link, flags=LAST, rules="TRE-26"),
        refused("ENTRY of a directory with a size", "ENTRY", directory | {"size": 4096}, rules="TRE-5"),
        refused("ENTRY of a link with a size", "ENTRY", link | {"size": 12}, rules="TRE-5"),
        refused("ENTRY of a file with a target", "ENTRY", file | {"target": b"x"}, rules="TRE-4"),
        refused("ENTRY of a directory with a target", "ENTRY", directory | {"target": b"x"}, rules="TRE-4"),
    ]
    vectors += accepted("ENTRY", link, "target", [b"/", b"..", b"../../etc/passwd", b"a//b/", b"\xff\n", b"."])
    vectors += changed("ENTRY", link, "target", [b"", b"a\x00b", b"t" * 4096], what="a link's target")
    vectors += changed("ENTRY", directory, "kind", [0, 4, 6, 255])
    vectors += hard_links() + attributes()
    vectors += changed("ENTRY", file, "mode", BAD_MODES)
    vectors += changed("ENTRY", file, "mtime_ns", BAD_NANOSECONDS)
    vectors += accepted("ENTRY", file, "path", GOOD_TREE_PATHS)
    vectors += changed("ENTRY", file, "path", BAD_TREE_PATHS)

    block = b"\xa5" * 512
    vectors += [
        valid("CHUNK of 512 bytes, the fewest without LAST", "CHUNK", chunk(0, block), rules="TRE-7"),
        valid("CHUNK of one byte with LAST", "CHUNK", chunk(512, b"\x00"), LAST, rules="TRE-7"),
        valid("CHUNK that ends at the last offset there is", "CHUNK", chunk(U64 - 512, block), LAST, rules="TRE-8"),
        valid("CHUNK with a checksum that is wrong: its bytes are well formed", "CHUNK",
              chunk(0, block) | {"checksum": 0}, rules="TRE-1"),
        longest_chunk(),
        refused("CHUNK of 511 bytes without LAST", "CHUNK", chunk(0, block[1:]), rules="TRE-7"),
        refused("CHUNK of one byte without LAST", "CHUNK", chunk(0, b"x"), rules="TRE-7"),
        refused("CHUNK without data", "CHUNK", chunk(0, b""), rules="TRE-7 FRM-19"),
        refused("CHUNK without data, with LAST", "CHUNK", chunk(0, b""), flags=LAST, rules="TRE-7 FRM-19"),
        refused("CHUNK that passes the last offset there is", "CHUNK", chunk(U64 - 511, block), flags=LAST, rules="TRE-8"),
        refused("CHUNK at the last offset there is", "CHUNK", chunk(U64, b"x"), flags=LAST, rules="TRE-8 FRM-18"),
        raw("CHUNK with one byte more than 512 KiB", header(LANE_CAP + 1, 0x41, 0, 0, 7), "frameTooLarge", "lane",
            "FRM-5 LIM-1"),
    ]
    vectors += accepted("SKIPPED", BASE["SKIPPED"], "reason", [0, 1, 2, 3, 4, 5, U16])
    vectors += accepted("SKIPPED", BASE["SKIPPED"], "path", [path for path in GOOD_TREE_PATHS if path])
    vectors.append(valid("SKIPPED attributes of the top", "SKIPPED", {"reason": 5, "path": b""}, rules="TRE-2"))
    vectors += changed("SKIPPED", BASE["SKIPPED"], "path", [b""] + BAD_TREE_PATHS)
    vectors += [
        valid("END, minimal", "END", {"entries": 1, "bytes": 0, "skipped": 0}, rules="FRM-3"),
        valid("END, maximal", "END", {"entries": U64, "bytes": U64, "skipped": U64}),
    ]
    vectors += checks("TRE-44", [
        valid("ENTRY of a file that the receiver has", "ENTRY", file, LAST | KEPT),
        valid("ENTRY of an empty file that the receiver has", "ENTRY", empty, LAST | KEPT),
        valid("ENTRY of the largest file that the receiver has", "ENTRY", file | {"size": U64}, LAST | KEPT),
        refused("ENTRY of a file that the receiver has, without LAST", "ENTRY", file, flags=KEPT),
        refused("ENTRY of an empty file that the receiver has, without LAST", "ENTRY", empty, flags=KEPT),
    ])
    for kind, entry in (("directory", directory), ("link", link), ("hard link", ENTRY_HARD_LINK)):
        for flags in (KEPT, LAST | KEPT):
            vectors.append(refused(f"ENTRY of a {kind} that the receiver has, with flags {flags:#04x}", "ENTRY", entry,
                                   flags=flags, rules="TRE-26" if flags & LAST else "TRE-44"))
    vectors += accepted("SOURCE", BASE["SOURCE"], "generation", [1, U64])
    vectors += changed("SOURCE", BASE["SOURCE"], "generation", [0])
    vectors += accepted("AGAIN", BASE["AGAIN"], "pass", [0, U16])
    vectors += accepted("KEEP", BASE["KEEP"], "path", [path for path in GOOD_TREE_PATHS if path])
    vectors += changed("KEEP", BASE["KEEP"], "path", [b""] + BAD_TREE_PATHS)
    return vectors


def hard_links():
    link = ENTRY_HARD_LINK
    vectors = [
        valid("ENTRY of a hard link", "ENTRY", link, rules="TRE-4"),
        valid("ENTRY of a hard link below the file's directory", "ENTRY", link | {"path": b"a/b/c", "target": b"a/b"},
              rules="TRE-4"),
        refused("ENTRY of a hard link with LAST", "ENTRY", link, flags=LAST, rules="TRE-26"),
        refused("ENTRY of a hard link with a size", "ENTRY", link | {"size": 1}, rules="TRE-5"),
        refused("ENTRY of a hard link that is the top", "ENTRY", link | {"path": b""}, rules="TRE-4"),
    ]
    return vectors + changed("ENTRY", link, "target", [b"", b"last.ckpt", b"z", b"/epoch=9.ckpt", b"a//b", b"../x", b"."],
                             what="a hard link's target")


def attributes():
    def entry(name, *listed, check=valid):
        items = [{"name": key, "value": value} for key, value in listed]
        return check(f"ENTRY with attributes: {name}", "ENTRY", ENTRY_DIRECTORY | {"attributes": items}, rules="TRE-29")

    many = [(b"user.%03d" % n, b"") for n in range(257)]
    return [
        entry("one of each", (b"system.posix_acl_access", b"\x02\x00"), (b"system.posix_acl_default", b"\x02"),
              (b"user.note", b"best so far")),
        entry("the longest name", (b"user." + b"n" * 250, b"")),
        entry("as many as there may be", *many[:256]),
        entry("one too many", *many, check=refused),
        entry("a byte too long together", (b"user.a", b"v" * 131_067), check=refused),
        entry("a capability", (b"security.capability", b"\x01"), check=refused),
        entry("a trusted one", (b"trusted.x", b""), check=refused),
        entry("a name without a name", (b"user.", b""), check=refused),
        entry("an empty name", (b"", b""), check=refused),
        entry("a NUL in a name", (b"user.a\x00b", b""), check=refused),
        entry("names that fall", (b"user.b", b""), (b"user.a", b""), check=refused),
        entry("a name twice", (b"user.a", b""), (b"user.a", b""), check=refused),
    ]


def longest_chunk():
    data = b"\x61" * DATA_MAX
    fields = chunk(0, data)
    head = header(16 + DATA_MAX, 0x41, 0, 0, 7) + payload("CHUNK", fields | {"data": b""})
    return {"name": "CHUNK of 512 KiB, the most there is", "connection": "lane", "hex": head.hex(),
            "fill": {"byte": "61", "count": DATA_MAX}, "type": "CHUNK", "flags": 0, "stream": 7,
            "fields": fields_json("CHUNK", fields | {"data": b""}), "rules": ["FRM-5", "LIM-1"]}
