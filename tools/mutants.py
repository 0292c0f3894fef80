"""The small faults that mutation testing makes in a module, one at a time."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}  # fmt: skip
_OTHER_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
_CONDITIONS = (ast.If, ast.While, ast.IfExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One fault in one module.

    Attributes:
        path: the module's file.
        module: the module's name.
        node: which node of the module's tree, in the order of ``ast.walk``, and which of its variants.
        lines: the first and the last line of the statement that has the fault.
        function: name and first line of the outermost function around it; None at the top of a module or class.
        key: what it is called from run to run: module, function, source line and fault, without a line number.
    """

    path: str
    module: str
    node: tuple[int, int]
    lines: tuple[int, int]
    function: tuple[str, int] | None
    key: str


def mutants_of(path: Path, module: str) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    text, tree, seen = source.splitlines(), ast.parse(source), Counter[str]()
    found = []
    for number, node, within in _walk(tree):
        for variant, (what, _) in enumerate(_variants(node, within)):
            statement = next(one for one in (node, *reversed(within)) if isinstance(one, ast.stmt))
            names = [one.name for one in within if isinstance(one, (*_FUNCTIONS, ast.ClassDef))]
            key = f"{module.partition('.')[2]}:{'.'.join(names)}: {text[node.lineno - 1].strip()} | {what}"  # type: ignore[attr-defined]
            seen[key] += 1
            key += f" #{seen[key]}" if seen[key] > 1 else ""
            found.append(Mutant(str(path), module, (number, variant), _lines(statement), _outermost(node, within), key))
    return sorted(found, key=lambda one: one.lines)


def mutated_code(mutant: Mutant) -> CodeType:
    """The mutant's module, compiled."""
    tree = ast.parse(Path(mutant.path).read_text(encoding="utf-8"))
    wanted, variant = mutant.node
    _, node, within = next(one for one in _walk(tree) if one[0] == wanted)
    _, other = list(_variants(node, within))[variant]
    for name, value in ast.iter_fields(within[-1]):
        if value is node:
            setattr(within[-1], name, other)
        elif isinstance(value, list) and any(one is node for one in value):
            setattr(within[-1], name, [other if one is node else one for one in value])
    return compile(ast.fix_missing_locations(tree), mutant.path, "exec")


def _walk(tree: ast.Module) -> Iterator[tuple[int, ast.AST, tuple[ast.AST, ...]]]:
    """Each node that may be mutated, with its number and what is around it, the outermost first."""
    todo: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    number = 0
    while todo:
        node, within = todo.pop()
        number += 1
        if hasattr(node, "lineno"):
            yield number, node, within
        todo += [(child, (*within, node)) for child in reversed(list(_inner(node)))]


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes within one, without annotations, decorators, what only types need and the words of errors."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":  # of zip: an assertion, not behaviour
        return
    left_out = {"annotation", "returns", "decorator_list", "exc", "cause"}
    for name, value in ast.iter_fields(node):
        if name not in left_out:
            yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, ast.AST))


def _variants(node: ast.AST, within: tuple[ast.AST, ...]) -> Iterator[tuple[str, ast.AST]]:
    """The faults that a node can have: what each is called, and what takes the node's place."""
    yield from _operators(node)
    if isinstance(node, ast.expr) and _is_condition(node, within[-1]):
        yield f"not {ast.unparse(node)}", ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{ast.unparse(node)} without not", node.operand
    if isinstance(node, ast.Constant):
        yield from ((f"{node.value!r} -> {other!r}", ast.Constant(other)) for other in _constants(node.value))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OTHER_NAMES:
        yield (
            f"{node.func.id} -> {_OTHER_NAMES[node.func.id]}",
            _with(node, func=ast.Name(_OTHER_NAMES[node.func.id], ast.Load())),
        )
    if isinstance(node, ast.stmt):
        yield from _statements(node)


def _operators(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if other := _SWAPS.get(type(operator)):
                ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                yield f"{type(operator).__name__} -> {other.__name__}", _with(node, ops=ops)
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and (other := _SWAPS.get(type(node.op))):
        yield f"{type(node.op).__name__} -> {other.__name__}", _with(node, op=other())


def _is_condition(node: ast.expr, parent: ast.AST) -> bool:
    """Whether a condition has no operator of its own that could be swapped."""
    tests = parent.ifs if isinstance(parent, ast.comprehension) else [getattr(parent, "test", None)]
    known = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)
    return isinstance(parent, (*_CONDITIONS, ast.comprehension)) and node in tests and not isinstance(node, known)


def _constants(value: object) -> Iterator[str | float]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1) if value else (1,)
    elif isinstance(value, float):
        yield value * 1.1 or 0.1
    elif value == "":
        yield "x"


def _statements(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield "return None", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield "break -> continue", ast.Continue()
    elif isinstance(node, ast.Continue):
        yield "continue -> break", ast.Break()
    elif isinstance(node, ast.For):
        yield "no iteration", _with(node, iter=ast.Tuple([], ast.Load()))
    elif isinstance(node, (ast.With, ast.AsyncWith)) and not any(item.optional_vars for item in node.items):
        yield "without with", ast.If(ast.Constant(True), node.body, [])
    elif _can_go(node):
        yield "deleted", ast.Pass()


def _can_go(node: ast.stmt) -> bool:
    """Whether a statement can be deleted without leaving a name unbound; docstrings and log lines are left alone."""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant) and not ast.unparse(node).startswith(("logger.", "_log."))
    if isinstance(node, ast.Assign):
        return all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in node.targets)
    return isinstance(node, (ast.Raise, ast.AugAssign, ast.Delete))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """Where a statement is; of a compound one, its head."""
    body = getattr(statement, "body", None)
    return statement.lineno, max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or 0


def _outermost(node: ast.AST, within: tuple[ast.AST, ...]) -> tuple[str, int] | None:
    """The outermost function that has a node in its body."""
    for around, inner in zip(within, (*within[1:], node), strict=True):
        if isinstance(around, _FUNCTIONS):
            lines = [around.lineno, *(one.lineno for one in around.decorator_list)]
            return (around.name, min(lines)) if inner in around.body else None
    return None
