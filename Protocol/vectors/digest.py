"""The vectors of digests: small trees, and what they hash to."""

import hashlib

LETTER = {"file": b"f", "directory": b"d", "symlink": b"l"}


def file(content, mode=0o644):
    return {"kind": "file", "mode": mode, "content": content}


def link(target):
    return {"kind": "symlink", "mode": 0o777, "target": target}


def directory(mode=0o755, **children):
    return {"kind": "directory", "mode": mode, "children": {name.encode(): child for name, child in children.items()}}


def named(children, mode=0o755):
    return {"kind": "directory", "mode": mode, "children": children}


def digest(node):
    if node["kind"] == "file":
        return hashlib.sha256(node["content"])
    if node["kind"] == "symlink":
        return hashlib.sha256(node["target"])
    total = hashlib.sha256()
    for name, child in sorted(node["children"].items()):
        if child["kind"] in LETTER:
            inner = digest(child).hexdigest().encode()
            total.update(b"%s %04o %s %s\0" % (LETTER[child["kind"]], child["mode"], inner, name))
    return total


def to_json(node, name=None):
    result = {} if name is None else {"name": name.hex()}
    result |= {"kind": node["kind"], "mode": node["mode"]}
    for key in ("content", "target"):
        if key in node:
            result[key] = node[key].hex()
    if "children" in node:
        result["children"] = [to_json(child, child_name) for child_name, child in sorted(node["children"].items())]
    return result


def vectors():
    x = file(b"x")
    trees = {
        "an empty file": file(b""),
        "a file: its mode does not count": file(b"weights of epoch 9\n", 0o600),
        "a symbolic link": link(b"epoch=9.ckpt"),
        "an empty directory": directory(),
        "a directory: its own mode does not count": directory(mode=0o700),
        "a directory of one file": directory(a=x),
        "the file's mode counts": directory(a=file(b"x", 0o600)),
        "the file's name counts": directory(b=x),
        "a link is not a file with its target as content": directory(a=link(b"x")),
        "an empty directory below": directory(a=directory()),
        "its mode counts below": directory(a=directory(mode=0o700)),
        "names sort bytewise, without a slash for directories": named(
            {b"a": directory(z=x), b"a.b": x, b"a-b": x, b"A": x, b"a0": x, b"\xc3\xa9": x, b"\xff": x}),
        "a name with a line feed, a space and a backslash": named({b"a\n b\\": x, b" ": x}),
        "sockets, FIFOs and devices are left out": directory(a=x, pipe={"kind": "other", "mode": 0o644}),
        "a directory of nothing but a FIFO": directory(pipe={"kind": "other", "mode": 0o644}),
        "modes of four digits": directory(a=file(b"", 0), b=file(b"", 0o777), c=file(b"", 0o7)),
        "three levels": directory(a=directory(b=directory(c=x, d=link(b"../../e"))), e=file(b"\0\xff")),
        "checkpoints": named({b"epoch=9.ckpt": file(b"weights of epoch 9\n", 0o640), b"last.ckpt": link(b"epoch=9.ckpt"),
                              b"metrics.json": file(b'{"loss": 0.25}\n', 0o640)}),
    }
    return [{"name": name, "tree": to_json(tree), "digest": digest(tree).hexdigest(), "rules": [rule_of(tree)]}
            for name, tree in trees.items()]


def rule_of(tree):
    if tree["kind"] != "directory":
        return {"file": "DIG-1", "symlink": "DIG-2"}[tree["kind"]]
    kinds = {child["kind"] for child in tree["children"].values()}
    return "DIG-4" if not kinds or "other" in kinds else "DIG-3"
