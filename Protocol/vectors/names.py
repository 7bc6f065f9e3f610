"""The vectors of names, paths and references, with a parser and a printer of their own."""

import re

NAME = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Usage(Exception):
    pass


def is_name(data):
    return bool(NAME.fullmatch(data)) and data not in (b".", b"..")


def is_component(data):
    return 1 <= len(data) <= 255 and data not in (b".", b"..") and b"\0" not in data and b"/" not in data


def is_tree_path(data):
    return len(data) <= 4096 and (data == b"" or all(map(is_component, data.split(b"/"))))


def is_wire_path(data):
    if data == b"/":
        return True
    return len(data) <= 4096 and is_tree_path(data[1:] if data.startswith(b"/") and data[1:] else data)


def parse(text):
    """The work (or None) and the path that a reference means."""
    data = text.encode()
    if not data.startswith(b"lit://"):
        raise Usage("scheme")
    rest = data[6:]
    if b"?" in rest or b"#" in rest or b"\0" in rest:
        raise Usage("reserved")
    work, at, after = rest.partition(b"@")
    if at and b"/" not in work:
        if not is_name(work):
            raise Usage("work")
        rest = after
    else:
        work = None
    if not rest:
        raise Usage("empty")
    components = []
    for raw in rest.split(b"/"):
        if re.search(rb"%(?![0-9A-Fa-f]{2})", raw):
            raise Usage("escape")
        name = re.sub(rb"%(..)", lambda match: bytes([int(match[1], 16)]), raw, flags=re.DOTALL)
        if b"/" in name or b"\0" in name:
            raise Usage("byte")
        if name == b"..":
            if not components:
                raise Usage("above the start")
            components.pop()
        elif name not in (b"", b"."):
            components.append(name)
    path = (b"/" if rest.startswith(b"/") else b"") + b"/".join(components)
    if not is_wire_path(path):
        raise Usage("length")
    return work, path


def scalar_at(data, index):
    """The bytes of the well-formed UTF-8 sequence that begins at `index`, or nothing."""
    for length in range(1, 5):
        piece = data[index:index + length]
        try:
            piece.decode()
            return piece
        except UnicodeDecodeError:
            continue
    return b""


def show(work, path):
    first = path.split(b"/")[0]
    text, index = "lit://" + (f"{work.decode()}@" if work else ""), 0
    while index < len(path):
        piece = scalar_at(path, index)
        reserved = b"%?#" + (b"@" if index < len(first) else b"")
        control = piece and (piece[0] < 0x20 or piece[0] == 0x7F or b"\xc2\x80" <= piece <= b"\xc2\x9f")
        if piece and not control and piece not in [bytes([byte]) for byte in reserved]:
            text += piece.decode()
        else:
            piece = piece or path[index:index + 1]
            text += "".join(f"%{byte:02X}" for byte in piece)
        index += len(piece)
    return text if path else text + "."


ACCEPTED = [
    "lit://outputs/checkpoints", "lit://trainer@outputs/checkpoints", "lit:///data/x", "lit://trainer@/data/x",
    "lit://.", "lit://trainer@.", "lit:///", "lit://trainer@/", "lit://./", "lit://a/..", "lit:///a/..", "lit://./a",
    "lit://a/./b", "lit://a/b/../c", "lit://a//b", "lit://a///b//", "lit:////a", "lit://trainer@//a//b/", "lit://a/",
    "lit://a/b/.", "lit://a/b/..", "lit://...", "lit://..a/b..", "lit://%2E/a", "lit://a/%2e%2e/b", "lit://a/%2E./b",
    "lit://a/.%2e", "lit://%61b", "lit://a%25b", "lit://a%3Fb%23c", "lit://a%2db",
    "lit://%40a", "lit://a%40b/c@d", "lit://x/a@b", "lit:///a@b", "lit:///@", "lit://w@a@b", "lit://w@@", "lit://w@x/@",
    "lit://a b", "lit://epoch=9.ckpt", "lit://a:b;c&d+e,f!~'()*[]{}|^`<>\"\\", "lit://caf\u00e9", "lit://caf%C3%A9",
    "lit://\U0001f3c3/\u6771\u4eac", "lit://%CC%AFx", "lit://\u032fx/\u032f", "lit://a\tb\nc", "lit://%01", "lit://%1F%7F",
    "lit://\u0080\u009f", "lit://%C2%80%C2%9F%C2%A0", "lit://%FF", "lit://a%FFb%FE", "lit://%C3", "lit://%C3%28",
    "lit://%E2%82", "lit://%E2%82%AC", "lit://%E2%82a", "lit://%F0%9F%8F", "lit://%F0%9F%8F%83", "lit://%C0%AF",
    "lit://%ED%A0%80", "lit://%F4%90%80%80", "lit://%C2%C2%80", "lit://%F0%80%80%41", "lit://\ufffd", "lit://%2525",
    "lit://w-1._Z@a", "lit://" + "w" * 128 + "@a", "lit://" + "c" * 255, "lit://" + "%FF" * 255,
    "lit://" + "/".join(["p" * 255] * 15 + ["p" * 254, "p"]), "lit:///" + "/".join(["p" * 255] * 16),
    "lit://./a@b", "lit://x/../a@b/c@d", "lit://a\u202eb", "lit://%2520", "lit://lit://a", "lit://~/a", "lit://$HOME",
]
REFUSED = [
    "", "outputs", "/data/x", "lit:", "lit:/a", "LIT://a", "Lit://a", " lit://a", "file:///a", "lit//a",
    "lit://", "lit://trainer@", "lit://@a", "lit://@", "lit://a?b", "lit://a#b", "lit://a/?x=1", "lit://w@a#",
    "lit://%", "lit://a%", "lit://a%2", "lit://a%2/b", "lit://a%G0", "lit://a%0G", "lit://% 41", "lit://%%41",
    "lit://a%00b", "lit://a\x00b", "lit://a%2Fb", "lit://a%2fb", "lit://%2F", "lit:///%2F",
    "lit://..", "lit://../a", "lit://a/../..", "lit://a/../../b", "lit:///..", "lit:///a/../..", "lit://%2E%2E/a",
    "lit://.%2e/a", "lit://w@..", "lit://w@/..", "lit://./..", "lit://.@a", "lit://..@a", "lit://a b@c", "lit://w%61@c",
    "lit://caf\u00e9@a", "lit://a:b@c", "lit://" + "w" * 129 + "@a", "lit://" + "c" * 256,
    "lit://" + "/".join(["p" * 255] * 16) + "/p", "lit:///" + "/".join(["p" * 255] * 16) + "/p",
]


def references():
    vectors = []
    for text in ACCEPTED:
        work, path = parse(text)
        canonical = show(work, path)
        assert parse(canonical) == (work, path), text
        vectors.append({"text": text, "work": work.decode() if work else None, "path": path.hex(), "canonical": canonical,
                        "rules": ["NAM-16", "NAM-11", "NAM-10" if not path else "NAM-8" if "%" in canonical else "NAM-9"]})
    for text in REFUSED:
        try:
            raise AssertionError(f"{text} was read as {parse(text)}")
        except Usage:
            vectors.append({"text": text, "error": "usage", "rules": ["NAM-7"]})
    return vectors


def paths():
    cases = [b"", b"a", b"a/b/c", b"/", b"/a", b"/a/b", b"...", b".a", b"a.", b"a/..b", b" ", b"\n", b"\xff\xfe/\x80",
             b"c" * 255, b"/".join([b"p" * 255] * 15 + [b"p" * 254, b"p"]), b"/" + b"/".join([b"p" * 255] * 16),
             b"a/", b"/a/", b"a//b", b"//", b"//a", b".", b"..", b"./a", b"../a", b"a/.", b"a/..", b"a/./b", b"a/../b",
             b"/.", b"/..", b"/../a", b"\0", b"a\0", b"a/\0/b", b"c" * 256, b"a/" + b"c" * 256,
             b"/".join([b"p" * 255] * 16) + b"/p", b"/" + b"/".join([b"p" * 255] * 16) + b"/p"]
    return [{"path": data.hex(), "wire": is_wire_path(data), "tree": is_tree_path(data),
             "destination": data == b"" or (data.startswith(b"/") and is_wire_path(data)),
             "rules": ["NAM-2", "NAM-3", "NAM-4", "OPS-19"]} for data in cases]


def names():
    cases = ["a", "trainer", "A.b_c-9", "...", "-", "_", "0", ".a", "a.", "w" * 128,
             "", ".", "..", "w" * 129, "a/b", "a b", "a@b", "a%20", "a:b", "a\n", "\n", "a\x00", "caf\u00e9", "\uff41"]
    return [{"text": text, "valid": is_name(text.encode()), "rules": ["NAM-1"]} for text in cases]


def order():
    ranked = [b"", b"A", b"a", b"a/\x01", b"a/b", b"a/b/c", b"a/b.c", b"a/z", b"a\x01", b"a b", b"a-b", b"a-b/c", b"a.b",
              b"a0", b"ab", b"b", b"b/a", b"\xc3\xa9", b"\xff", b"\xff/\xff"]
    keys = [data.replace(b"/", b"\0") for data in ranked]
    assert keys == sorted(keys)
    pairs = [(a, b) for i, a in enumerate(ranked) for b in ranked[i:i + 4]]
    return [{"a": a.hex(), "b": b.hex(), "order": "=" if a == b else "<", "rules": ["NAM-6", "TRE-10"]}
            for a, b in pairs]


def identities():
    good = [
        ("spiffe://example.org/app/demo/work/trainer", "example.org", "demo", "trainer"),
        ("spiffe://td/app/A-z_0.9/work/...", "td", "A-z_0.9", "..."),
        ("spiffe://a.b-c_9/app/app/work/work", "a.b-c_9", "app", "work"),
        (f"spiffe://{'t' * 255}/app/{'a' * 128}/work/{'w' * 128}", "t" * 255, "a" * 128, "w" * 128),
    ]
    base = good[0][0]
    bad = [[], [base, base], [base, "https://example.org"], [base, "spiffe://example.org/app/demo/work/other"]] + [[uri] for uri in (
        "", "spiffe://", "https://example.org/app/demo/work/trainer", "SPIFFE://example.org/app/demo/work/trainer",
        "spiffe:/example.org/app/demo/work/trainer", "spiffe:///app/demo/work/trainer",
        "spiffe://Example.org/app/demo/work/trainer", "spiffe://example.org:8443/app/demo/work/trainer",
        "spiffe://u@example.org/app/demo/work/trainer", "spiffe://ex%61mple.org/app/demo/work/trainer",
        f"spiffe://{'t' * 256}/app/demo/work/trainer", "spiffe://example.org", "spiffe://example.org/app/demo",
        "spiffe://example.org/app/demo/work", "spiffe://example.org/app/demo/work/", "spiffe://example.org/app//work/trainer",
        "spiffe://example.org/app/demo/work/trainer/", "spiffe://example.org/app/demo/work/trainer/x",
        "spiffe://example.org//app/demo/work/trainer", "spiffe://example.org/work/trainer/app/demo",
        "spiffe://example.org/App/demo/work/trainer", "spiffe://example.org/ns/demo/sa/trainer",
        "spiffe://example.org/app/demo/work/.", "spiffe://example.org/app/../work/trainer",
        "spiffe://example.org/app/demo/work/a%20b", "spiffe://example.org/app/demo/work/a b",
        "spiffe://example.org/app/demo/work/trainer?x", "spiffe://example.org/app/demo/work/trainer#x",
        f"spiffe://example.org/app/{'a' * 129}/work/trainer", f"spiffe://example.org/app/demo/work/{'w' * 129}",
        "spiffe://example.org/app/demo/work/caf\u00e9", "spiffe://example.org/app/demo/work/trainer\x00",
    )]
    return [{"uris": [uri], "trust_domain": domain, "app": app, "work": work, "rules": ["TLS-10"]} for uri, domain, app, work in good] + [
        {"uris": uris, "error": "identityRefused", "rules": ["TLS-10"]} for uris in bad]


def places():
    cases = [(b"outputs/checkpoints", b"outputs/checkpoints"), (b"", b""), (b"/data/x", b"%2F/data/x"), (b"/", b"%2F"),
             (b"%2F/x", b"%252F/x"), (b"%252F", b"%25252F"), (b"%a", b"%25a"), (b"a/%2F", b"a/%2F"),
             (b"/%2F", b"%2F/%2F"), (b"\xff", b"\xff")]
    return [{"origin": "trainer", "path": path.hex(),
             "place": (b".baton/from/trainer" + (b"/" + below if below else b"")).hex(),
             "rules": ["NAM-15" if path.startswith(b"%") else "NAM-14"]} for path, below in cases]
