"""The vectors of calls: ATTACH, CALL and their replies."""

from frames import (ABSOLUTE_4096, BAD_NAMES, BAD_PATHS, BAD_TEXT, BASE, DAY, GOOD_NAMES, GOOD_PATHS, HANDED,
                    PATH_4096, U32, accepted, changed, cheating_counts, every, refused, valid)
from rules import of_value

YEAR = 31_536_000


def vectors():
    result = every("ATTACH", "CALL", "ATTACH_REPLY", "CALL_REPLY")
    result += accepted("ATTACH", BASE["ATTACH"], "options", [0, 1])
    result += changed("ATTACH", BASE["ATTACH"], "options", [2, 0x80, 0xFF])
    result += accepted("ATTACH_REPLY", BASE["ATTACH_REPLY"], "root", [b"/", b"/a", ABSOLUTE_4096])
    result += changed("ATTACH_REPLY", BASE["ATTACH_REPLY"], "root", [b"", b"a", b"/a/", b"/a\x00"])
    for message in ("ATTACH", "CALL"):
        fields = BASE[message]
        result += accepted(message, fields, "deadline_ms", [0, DAY])
        longer = valid(f"{message} with a deadline that is cut to a day", message, fields | {"deadline_ms": U32},
                       rules="STR-25 LIM-1")
        result.append(longer | {"fields": longer["fields"] | {"deadline_ms": DAY}, "encode": False})
    return result + calls() + replies()


def calls():
    call = BASE["CALL"]
    result = [valid("CALL over the Unix socket", "CALL", call, connection="local", rules="FRM-9"),
              valid("CALL that was sent before", "CALL", call | {"options": 1}),
              valid("CALL, minimal", "CALL", call | {"run_s": 1, "method": "m", "references": [], "arguments": b""}),
              valid("CALL with the longest method", "CALL", call | {"method": "m" * 1024})]
    result += accepted("CALL", call, "origin", GOOD_NAMES)
    result += changed("CALL", call, "origin", [""] + BAD_NAMES)
    result += changed("CALL", call, "options", [2, 0x80, 0xFF])
    result += accepted("CALL", call, "run_s", [YEAR])
    result += changed("CALL", call, "run_s", [0])
    for value in (YEAR + 1, U32):
        longer = valid(f"CALL with run_s {value}, which is cut to a year", "CALL", call | {"run_s": value},
                       rules="LIM-1")
        result.append(longer | {"fields": longer["fields"] | {"run_s": YEAR}, "encode": False})
    result += changed("CALL", call, "call", [b"", b"c" * 15, b"c" * 17])
    result += changed("CALL", call, "build", [b"", b"b" * 31, b"b" * 33])
    result += changed("CALL", call, "method", ["", "m" * 1025] + BAD_TEXT)
    result += references("CALL", call)
    return result + cheating_counts("CALL", call, at(call))


def replies():
    reply = BASE["CALL_REPLY"]
    threw = reply | {"outcome": "threw", "error": "4demo5NoGood", "message": "no good", "references": [], "value": b"{}"}
    result = [valid("CALL_REPLY over the Unix socket", "CALL_REPLY", reply, connection="local", rules="FRM-9"),
              valid("CALL_REPLY that returns nothing", "CALL_REPLY", reply | {"references": [], "value": b""}),
              valid("CALL_REPLY that threw", "CALL_REPLY", threw),
              valid("CALL_REPLY that threw something nameless", "CALL_REPLY", threw | {"error": "", "message": "", "value": b""}),
              valid("CALL_REPLY that threw, maximal texts", "CALL_REPLY", threw | {"error": "e" * 1024, "message": "m" * 1024})]
    result += changed("CALL_REPLY", reply, "outcome", [0, 3, 255])
    result += changed("CALL_REPLY", threw, "error", BAD_TEXT + ["e" * 1025])
    result += changed("CALL_REPLY", threw, "message", BAD_TEXT + ["m" * 1025])
    result += [refused(f"CALL_REPLY that returned, yet has {field}", "CALL_REPLY", reply | {field: "x"}, rules="CAL-4")
               for field in ("error", "message")]
    result += references("CALL_REPLY", reply)
    return result + cheating_counts("CALL_REPLY", reply, 5)


def at(call):
    """Where the count of the references of a CALL stands."""
    return 4 + 1 + len(call["origin"]) + 4 + 1 + 17 + 33 + 2 + len(call["method"])


def references(message, fields):
    def of(name, *items, check=valid, rules=None):
        return check(f"{message} {name}", message, fields | {"references": list(items)}, rules=rules)

    result = [of("with the same reference twice", HANDED, HANDED),
              of("with a long reference", HANDED | {"origin": "w" * 128, "path": PATH_4096}),
              of("with two references in any order", HANDED | {"path": b"b"}, HANDED | {"path": b"a"})]
    result += [of(f"with a reference to {path!r}"[:60], HANDED | {"path": path}, rules="NAM-3") for path in GOOD_PATHS[:9]]
    result += [of(f"with the bad reference path {number}", HANDED | {"path": path}, check=refused,
                  rules=of_value(message, "path", path, refused=True))
               for number, path in enumerate(BAD_PATHS)]
    return result + [of(f"with the bad reference origin {number}", HANDED | {"origin": name}, check=refused,
                        rules="NAM-1 NAM-5")
                     for number, name in enumerate(["", *BAD_NAMES])]
