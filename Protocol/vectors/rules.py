"""Which numbered rules of the chapters a vector checks."""

from names import is_component
from wire import MESSAGES

# What says which values a field may have: of "MESSAGE field", else of "field", else FRM-14, the rule for all the rest.
OF_FIELD = {
    "origin": "NAM-1", "app": "NAM-1", "work": "NAM-1", "answered_by": "NAM-1",
    "path": "NAM-3", "after_path": "NAM-3", "after": "OPS-14", "destination": "OPS-19", "root": "CAL-3",
    "ENTRY path": "TRE-2 NAM-4", "SKIPPED path": "TRE-2 NAM-4", "KEEP path": "TRE-2 NAM-4", "target": "TRE-4",
    "deadline_ms": "STR-25 LIM-1", "wait_ms": "LIM-1", "stall_ms": "LIM-1", "run_s": "CAL-4 LIM-1",
    "credit": "FRM-14 LIM-1", "CREDIT limit": "FRM-1 FRM-3", "limit": "FRM-14 LIM-1", "opaque": "FRM-1 FRM-3",
    "ticket": "FRM-14 LIM-1", "digest": "FRM-14 LIM-1", "software": "FRM-14 LIM-1", "message": "FRM-14 LIM-1",
    "note": "FRM-14 LIM-1", "call": "CAL-4 LIM-1", "build": "CAL-4 LIM-1", "method": "CAL-4 LIM-1",
    "error": "FRM-14 LIM-1", "CALL_REPLY outcome": "CAL-4", "code": "ERR-1", "reason": "TRE-21",
    "mode": "OPS-25 LIM-1", "mtime_ns": "OPS-25 LIM-1", "mtime_s": "FRM-1", "ENTRY kind": "TRE-3",
    "ENTRY mode": "TRE-3 LIM-1", "ENTRY mtime_ns": "TRE-3 LIM-1", "generation": "OPS-44 LIM-1",
    "SOURCE generation": "FRM-14 LIM-1", "JOIN version": "SES-8", "lane": "FRM-14 LIM-1", "pass": "FRM-1",
    "exists": "FRM-15", "more": "FRM-15", "atomic": "FRM-15", "uncovered": "FRM-15",
}


def checks(rules, vectors):
    """The vectors; those that do not say it yet check these rules."""
    return [vector if "rules" in vector else vector | {"rules": rules.split()} for vector in vectors]


def of_value(message, field, value, refused=False):
    """The rules by which a field may have this value, or by which it may not."""
    rules = OF_FIELD.get(f"{message} {field}", OF_FIELD.get(field, "FRM-14"))
    if is_text(message, field) and not is_utf8(value):
        rules = "FRM-16"
    elif is_text(message, field) and not refused and "FRM-14" in rules:
        rules = "FRM-16"
    elif field in ("path", "after_path") and has_bad_component(value):
        rules = "NAM-2"
    return f"{rules} NAM-5" if refused and "NAM-" in rules else rules


def is_text(message, field):
    return any(field == name and kind.startswith("text")
               for name, _, kind in (part.partition(":") for part in MESSAGES[message][2].split()))


def is_utf8(value):
    try:
        return isinstance(value, str) or bool(value.decode()) or True
    except UnicodeDecodeError:
        return False


def has_bad_component(path):
    return any(part and not is_component(part) for part in path.split(b"/"))


def of_frames(vectors):
    """A good frame that shows nothing in particular shows the layout of its type."""
    return [vector if "rules" in vector or "error" in vector else vector | {"rules": ["FRM-1", "FRM-2"]} for vector in vectors]


def first(vector):
    """The same with its name and rules before what may be long."""
    return {key: vector[key] for key in ("name", "rules") if key in vector} | vector
