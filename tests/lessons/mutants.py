"""Generated wrong answers: every small change of a solution's code, one at a time.

The list of changes is fixed; a check is held to it. Beside slips of formulas it has what real
learners did and went on with: a step before what it belongs to, a last activation left out, one
activation for another, a channel lost, one argument passed twice. A solution is the one that
stands in the lesson, with the names of the lesson that it uses.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import symtable
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]

SWAPS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.FloorDiv: [ast.Div],
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.And: [ast.Or],
    ast.Or: [ast.And],
}  # fmt: skip
NEIGHBOURS = {
    "mean": ["sum"], "sum": ["mean"], "exp": ["log", "expm1"], "log": ["exp", "log1p"],
    "sqrt": ["square"], "square": ["sqrt"], "min": ["max"], "max": ["min"], "abs": ["square"],
    "zeros_like": ["ones_like"], "ones_like": ["zeros_like"], "softplus": ["relu", "gelu"],
    "sigmoid": ["tanh"], "tanh": ["sigmoid", "relu"], "relu": ["sigmoid"], "std": ["var"],
    "var": ["std"], "sin": ["cos"], "cos": ["sin"], "softmax": ["log_softmax", "softmin"],
    "logsumexp": ["sum", "amax"], "norm": ["sum"], "solve": ["lstsq"], "ceil": ["floor"],
}  # fmt: skip
DROPPED = {"detach", "abs", "clamp", "sum", "mean", "exp", "log", "sqrt", "square", "tanh"}
DROPPED |= {"sigmoid", "flip", "T", "float", "double", "softplus", "relu", "ceil", "norm"}
OTHER_KEYWORD = {"min": "max", "max": "min"}
MODULES = {"torch", "F", "math", "np", "nn", "library"}


def changes(node: ast.AST, parent: ast.AST, field: str, given: list[str], learns: bool):
    """Another node for this one, for every change that is made here."""
    c = copy.deepcopy
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            for other in SWAPS.get(type(op), []):
                yield ast.BinOp(c(left), other(), c(right))
            yield c(left)
            yield c(right)
            if isinstance(op, (ast.Sub, ast.Div, ast.Pow, ast.MatMult)):
                yield ast.BinOp(c(right), op, c(left))
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=inner):
            yield c(inner)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in SWAPS.get(type(op), []):
                yield ast.Compare(c(left), [other()], [c(right)])
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(SWAPS[type(op)][0](), c(values))
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            for other in sorted(
                {value + 1, value * 2 if value else 2, -value or -1, 0} - {value}
            ):
                yield ast.Constant(other)
        case ast.Slice(lower=lower, upper=upper):
            yield ast.Slice(c(upper), c(lower))
        case ast.IfExp(test=test, body=body, orelse=other):
            yield ast.IfExp(c(test), c(other), c(body))
        case ast.If(test=test):
            yield ast.If(ast.UnaryOp(ast.Not(), c(test)), c(node.body), c(node.orelse))
            yield ast.Pass()
        case ast.Attribute(value=value, attr=name) if name in NEIGHBOURS:
            for other in NEIGHBOURS[name]:
                yield ast.Attribute(c(value), other, ast.Load())
        case ast.Attribute(value=value, attr="T"):
            yield c(value)
        case ast.Call():
            yield from changed_call(node)
        case ast.Name(id=name, ctx=ast.Load()) if name in given:
            for other in given:  # one argument in the place of another, or twice
                if other != name:
                    yield ast.Name(other, ast.Load())
            whole = ast.Constant(value=...)
            short = ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
            yield ast.Subscript(c(node), ast.Tuple([whole, short], ast.Load()), ast.Load())
            if learns:
                yield method(c(node), "detach")
        case ast.Return(value=ast.expr() as value):
            if not isinstance(value, (ast.Dict, ast.Tuple)):
                for name in ("mean", *(("detach", "item") if learns else ())):
                    yield ast.Return(method(c(value), name))
                yield ast.Return(ast.UnaryOp(ast.USub(), c(value)))
        case ast.Assign() | ast.AugAssign() if isinstance(
            parent, (ast.FunctionDef, ast.For, ast.If)
        ):
            yield ast.Pass()
        case ast.Tuple(elts=[first, second], ctx=ast.Load()) if field == "value":
            yield ast.Tuple([c(second), c(first)], ast.Load())
        case ast.FunctionDef(args=ast.arguments(defaults=[_, *_])):
            for i, default in enumerate(node.args.defaults):
                other = c(node)
                other.args.defaults[i] = ast.BinOp(c(default), ast.Mult(), ast.Constant(2))
                yield other


def changed_call(node: ast.Call):
    c = copy.deepcopy
    func, args, keywords = node.func, node.args, node.keywords
    if isinstance(func, ast.Attribute) and func.attr in DROPPED:
        outside = isinstance(func.value, ast.Name) and func.value.id in MODULES
        if not outside:
            yield c(func.value)
        elif args:
            yield c(args[0])  # such as the tanh at the end of G
    if len(args) == 2:
        yield ast.Call(c(func), [c(args[1]), c(args[0])], c(keywords))
    for i, keyword in enumerate(keywords):
        yield ast.Call(c(func), c(args), c(keywords[:i] + keywords[i + 1 :]))
        if keyword.arg in OTHER_KEYWORD:
            named = ast.keyword(OTHER_KEYWORD[keyword.arg], c(keyword.value))
            yield ast.Call(c(func), c(args), [*c(keywords[:i]), named, *c(keywords[i + 1 :])])


def method(value: ast.expr, name: str) -> ast.Call:
    return ast.Call(ast.Attribute(value, name, ast.Load()), [], [])


def mutants(source: str, learns: bool = False) -> Iterator[tuple[str, str]]:
    """(changed source, its changed lines) of a cell that defines a function, each once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    *_, function = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    given = [argument.arg for argument in function.args.args]
    seen = {original}
    for holder, key, new in list(places(tree, function, given, learns)):
        old = holder[key] if isinstance(holder, list) else getattr(holder, key)
        put(holder, key, new)
        try:
            text = ast.unparse(ast.fix_missing_locations(tree))
            compile(text, "mutant", "exec")
        except (SyntaxError, ValueError, AttributeError, TypeError):
            text = None
        put(holder, key, old)
        if text is not None and text not in seen:
            seen.add(text)
            yield text, changed_lines(original, text)


def places(tree, function, given, learns):
    """(a list and index, or a node and field; what is put there) of every change."""
    for parent in [tree, *ast.walk(function)]:
        for field, value in ast.iter_fields(parent):
            if field in ("decorator_list", "annotation", "returns", "ctx", "op", "ops"):
                continue
            for key, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or isinstance(child, ast.arguments):
                    continue
                if parent is tree and child is not function:
                    continue
                holder, at = (parent, field) if key is None else (value, key)
                for new in changes(child, parent, field, given, learns):
                    yield holder, at, new
                after = value[key + 1] if key is not None and key + 1 < len(value) else None
                if field == "body" and after is not None and parent is not tree:
                    # A step before what it belongs to, as clipping before the gradient is there.
                    yield value, slice(key, key + 2), [after, child]


def put(holder, key, new):
    if isinstance(holder, list):
        holder[key] = new
    else:
        setattr(holder, key, new)


def changed_lines(before: str, after: str) -> str:
    """What a mutant is called by: the lines that it has where the solution has others."""
    old, new = before.splitlines(), after.splitlines()
    shared = sum(
        1 for a, b in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    )
    end = sum(
        1
        for a, b in takewhile(
            lambda pair: pair[0] == pair[1], zip(old[::-1], new[::-1], strict=False)
        )
    )
    end = min(end, len(new) - shared, len(old) - shared)
    return "; ".join(line.strip() for line in new[shared : len(new) - end]) or "(left out)"


# Solutions in their lessons --------------------------------------------------------------------
@cache
def _build():
    where = ROOT / "notebooks" / "build.py"
    spec = importlib.util.spec_from_file_location("build", where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _cells(lesson: str) -> list[tuple[str | None, str]]:
    (file,) = (ROOT / "notebooks" / "source").glob(f"{lesson}_*.py")
    notebook = _build().read_source(file)
    return [
        (cell.metadata.get("exercise"), _build().without_markers(cell.source))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def solution(number: str) -> tuple[str, dict]:
    """The cell that answers an exercise by a function, without its call of `check`; and the
    lesson's names that it uses, by running the statements that make them, and no others."""
    before: list[ast.stmt] = []
    for exercise, source in _cells(number[:2]):
        body = [s for s in ast.parse(source).body if "check(" not in ast.unparse(s)]
        if exercise == number:
            text = "\n".join(map(ast.unparse, map(_without_docstring, body)))
            space: dict = {"__name__": "solution"}
            for statement in _needed(text, before):
                exec(compile(ast.Module([statement], []), "lesson", "exec"), space)
            return text, space
        before += body
    raise LookupError(number)


def _without_docstring(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.FunctionDef) and ast.get_docstring(statement):
        del statement.body[0]
    return statement


def _needed(text: str, before: list[ast.stmt]) -> list[ast.stmt]:
    wanted, found = _globals(text), []
    for statement in reversed(before):
        if _bound(statement) & wanted:
            found.append(statement)
            wanted = (wanted - _bound(statement)) | _globals(ast.unparse(statement))
    return found[::-1]


def _bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {(alias.asname or alias.name).split(".")[0] for alias in names}
        case ast.Assign(targets=targets):
            return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return set()


def _globals(text: str) -> set[str]:
    """The names that code takes from outside of its functions."""
    waiting, names = [symtable.symtable(text, "cell", "exec")], set()
    while waiting:
        table = waiting.pop()
        top = table.get_type() == "module"
        names |= {
            s.get_name() for s in table.get_symbols()
            if s.is_referenced() and (s.is_global() or top)
        }  # fmt: skip
        waiting += table.get_children()
    return names


def made(text: str, space: dict):
    """The function that a cell defines, with the lesson's names."""
    space = dict(space)
    exec(compile(text, "mutant", "exec"), space)
    *_, name = [s.name for s in ast.parse(text).body if isinstance(s, ast.FunctionDef)]
    return space[name]
