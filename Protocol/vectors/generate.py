#!/usr/bin/env python3
"""Writes the vector files beside it: `python3 generate.py`. This is the reference encoder of the vectors (wire.py says how
a message is encoded, the other modules which). It needs the package `xxhash` for the checksums, nothing else."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import calls  # noqa: E402
import digest  # noqa: E402
import errors  # noqa: E402
import frames  # noqa: E402
import names  # noqa: E402
import rules  # noqa: E402
import sequences  # noqa: E402
import wire  # noqa: E402

HERE = pathlib.Path(__file__).parent


def write(name, chapter, whole=None, **sections):
    """One vector a line, so that a change reads well in a diff. `whole`: the rules that all of them check together, which
    else each says itself."""
    for section, vectors in sections.items():
        assert whole or all(vector.get("rules") for vector in vectors), f"{section}: a vector that checks nothing"
        labels = [vector["name"] for vector in vectors if vector.get("name")]
        twice = {label for label in labels if labels.count(label) > 1}
        assert not twice, f"{section}: {twice}"
    lines = [f'"chapter": {json.dumps(chapter)}'] + ([f'"rules": {json.dumps(whole.split())}'] if whole else [])
    for section, vectors in sections.items():
        rows = ",\n".join("    " + json.dumps(rules.first(vector)) for vector in vectors)
        lines.append(f'"{section}": [\n{rows}\n  ]')
    text = "{\n  " + ",\n  ".join(lines) + "\n}\n"
    json.loads(text)
    (HERE / f"{name}.json").write_text(text)


def write_layouts():
    """One message a line."""
    sections = []
    for section, rows in wire.layouts().items():
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        sections.append(f'"{section}": {{\n{lines}\n  }}')
    text = "{\n  " + ",\n  ".join(sections) + "\n}\n"
    json.loads(text)
    (HERE / "layouts.json").write_text(text)


if __name__ == "__main__":
    write_layouts()
    write("framing", "02-framing.md", frames=rules.of_frames(frames.framing()))
    write("session", "03-session.md", frames=rules.of_frames(frames.session()))
    write("streams", "04-streams.md", frames=rules.of_frames(frames.streams()))
    write("operations", "05-operations.md", frames=rules.of_frames(frames.operations()))
    write("credit", "06-credit.md", frames=rules.of_frames(frames.credit()), scenarios=sequences.credit_scenarios())
    write("trees", "07-trees.md", frames=rules.of_frames(frames.trees()), sequences=sequences.tree_sequences(),
          checksums=sequences.checksums())
    write("errors", "08-errors.md", codes=errors.vectors())
    write("names", "10-names.md", references=names.references(), paths=names.paths(), names=names.names(),
          order=names.order(), identities=names.identities(), places=names.places())
    write("digest", "11-digest.md", digests=digest.vectors())
    write("calls", "13-calls.md", frames=rules.of_frames(calls.vectors()))
    write("transcript", "04-streams.md", "FRM-1 FRM-2", steps=sequences.transcript()[0])
