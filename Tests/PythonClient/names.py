"""Names, paths and references (chapter 10), and the codes of chapter 8."""
import re

STREAM_CODES = ["internal", "usage", "notFound", "notShared", "unreachable", "deadline", "changed", "corrupt",
                "alreadyExists", "cannotCreate", "permission", "cancelled", "interrupted", "busy", "noSpace",
                "unsupported", "tooLarge", "lost"]
SESSION_CODES = ["malformed", "helloExpected", "frameTooLarge", "unknownType", "unexpectedFrame", "wrongConnection",
                 "badStream", "streamReused", "flowControl", "flood", "helloTimeout", "keepaliveTimeout",
                 "versionMismatch", "identityRefused", "badTicket", "replaced", "shutdown", "tooManyConnections"]
NUMBERS = {name: 1 + i for i, name in enumerate(STREAM_CODES)} | {name: 256 + i for i, name in enumerate(SESSION_CODES)}
CODE_NAMES = {number: name for name, number in NUMBERS.items()}
EXITS = {"usage": 64, "notFound": 66, "notShared": 77, "unreachable": 69, "deadline": 75, "changed": 65, "corrupt": 65,
         "alreadyExists": 73, "cannotCreate": 73, "permission": 77, "cancelled": 75, "interrupted": 75, "busy": 75,
         "noSpace": 73, "tooLarge": 65, "lost": 75, "keepaliveTimeout": 69, "identityRefused": 77, "replaced": 69,
         "shutdown": 69}


def code_name(number: int) -> str:
    """ERR-1: a code that nobody knows here is shown as its number."""
    return CODE_NAMES.get(number, str(number))


def exit_status(code: str) -> int:
    """ERR-1: what is unknown counts as `internal`."""
    return EXITS.get(code, 70)


class BatonError(Exception):
    """An error with a code of chapter 8; `code` is its name, or its number in digits."""

    def __init__(self, code: str, message: str, path: bytes = b"", said_by: str = "local"):
        super().__init__(message)
        self.code, self.message, self.path, self.said_by = code, message, path, said_by


def valid_name(name: bytes) -> bool:
    """NAM-1."""
    return re.fullmatch(rb"[A-Za-z0-9._-]{1,128}", name) is not None and name not in (b".", b"..")


def valid_component(name: bytes) -> bool:
    """NAM-2."""
    return 1 <= len(name) <= 255 and b"\0" not in name and b"/" not in name and name not in (b".", b"..")


def valid_wire_path(path: bytes) -> bool:
    """NAM-3."""
    if path in (b"", b"/"):
        return True
    return len(path) <= 4096 and all(map(valid_component, path.removeprefix(b"/").split(b"/")))


def valid_tree_path(path: bytes) -> bool:
    """NAM-4."""
    return valid_wire_path(path) and not path.startswith(b"/")


def components(path: bytes) -> list[bytes]:
    """The components of a tree path. As lists they compare in the order of chapter 7: `/` before every other byte."""
    return path.split(b"/") if path else []


def read_reference(text: bytes) -> tuple[bytes | None, bytes]:
    """The origin and the wire path of a reference; NAM-7 says what is refused."""
    def refuse(why: str) -> BatonError:
        return BatonError("usage", f"{escape(text)} is no reference: {why}")

    if not text.startswith(b"lit://"):
        raise refuse("it does not begin with lit://")
    rest, origin = text[6:], None
    if b"@" in rest.split(b"/", 1)[0]:
        origin, rest = rest.split(b"@", 1)
        if not valid_name(origin):
            raise refuse("what stands before the @ is no name of a work")
    if not rest:
        raise refuse("the path is empty")
    if re.search(rb"[?#\0]|%(?![0-9A-Fa-f]{2})|%00|%2[Ff]", rest):
        raise refuse("it has a ?, # or NUL, or an escape that is none or may not be")
    stack: list[bytes] = []
    for part in rest.split(b"/"):
        part = re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), part, flags=re.DOTALL)
        if part == b"..":
            if not stack:
                raise refuse("it has a .. above its start")
            stack.pop()
        elif part not in (b"", b"."):
            stack.append(part)
    path = (b"/" if rest.startswith(b"/") else b"") + b"/".join(stack)
    if not valid_wire_path(path):
        raise refuse("the path or one of its names is too long")
    return origin, path


def escape(path: bytes, also: str = "") -> str:
    """NAM-8, NAM-9: escapes %, ?, #, control characters, what is not UTF-8, and `also`."""
    text, at = [], 0
    while at < len(path):
        size = next((n for n in (1, 2, 3, 4) if well_formed(path[at:at + n])), 1)
        piece = path[at:at + size]
        plain = well_formed(piece) and not re.fullmatch(r"[%?#\x00-\x1f\x7f-\x9f]", piece.decode())
        text.append(piece.decode() if plain and piece.decode() not in also else "".join(f"%{b:02X}" for b in piece))
        at += size
    return "".join(text)


def well_formed(piece: bytes) -> bool:
    try:
        return len(piece.decode()) == 1
    except UnicodeDecodeError:
        return False


def write_reference(origin: bytes | None, path: bytes) -> str:
    """NAM-8 to NAM-11: the one written form."""
    head, slash, tail = path.partition(b"/")
    work = origin.decode() + "@" if origin is not None else ""
    return "lit://" + work + (escape(head, "@") + slash.decode() + escape(tail) if path else ".")
