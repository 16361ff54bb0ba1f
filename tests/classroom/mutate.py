"""Generated wrong answers: every small change of a solution's syntax tree, one at a time."""

import ast
import copy

SWAP = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.And: [ast.Or], ast.Or: [ast.And],
}  # fmt: skip
NAMES = {
    "mean": ["sum"], "sum": ["mean"], "exp": ["log", "expm1"], "log": ["exp", "log1p"],
    "sqrt": ["square"], "square": ["sqrt"], "min": ["max"], "max": ["min"],
    "argmin": ["argmax"], "argmax": ["argmin"], "zeros_like": ["ones_like"],
    "ones_like": ["zeros_like"], "softplus": ["relu"], "sigmoid": ["tanh"],
    "tanh": ["sigmoid"], "std": ["var"], "var": ["std"], "logsumexp": ["sum"],
    "softmax": ["log_softmax"], "cumsum": ["cumprod"], "logaddexp": ["maximum"],
}  # fmt: skip
DROP = {"detach", "abs", "clamp", "sum", "mean", "exp", "log", "sqrt", "square", "tanh"}
DROP |= {"sigmoid", "flip", "softmax"}
MODULES = {"torch", "F", "math"}


def mutants(source: str):
    """(changed source, what was done), each once."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for node, field, index, new, what in list(_sites(tree)):
        old = getattr(node, field) if index is None else getattr(node, field)[index]
        put(node, field, index, new)
        try:
            text = ast.unparse(ast.fix_missing_locations(tree))
            compile(text, "mutant", "exec")
        except (SyntaxError, ValueError, AttributeError, TypeError):
            text = None
        put(node, field, index, old)
        if text is not None and text not in seen:
            seen.add(text)
            yield text, f"line {getattr(old, 'lineno', '?')}: {what}"


def put(node, field, index, new):
    if index is None:
        setattr(node, field, new)
    else:
        getattr(node, field)[index] = new


def _sites(tree):
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            many = value if isinstance(value, list) else [value]
            for index, child in enumerate(many):
                if isinstance(child, ast.AST):
                    for new, what in _changes(child, node, field):
                        yield node, field, index if isinstance(value, list) else None, new, what


def _changes(node, parent, field):
    c = copy.deepcopy
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            for other in SWAP.get(type(op), []):
                yield ast.BinOp(c(left), other(), c(right)), f"{type(op).__name__} changed"
            yield c(left), f"right side of {type(op).__name__} dropped"
            yield c(right), f"left side of {type(op).__name__} dropped"
            if isinstance(op, (ast.Sub, ast.Div, ast.Pow, ast.MatMult)):
                yield ast.BinOp(c(right), op, c(left)), f"{type(op).__name__} turned round"
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=inner):
            yield c(inner), "sign dropped"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for other in SWAP.get(type(op), []):
                yield ast.Compare(c(left), [other()], [c(right)]), "comparison changed"
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(SWAP[type(op)][0](), c(values)), "and, or exchanged"
        case ast.Constant(value=bool() as v):
            yield ast.Constant(not v), f"{v} negated"
        case ast.Constant(value=int() | float() as v) if field != "slice":
            for other in {v + 1, v * 2 if v else 2, -v if v else -1, 0} - {v}:
                yield ast.Constant(other), f"{v} to {other}"
        case ast.Constant(value=int() as v):
            yield ast.Constant(v + 1), f"index {v} to {v + 1}"
        case ast.IfExp(test=t, body=b, orelse=o):
            yield ast.IfExp(c(t), c(o), c(b)), "branches swapped"
        case ast.Attribute(value=v, attr=name) if name in NAMES:
            for other in NAMES[name]:
                yield ast.Attribute(c(v), other, ast.Load()), f"{name} to {other}"
        case ast.Call(func=ast.Attribute(value=v, attr=name), args=args):
            if name in DROP and not (isinstance(v, ast.Name) and v.id in MODULES):
                yield c(v), f".{name}() dropped"
            if len(args) == 2:
                swapped = ast.Call(c(node.func), [c(args[1]), c(args[0])], c(node.keywords))
                yield swapped, "arguments swapped"
            for i, keyword in enumerate(node.keywords):
                rest = c(node.keywords[:i] + node.keywords[i + 1 :])
                yield ast.Call(c(node.func), c(args), rest), f"{keyword.arg}= dropped"
        case ast.Return(value=ast.expr() as v) if field == "body":
            if not isinstance(v, (ast.Dict, ast.Tuple)):
                for method in ("detach", "mean"):
                    call = ast.Call(ast.Attribute(c(v), method, ast.Load()), [], [])
                    yield ast.Return(call), f"return ….{method}()"
                yield ast.Return(ast.UnaryOp(ast.USub(), c(v))), "return −…"
        case ast.Assign() | ast.AugAssign() if field == "body" and isinstance(
            parent, (ast.FunctionDef, ast.For, ast.If)
        ):
            yield ast.Pass(), f"dropped: {ast.unparse(node)[:40]}"
        case ast.Tuple(elts=[a, b], ctx=ast.Load()) if field == "value":
            yield ast.Tuple([c(b), c(a)], ast.Load()), "pair swapped"
