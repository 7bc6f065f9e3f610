#!/usr/bin/env python3
"""Which vector or case checks which rule: `checks.py --write` writes CHECKS.md beside it, `--check` says what is wrong.

A rule is a number in bold at the head of a list item or of a table's row. A check is a vector of `vectors/`, or a case of
`conformance/` or `hostile/`; for the rules that are UNSEEN also a test of `../Tests` whose name begins with its rules
("FRM-1, SES-2: A frame is ..."). `--check` fails, naming them, on rules without a check, checks without a rule, and
whatever else `problems` below looks for. A first argument that is a folder is taken instead of this one.
"""

import json
import pathlib
import re
import sys
from collections import Counter, defaultdict

NUMBER = re.compile(r"\b[A-Z]{3}-\d+\b")
DEFINITION = re.compile(r"(?:- |\| )\*\*([A-Z]{3}-\d+)\*\*")
TEST = re.compile(r'@Test\(\s*"((?:[A-Z]{3}-\d+(?:, )?)+): ((?:[^"\\]|\\.)*)"')
MUST = re.compile(r"\bMUST\b")
# What looks like a number and is none.
NO_RULES = {"SHA-256", "UTF-8"}
# What no peer of a relay or of an agent can see: what programs do that call or are called, what stands in logs, what a second
# agent does, what happens to a relay's disk, how long one keeps things.
UNSEEN = {"FRM-17", "TLS-18", "TLS-19", "TRE-54", "KEP-23", "KEP-27", *(f"CAL-{number}" for number in range(12, 20))}
# The table names no more cases of a file than these.
NAMED = 3
TABLE = "CHECKS.md"
TESTS = pathlib.Path(__file__).parent.parent / "Tests"


class Page:
    """A page of the specification: its rules, in order, and what it says outside of them."""

    def __init__(self, path):
        self.path = path
        self.lines = path.read_text().splitlines()
        self.title = next(line.lstrip("# ") for line in self.lines if line.startswith("#"))
        self.rules = [match[1] for line in self.lines if (match := DEFINITION.match(line))]

    def mentioned(self):
        return {number for line in self.lines for number in NUMBER.findall(line)} - NO_RULES

    def loose_musts(self):
        """The numbers of the lines that say MUST outside of a rule. A rule is a row, or a list item with all its indented
        lines; a table's head speaks for the rules below it. The line that explains the word names its RFC."""
        inside = False
        for index, line in enumerate(self.lines):
            if DEFINITION.match(line):
                inside = True
            elif not line.startswith("  "):
                inside = "RFC 2119" in line or self.is_head_of_rules(index)
            if MUST.search(line) and not inside:
                yield index + 1

    def is_head_of_rules(self, index):
        rows = self.lines[index:index + 3]
        return len(rows) == 3 and rows[1].startswith("|---") and bool(DEFINITION.match(rows[2]))


class Check:
    """A vector, a case or a test, and the rules that it names."""

    def __init__(self, file, name, rules):
        self.file, self.name, self.rules = file, name, rules


class Specification:
    """Everything below one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.pages = [Page(path) for path in sorted(folder.glob("**/*.md")) if path.name != TABLE]
        self.chapters = [page for page in self.pages if page.rules]
        self.vectors = [check for path in sorted(folder.glob("vectors/*.json")) for check in vectors_of(path)]
        self.cases = [check for kind in ("conformance", "hostile") for path in sorted(folder.glob(f"{kind}/*.json"))
                      for check in cases_of(path, f"{kind}/{path.name}")]
        self.tests = [check for path in sorted(TESTS.glob("**/*.swift")) for check in tests_of(path)]

    def rules(self):
        return [rule for chapter in self.chapters for rule in chapter.rules]

    def checks(self):
        return self.vectors + self.cases + self.tests


def vectors_of(path):
    """Those of a list each; or the whole file as one, if it says itself which rules it checks."""
    data = json.loads(path.read_text())
    if "rules" in data:
        yield Check(path.name, "all of it", data["rules"])
        return
    for section, vectors in data.items():
        if isinstance(vectors, list):
            for index, vector in enumerate(vectors):
                yield Check(path.name, vector.get("name") or f"{section} {index + 1}", vector.get("rules", []))


def cases_of(path, file):
    for case in json.loads(path.read_text()).get("cases", []):
        yield Check(file, case.get("name", "a case without a name"), case.get("rules", []))


def tests_of(path):
    for match in TEST.finditer(path.read_text()):
        yield Check(path.name, match[2], match[1].split(", "))


def problems(specification):
    """Each as a line that names what it is about."""
    rules = specification.rules()
    known = set(rules)
    checked = {rule for check in specification.vectors + specification.cases for rule in check.rules}
    checked |= UNSEEN & {rule for check in specification.tests for rule in check.rules}
    for rule in repeated(rules):
        yield f"{rule} is defined twice"
    for rule in rules:
        if rule not in checked:
            yield f"{rule} has no check"
    for check in specification.checks():
        if not check.rules:
            yield f"{check.file}: '{check.name}' names no rule"
        for rule in sorted(set(check.rules) - known):
            yield f"{check.file}: '{check.name}' names {rule}, which is no rule"
    for name in repeated([case.name for case in specification.cases]):
        yield f"'{name}' is the name of two cases"
    for page in specification.pages:
        where = page.path.relative_to(specification.folder)
        for line in page.loose_musts():
            yield f"{where}:{line}: a MUST without a number"
        for rule in sorted(page.mentioned() - known):
            yield f"{where} mentions {rule}, which is no rule"


def repeated(items):
    return sorted({item for item in items if items.count(item) > 1})


def table(specification):
    """The text of CHECKS.md."""
    vectors, cases, tests = map(by_rule, (specification.vectors, specification.cases, specification.tests))
    lines = ["# Checks", "",
             "Which vectors and cases check a rule, and which tests of this implementation name it. These suffice only where no peer",
             "can see whether a rule is kept. `make checks` writes this page, `make test` compares it. It names one vector as an",
             "example, and the first few of the cases and tests."]
    for chapter in specification.chapters:
        lines += ["", f"## [{chapter.title}]({chapter.path.name})", "", "| rule | vectors | cases | tests |", "|---|---|---|---|"]
        lines += [f"| {rule} | {counted(vectors[rule])} | {named(cases[rule])} | {named(tests[rule])} |"
                  for rule in chapter.rules]
    return "\n".join(lines) + "\n"


def by_rule(checks):
    result = defaultdict(list)
    for check in checks:
        for rule in check.rules:
            result[rule].append(check)
    return result


def counted(checks):
    """How many there are in each file, and the first."""
    files = Counter(check.file.removesuffix(".json") for check in checks)
    return ", ".join(f"{file} {count}" for file, count in files.items()) + (f": {quoted(checks[0].name)}" if checks else "")


def named(checks):
    """The first names in each file, and how many more there are."""
    files = defaultdict(list)
    for check in checks:
        files[check.file.removesuffix(".json")].append(quoted(check.name))
    return "; ".join(f"{file}: {', '.join(names[:NAMED])}" + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
                     for file, names in files.items())


def quoted(name):
    """A name in a table: short, and without what would end its cell."""
    text = name if len(name) <= 80 else name[:79] + "…"
    return "“" + text.replace("|", "\\|").replace("\n", " ") + "”"


def main(arguments):
    folder = pathlib.Path(__file__).parent
    if arguments and pathlib.Path(arguments[0]).is_dir():
        folder = pathlib.Path(arguments.pop(0))
    if arguments not in (["--check"], ["--write"]):
        print("usage: checks.py [FOLDER] --check|--write", file=sys.stderr)
        return 64
    specification = Specification(folder)
    page, text = folder / TABLE, table(specification)
    if arguments == ["--write"]:
        page.write_text(text)
        return 0
    found = list(problems(specification))
    if not page.exists() or page.read_text() != text:
        found.append(f"{TABLE} is not what the rules and checks are now: make checks")
    print("\n".join(found) or f"{len(specification.rules())} rules, {len(specification.checks())} checks")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
