"""What a cell of a lesson claims, read from its text: each `agrees`, and what feeds its sides."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType

SIDES = ("value", "reference")
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BUILTINS = set(dir(builtins))


@dataclass(frozen=True)
class Site:
    """One `agrees` of a lesson: where it stands, and the names each side is computed from."""

    lesson: str
    cell: int  # among the code cells
    index: int  # among the cell's `agrees`
    title: str
    direct: tuple[frozenset[str], frozenset[str]]  # names in the call, of value and reference
    feeding: tuple[frozenset[str], frozenset[str]]  # and those behind them in the cell
    made: frozenset[str]  # names that the cell makes

    def asked(self, side: str, space: dict) -> list[str]:
        """The names of this side that the claim is about: those in the call, and those that
        the cell makes; of whole numbers, which mostly count draws, those in the call alone."""
        direct = self.direct[SIDES.index(side)]
        return [
            name
            for name in sorted(self.feeding[SIDES.index(side)])
            if name in self.made or (name in direct and name in space and _ours(space[name]))
        ]


def _ours(value) -> bool:
    if isinstance(value, FunctionType):
        return value.__module__ == "lesson" or value.__module__.startswith("course_lib.")
    return not isinstance(value, (ModuleType, type))


def stored(tree: ast.AST) -> set[str]:
    """Names that a piece binds at the cell's level, loops included."""
    if isinstance(tree, (ast.FunctionDef, ast.ClassDef)):
        return {tree.name}
    if isinstance(tree, (ast.Lambda, *COMPREHENSION)):
        return set()
    found = set()
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Store):
        found.add(tree.id)
    if isinstance(tree, (ast.Import, ast.ImportFrom)):
        found |= {(a.asname or a.name).split(".")[0] for a in tree.names}
    for child in ast.iter_child_nodes(tree):
        found |= stored(child)
    return found


def loaded(tree: ast.AST) -> set[str]:
    """Names that a piece takes from outside: not its own arguments, locals, loop variables."""
    found, own = set(), set()
    if isinstance(tree, ast.Name) and isinstance(tree.ctx, ast.Load):
        found.add(tree.id)
    if isinstance(tree, (ast.FunctionDef, ast.Lambda)):
        own |= {a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)}
    if isinstance(tree, ast.FunctionDef):
        own |= set().union(*map(stored, tree.body))
    if isinstance(tree, COMPREHENSION):
        own |= set().union(*(stored(part.target) for part in tree.generators))
    for child in ast.iter_child_nodes(tree):
        found |= loaded(child)
    return found - own - BUILTINS


def makers(body: list[ast.stmt]) -> Iterator[tuple[set[str], set[str]]]:
    """(names made, names they are made from) of all statements, the nested ones too."""
    for node in body:
        if isinstance(node, (ast.For, ast.With, ast.If, ast.While, ast.Try)):
            parts = list(ast.iter_child_nodes(node))
            heads = [part for part in parts if not isinstance(part, ast.stmt)]
            yield set().union(*map(stored, heads)), set().union(*map(loaded, heads))
            yield from makers([part for part in parts if isinstance(part, ast.stmt)])
        elif isinstance(node, ast.AugAssign):
            yield loaded(node.target), loaded(node)
        elif not isinstance(node, ast.Expr):
            yield stored(node), loaded(node)


def is_agrees(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "agrees"


def sites(lesson: str, cell: int, source: str) -> list[Site]:
    body, found = ast.parse(source).body, []
    for call in filter(is_agrees, ast.walk(ast.Module(body, []))):
        (at,) = (i for i, statement in enumerate(body) if call in ast.walk(statement))
        before = body[: at + 1]
        titles = [ast.unparse(k.value) for k in call.keywords if k.arg == "name"]
        title = titles[0].strip("'\"") if titles else "without a name"
        direct = tuple(frozenset(loaded(argument)) for argument in call.args)
        feeding = tuple(frozenset(fed_by(set(names), before)) for names in direct)
        made = frozenset(name for names, _ in makers(before) for name in names)
        found.append(Site(lesson, cell, len(found), title, direct, feeding, made))
    return found


def fed_by(names: set[str], body: list[ast.stmt]) -> set[str]:
    """These names and those behind them: read backwards, an assignment ends what came before."""
    every = set(names)
    for statement in reversed(body):
        made, size = list(makers([statement])), -1
        own = stored(statement) & names if isinstance(statement, ast.Assign) else set()
        if own:
            names = (names - own) | loaded(statement)
        while size != len(names):
            size = len(names)
            for some, sources in made if not own else ():
                names |= sources if some & names else set()
        every |= names
    return every


class Change(ast.NodeTransformer):
    """Puts `name = __change__(name)` behind each place that makes the name; drops asserts."""

    def __init__(self, name: str | None):
        self.name, self.made = name, False

    def line(self) -> ast.stmt:
        self.made = True
        return ast.parse(f"{self.name} = __change__({self.name})").body[0]

    def visit_Assert(self, node: ast.Assert):
        return ast.Pass()

    def visit_Assign(self, node: ast.stmt):
        return [node, self.line()] if self.name in stored(node) else node

    visit_AnnAssign = visit_FunctionDef = visit_Assign

    def visit_If(self, node: ast.If):
        """What is made only perhaps counts as not made: it may come from before the cell."""
        before = self.made
        self.generic_visit(node)
        self.made = before
        return node

    def visit_For(self, node: ast.For):
        self.generic_visit(node)
        if self.name in stored(node.target):
            node.body.insert(0, self.line())
        return node


def changing(source: str, name: str | None = None) -> tuple[object, bool]:
    """The cell up to its last `agrees`, compiled with `name` changed where it is made; and
    whether the cell makes it. Each `agrees` becomes `__agrees__` with its number before it."""
    tree = ast.parse(source)
    last = max(i for i, node in enumerate(tree.body) if any(map(is_agrees, ast.walk(node))))
    tree.body = tree.body[: last + 1]
    for i, call in enumerate(list(filter(is_agrees, ast.walk(tree)))):
        call.args.insert(0, ast.Constant(i))
        call.func.id = "__agrees__"
    change = Change(name)
    tree = ast.fix_missing_locations(change.visit(tree))
    return compile(tree, "a changed cell", "exec"), change.made
