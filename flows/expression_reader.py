"""How the text becomes a tree: Python's parser reads it, a whitelist lets through what is known."""

from __future__ import annotations

import ast
import math
import warnings
from typing import Any, NoReturn

from flows.errors import ExpressionWrong
from flows.expression_nodes import (
    All,
    Among,
    AnyOf,
    Arithmetic,
    ArithmeticOperator,
    Call,
    Compare,
    CompareOperator,
    Literal,
    Name,
    Negate,
    Node,
    Not,
)

MAX_TEXT = 1000
MAX_DEPTH = 32
# How many arguments each function of the closed list takes.
FUNCTIONS: dict[str, tuple[int, int]] = {
    "abs": (1, 1),
    "min": (2, 16),
    "max": (2, 16),
    "round": (1, 2),
    "last": (1, 2),
    "previous": (1, 2),
    "changed": (1, 2),
    "count": (1, 2),
    "since": (1, 2),
    "has_open": (1, 2),
    "last_action": (0, 2),
    "distance_km": (2, 4),
    "local_hour": (0, 1),
}
_ARITHMETIC: dict[type[ast.operator], ArithmeticOperator] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
}
_COMPARE: dict[type[ast.cmpop], CompareOperator] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_KNOWN_FORMS = "Known are + - * / %, comparisons, `in [...]`, and, or, not, and functions."


def read(text: str, where: str) -> Node:
    """The tree of a text without line breaks; raises ExpressionWrong."""
    if len(text) > MAX_TEXT:
        raise ExpressionWrong(text, 1, f"longer than {MAX_TEXT} characters", "Split the rule in two.", where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionWrong(
            text, error.offset or 1, "not an expression", _syntax_hint(text), where
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionWrong(text, 1, "not an expression", "It is nested too deeply.", where) from None
    return _Reader(text, where).node(body, 1)


def _syntax_hint(text: str) -> str:
    """The likeliest reason why Python cannot read it."""
    if not text:
        return "Write a condition, e.g. `coolant_c >= 105`."
    for wrong, right in (("=>", ">="), ("=<", "<="), ("&&", "and"), ("||", "or"), ("!", "not"), ("=", "==")):
        if wrong in text.replace("!=", "").replace("==", "").replace("<=", "").replace(">=", ""):
            return f"Write `{right}` for `{wrong}`."
    if text.count("(") != text.count(")"):
        return "A parenthesis is left open; if a comma split the expression, quote the expression."
    return "Expressions are written as in Python, e.g. `coolant_c >= 105 and speed_kmh > 0`."


class _Reader:
    """Turns Python's tree into ours, refusing whatever is not on the list."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where

    def wrong(self, node: ast.AST, what: str, hint: str) -> NoReturn:
        """Refuse, pointing at a node."""
        offset: int = getattr(node, "col_offset", 0)
        column = len(self.text.encode()[:offset].decode(errors="ignore")) + 1
        raise ExpressionWrong(self.text, column, what, hint, self.where)

    def node(self, node: ast.expr, depth: int) -> Node:  # noqa: PLR0911 - one return a kind of node
        """One node and all below it."""
        if depth > MAX_DEPTH:
            self.wrong(node, f"nested deeper than {MAX_DEPTH}", "Write it flatter, or split the rule in two.")
        below = depth + 1
        match node:
            case ast.Constant():
                return Literal(self.constant(node))
            case ast.Name() | ast.Attribute():
                return Name(self.name(node))
            case ast.BoolOp():
                operands = tuple(self.node(value, below) for value in node.values)
                return All(operands) if isinstance(node.op, ast.And) else AnyOf(operands)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self.node(node.operand, below))
            case ast.UnaryOp(op=ast.USub()):
                return self.negative(node, below)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = self.node(node.left, below), self.node(node.right, below)
                return Arithmetic(_ARITHMETIC[type(node.op)], left, right)
            case ast.Compare():
                return self.compare(node, below)
            case ast.Call():
                return self.call(node, below)
            case _:
                self.wrong(node, f"{_form(node)} cannot be used here", _KNOWN_FORMS)

    def constant(self, node: ast.Constant) -> float | str | bool:
        """A literal; numbers become floats."""
        value: Any = node.value
        if isinstance(value, bool | str):
            return value
        if value is None:
            self.wrong(
                node, "None cannot be used", "A missing value makes a comparison neither true nor false."
            )
        if not isinstance(value, int | float):
            self.wrong(node, "only numbers, texts, True and False can be written out", "Use one of these.")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.wrong(node, "the number is too large", "Numbers go up to about 1e308.")
        return number

    def name(self, node: ast.expr) -> str:
        """A dotted name as one text."""
        if isinstance(node, ast.Attribute):
            return f"{self.name(node.value)}.{node.attr}"
        if not isinstance(node, ast.Name):
            self.wrong(node, "a dot may only stand between names", "For example `device.hot_c`.")
        if node.id.lower() in ("true", "false", "none", "null"):
            self.wrong(node, f"{node.id} is not a name", "Write True or False.")
        return node.id

    def negative(self, node: ast.UnaryOp, depth: int) -> Node:
        """A minus; before a number it is part of the number."""
        operand = self.node(node.operand, depth)
        if isinstance(operand, Literal) and not isinstance(operand.value, str):
            return Literal(-float(operand.value))
        return Negate(operand)

    def compare(self, node: ast.Compare, depth: int) -> Node:
        """A comparison, a chain of them, or `in`."""
        if any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            if len(node.ops) > 1:
                self.wrong(node, "`in` cannot be part of a chain", "Join comparisons with `and`.")
            items = self.items(node.comparators[0], depth)
            return Among(self.node(node.left, depth), items, isinstance(node.ops[0], ast.NotIn))
        if any(type(op) not in _COMPARE for op in node.ops):
            self.wrong(node, "`is` cannot be used", "Write `==` or `!=`.")
        operands = tuple(self.node(operand, depth) for operand in (node.left, *node.comparators))
        return Compare(tuple(_COMPARE[type(op)] for op in node.ops), operands)

    def items(self, node: ast.expr, depth: int) -> tuple[float | str, ...]:
        """The literals after `in`: all texts or all numbers."""
        if not isinstance(node, ast.List | ast.Tuple) or not node.elts:
            self.wrong(node, "after `in` a list of values is needed", 'For example `in ["P", "N"]`.')
        found: list[float | str] = []
        for element in node.elts:
            item = self.node(element, depth)
            if not isinstance(item, Literal):
                self.wrong(element, "only values can stand in the list", 'For example `in ["P", "N"]`.')
            found.append(item.value if isinstance(item.value, str) else float(item.value))
        if len({isinstance(item, str) for item in found}) > 1:
            self.wrong(node, "the list mixes texts and numbers", "Use values of one kind.")
        return tuple(found)

    def call(self, node: ast.Call, depth: int) -> Call:
        """A call of the closed list; `profile.` may stand before what asks the profile."""
        name = self.name(node.func)
        function = name.removeprefix("profile.")
        if function not in FUNCTIONS or (function != name and function not in ("has_open", "last_action")):
            known = ", ".join(sorted(FUNCTIONS))
            self.wrong(node, f"there is no function {name!r}", f"Known are {known}.")
        if node.keywords:
            self.wrong(node, "arguments cannot be named", "Write the values alone, in their order.")
        low, high = FUNCTIONS[function]
        if not low <= len(node.args) <= high:
            wanted = str(low) if low == high else f"{low} to {high}"
            self.wrong(node, f"{function} takes {wanted} arguments, not {len(node.args)}", "Mend the call.")
        arguments = tuple(self.node(argument, depth) for argument in node.args)
        if function == "round" and len(arguments) > 1 and not _is_digits(arguments[1]):
            self.wrong(node.args[1], "round takes 0 to 9 digits", "Write the number of digits out.")
        if function == "distance_km":
            return Call(function, self.points(node, arguments))
        return Call(function, arguments)

    def points(self, node: ast.Call, arguments: tuple[Node, ...]) -> tuple[Node, ...]:
        """Latitude and longitude of two points; the first, if it is not written, is where the device is."""
        if len(arguments) == 3:
            hint = "Write latitude and longitude of one point, or of two."
            self.wrong(node, "distance_km takes 2 or 4 arguments, not 3", hint)
        return (Name("latitude"), Name("longitude"), *arguments) if len(arguments) == 2 else arguments


def _is_digits(node: Node) -> bool:
    """Whether a node is a whole number from 0 to 9."""
    return isinstance(node, Literal) and node.value in tuple(map(float, range(10)))


def _form(node: ast.expr) -> str:
    """What a refused node is called."""
    return {
        "Subscript": "`[...]` after a name",
        "Lambda": "lambda",
        "IfExp": "`if ... else`",
        "JoinedStr": "an f-string",
        "NamedExpr": "`:=`",
        "BinOp": "this operator",
        "UnaryOp": "this operator",
        "Dict": "a mapping",
    }.get(type(node).__name__, "a " + type(node).__name__.lower())
