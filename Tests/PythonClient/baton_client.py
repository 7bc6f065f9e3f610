#!/usr/bin/env python3
"""A client of the Baton protocol, version 1, made from its specification alone.

baton_client.py --relay HOST:PORT --certs DIR exists REF | stat REF [--digest] | get REF DEST [--digest]

Prints one JSON object. Exit status: 0, 1 if `exists` says no, else that of the error (chapter 8). DIR holds ca.pem,
cert.pem and key.pem.
"""
import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from digest import path_digest
from disk import Disk
from names import BatonError, escape, exit_status, read_reference, write_reference
from session import Session
from tree import REASONS, Node, TreeReceiver


def exists(session: Session, options: argparse.Namespace, origin: bytes, path: bytes) -> dict[str, Any]:
    return session.ask("EXISTS", options.timeout, origin, path)


def stat(session: Session, options: argparse.Namespace, origin: bytes, path: bytes) -> dict[str, Any]:
    reply = session.ask("STAT", options.timeout, origin, path, options=int(options.digest))
    if bool(reply["digest"]) != options.digest:
        raise BatonError("corrupt", "a digest that was not asked for, or none")  # OPS-8
    return reply


def get(session: Session, options: argparse.Namespace, origin: bytes, path: bytes) -> dict[str, Any]:
    destination = os.fsencode(options.destination)
    disk = Disk(destination)
    try:
        tree = TreeReceiver(disk)
        session.get(options.timeout, origin, path, tree)
        disk.publish()
    except BaseException:
        disk.discard()
        raise
    assert tree.top is not None
    result = {"kind": tree.top.kind, "source": "stored" if tree.generation else "live", "bytes": tree.bytes,
              "files": count_files(tree.top), "passes": tree.pass_number + 1,
              "skipped": [{"path": escape(path), "reason": REASONS.get(reason, str(reason))}
                          for path, reason in tree.missing()]}
    if tree.generation:
        result["generation"] = tree.generation
    if options.digest:
        result["digest"] = path_digest(destination)
    return result


def count_files(node: Node) -> int:
    """Regular files, hard links once."""
    return (node.kind == "file") + sum(map(count_files, node.children.values()))


def main() -> int:
    parser = argparse.ArgumentParser(description="Asks a Baton relay about paths of works, and gets them.")
    parser.add_argument("--relay", required=True, metavar="HOST:PORT")
    parser.add_argument("--certs", required=True, type=Path, metavar="DIR", help="with ca.pem, cert.pem, key.pem")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for an answer")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, action in (("exists", exists), ("stat", stat), ("get", get)):
        command = commands.add_parser(name)
        command.set_defaults(action=action)
        command.add_argument("reference", metavar="REF", help="lit://WORK@PATH")
        if name != "exists":
            command.add_argument("--digest", action="store_true")
        if name == "get":
            command.add_argument("destination", metavar="DEST")
    parser.error = lambda message: sys.exit(report(BatonError("usage", message)))  # chapter 8: 64, not 2
    for command in commands.choices.values():
        command.error = parser.error
    options = parser.parse_args()
    try:
        origin, path = read_reference(os.fsencode(options.reference))
        if origin is None:
            raise BatonError("usage", "the reference names no work, and this client has no paths of its own")  # OPS-26
        session = Session(options.relay, options.certs)
        try:
            result = options.action(session, options, origin, path)
        finally:
            session.close()
    except BatonError as error:
        return report(error)
    except KeyboardInterrupt:
        return report(BatonError("cancelled", "cancelled from here"))
    show({"reference": write_reference(origin, path)} | result)
    return 0 if result.get("exists", True) else 1


def report(error: BatonError) -> int:
    show({"error": error.code, "message": error.message, "said_by": error.said_by}
         | ({"path": escape(error.path)} if error.path else {}))
    return exit_status(error.code)


def show(result: dict[str, Any]) -> None:
    """One line of JSON; all but ASCII is escaped, so that a peer's text cannot harm a terminal (FRM-17)."""
    print(json.dumps({k: v.hex() if isinstance(v, bytes) else v for k, v in result.items()}))


if __name__ == "__main__":
    sys.exit(main())
