"""The faults that can be planted in a source file, and a draw among those of several rooms.

A fault replaces a few characters and is one that a tired programmer might make: a comparison made strict, lax or the
other way round, a condition negated, a sign turned, a term dropped, an index or a constant off, the smaller taken for
the larger. What no result can show is left out: annotations, decorators, docstrings, messages, log lines, `__all__`,
what only raises or guards, times on the clock, and numbers that stand for rounding.
"""

import ast
import random
import re
from collections import defaultdict
from dataclasses import dataclass

from copies import CHECKOUT

ROOMS = {
    "market": "mosaik_p2p/market",
    "settlement": "mosaik_p2p/settlement",
    "limits": "mosaik_p2p/limits",
    "networks": "networks",
    "sims": "sims",
}
ROUNDING = 1e-3
"""Smaller numbers are tolerances."""
COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
}
EXTREMES = {
    **{"min": "max", "minimum": "maximum", "argmin": "argmax", "any": "all", "nanmin": "nanmax", "floor": "ceil"},
    **{"triu": "tril", "cummin": "cummax"},
}
EXTREMES |= {after: before for before, after in EXTREMES.items()}
SILENT = {"debug", "info", "warning", "error", "exception", "success", "refuse", "warn"}
CLOCK = "perf_counter"
MESSAGES = {"Fault", "RunFailed", "NotSolved", "BadInput"}


@dataclass(frozen=True)
class Fault:
    """Characters `begin` to `end` of `file` become `after`; `line` is where they stand, from 1."""

    file: str
    line: int
    kind: str
    begin: int
    end: int
    after: str

    def planted(self, text: str) -> str:
        """The file with the fault."""
        return text[: self.begin] + self.after + text[self.end :]


class _Finder:
    """Walks one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.found: list[Fault] = []
        # The parser counts bytes.
        self._starts = [0]
        for line in text.encode().splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._bytes, self._plain = text.encode(), text.isascii()
        self._walk(ast.parse(text))

    def _at(self, line: int, column: int) -> int:
        place = self._starts[line - 1] + column
        return place if self._plain else len(self._bytes[:place].decode())

    def _begin(self, node: ast.expr) -> int:
        return self._at(node.lineno, node.col_offset)

    def _end(self, node: ast.expr) -> int:
        return self._at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _add(self, kind: str, begin: int, end: int, after: str) -> None:
        self.found.append(Fault(self.file, self.text.count("\n", 0, begin) + 1, kind, begin, end, after))

    def _walk(self, node: ast.AST) -> None:
        self._look_at(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_comment", "format_spec"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_unseen(child):
                    self._walk(child)

    def _look_at(self, node: ast.AST) -> None:
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            self._comparison(node)
        elif isinstance(node, ast.BinOp):
            self._arithmetic(node)
        elif isinstance(node, ast.UnaryOp):
            self._unary(node)
        elif isinstance(node, ast.BoolOp):
            self._connective(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript):
            self._index(node)
        if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Constant):
            self._negated(node.test)
        if isinstance(node, ast.comprehension):
            for test in node.ifs:
                self._negated(test)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Constant) and not isinstance(node, ast.Slice | ast.Subscript | ast.Expr):
                self._constant(child)

    def _negated(self, test: ast.expr) -> None:
        begin, end = self._begin(test), self._end(test)
        # A generator's parentheses may be those of a call: then the whole is not one expression.
        self._add("condition", begin, end, f"(not ({self.text[begin:end]}))")

    def _between(self, left: ast.expr, right: ast.expr, sign: str) -> tuple[int, int] | None:
        """Where the operator stands between two operands, beside their parentheses."""
        begin, end = self._end(left), self._begin(right)
        at = re.search(rf"(?<![\w<>=!*/]){re.escape(sign)}(?![\w<>=*/])", self.text[begin:end])
        return None if at is None else (begin + at.start(), begin + at.end())

    def _comparison(self, node: ast.Compare) -> None:
        before, others = COMPARISONS[type(node.ops[0])]
        place = self._between(node.left, node.comparators[0], before)
        if place is not None:
            for after in others:
                self._add("comparison", *place, after)

    def _arithmetic(self, node: ast.BinOp) -> None:
        if type(node.op) not in ARITHMETIC or any(_is_text(part) for part in (node.left, node.right)):
            return
        before, after = ARITHMETIC[type(node.op)]
        place = self._between(node.left, node.right, before)
        if place is None:
            return
        additive = isinstance(node.op, ast.Add | ast.Sub)
        self._add("sign" if additive else "factor", *place, after)
        if additive:
            self._add("term", self._end(node.left), self._end(node.right), self._closing(node))

    def _closing(self, node: ast.BinOp) -> str:
        """Parentheses of the left operand that close after it and must stay when the right one goes."""
        gap = self.text[self._end(node.left) : self._begin(node.right)]
        opened = gap.count("(")
        return ")" * gap.count(")") if not opened else self.text[self._end(node.left) : self._end(node.right)]

    def _unary(self, node: ast.UnaryOp) -> None:
        begin, end = self._begin(node), self._begin(node.operand)
        if isinstance(node.op, ast.USub) and self.text[begin:end].strip() == "-":
            self._add("sign", begin, end, "")
        elif isinstance(node.op, ast.Not) and self.text[begin:end].strip() == "not":
            self._add("condition", begin, end, "")

    def _connective(self, node: ast.BoolOp) -> None:
        before, after = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        place = self._between(node.values[0], node.values[1], before)
        if place is not None and len(node.values) == 2:
            self._add("condition", *place, after)

    def _call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in EXTREMES:
            end = self._end(node.func)
            self._add("extreme", end - len(name), end, EXTREMES[name])
        if name == "range" and len(node.args) == 1:
            begin, end = self._begin(node.args[0]), self._end(node.args[0])
            self._add("index", begin, end, f"({self.text[begin:end]}) - 1")
        for keyword in node.keywords:
            if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant) and keyword.value.value in (0, 1):
                self._add("index", self._begin(keyword.value), self._end(keyword.value), str(1 - keyword.value.value))

    def _index(self, node: ast.Subscript) -> None:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            bounds = [part.lower, part.upper] if isinstance(part, ast.Slice) else [part]
            for bound in bounds:
                if isinstance(bound, ast.Constant) and type(bound.value) is int:
                    # Beyond the end of a slice there is nothing that would show.
                    after = 1 - bound.value if bound.value in (0, 1) else bound.value - 1
                    self._add("index", self._begin(bound), self._end(bound), str(after))

    def _constant(self, node: ast.Constant) -> None:
        value, begin, end = node.value, self._begin(node), self._end(node)
        if isinstance(value, bool):
            self._add("constant", begin, end, str(not value))
        elif isinstance(value, int | float) and (value == 0 or abs(value) >= ROUNDING):
            changed = 1 if value == 0 else 2 * value
            self._add("constant", begin, end, repr(type(value)(changed)))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_unseen(node: ast.AST) -> bool:
    """What is about words, types or errors and not about results."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in SILENT | MESSAGES | {"dataclass", "field", "cast", "TypeVar"}
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    if isinstance(node, ast.BinOp):
        return CLOCK in ast.dump(node)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {getattr(target, "id", "") for target in targets}
        return bool(names & {"__all__"}) or _is_alias(node)
    return False


def _is_alias(node: ast.Assign | ast.AnnAssign) -> bool:
    return isinstance(node, ast.AnnAssign) and getattr(node.annotation, "id", "") == "TypeAlias"


def faults_in(file: str) -> list[Fault]:
    """All faults of a file of the checkout, among them a few that leave no program."""
    return _Finder(file, (CHECKOUT / file).read_text(encoding="utf-8")).found


def is_program(fault: Fault) -> bool:
    """Whether the file is one with the fault, and another one than without."""
    text = (CHECKOUT / fault.file).read_text(encoding="utf-8")
    try:
        return ast.dump(ast.parse(fault.planted(text))) != ast.dump(ast.parse(text))
    except SyntaxError:
        return False


def draw(count: int, seed: int) -> list[Fault]:
    """`count` different faults: the rooms in turn, of each any kind alike, of each kind any fault alike."""
    rng = random.Random(seed)
    rooms = [_by_kind(folder) for folder in ROOMS.values()]
    drawn: list[Fault] = []
    while len(drawn) < count and any(rooms):
        for kinds in rooms[: count - len(drawn)]:
            fault = _drawn(kinds, rng)
            drawn += [] if fault is None else [fault]
    return drawn


def _drawn(kinds: dict[str, list[Fault]], rng: random.Random) -> Fault | None:
    while kinds:
        kind = rng.choice(sorted(kinds))
        fault = kinds[kind].pop(rng.randrange(len(kinds[kind])))
        if not kinds[kind]:
            del kinds[kind]
        if is_program(fault):
            return fault
    return None


def _by_kind(folder: str) -> dict[str, list[Fault]]:
    kinds: dict[str, list[Fault]] = defaultdict(list)
    for path in sorted((CHECKOUT / folder).rglob("*.py")):
        for fault in faults_in(path.relative_to(CHECKOUT).as_posix()):
            kinds[fault.kind].append(fault)
    return dict(kinds)
