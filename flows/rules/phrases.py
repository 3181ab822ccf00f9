"""An expression in words: `coolant_c ≥ device.hot_c and mil is "on"`, for people who do not write rules."""

from __future__ import annotations

from collections.abc import Sequence

from flows.expression_nodes import (
    All,
    Among,
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Literal,
    Name,
    Negate,
    Node,
    Not,
)
from flows.expressions import Expression

_SYMBOLS = {">=": "≥", "<=": "≤", "==": "is", "!=": "is not", "*": "×", "/": "÷"}
_TRUTHS = (Compare, All, AnyOf, Among)


def phrase(expression: Expression) -> str:
    """The condition in words; every name and number of it is in them."""
    return _say(expression.tree)


def unless(expression: Expression) -> str:
    """`if …`, or `unless …` for what is a plain no."""
    tree = expression.tree
    return f"unless {_say(tree.operand)}" if isinstance(tree, Not) else f"if {_say(tree)}"


def article(noun: str) -> str:
    """`a`, or `an` before a vowel."""
    return "an" if noun[:1].lower() in tuple("aeiou") else "a"


def plain(number: float) -> str:
    """A number as it would be written, at most ten digits."""
    return f"{number:.10g}"


def _say(node: Node) -> str:  # noqa: PLR0911 - one return a kind of node
    """One node."""
    match node:
        case Literal():
            return _literal(node.value)
        case Name():
            return node.name
        case Compare():
            words = [_within(node.operands[0], *_TRUTHS)]
            for symbol, operand in zip(node.operators, node.operands[1:], strict=True):
                words += [_SYMBOLS.get(symbol, symbol), _within(operand, *_TRUTHS)]
            return " ".join(words)
        case All():
            return " and ".join(_within(each, AnyOf) for each in node.operands)
        case AnyOf():
            return " or ".join(
                _within(each) if isinstance(each, All) else _say(each) for each in node.operands
            )
        case Not():
            return f"not ({_say(node.operand)})"
        case Among():
            return f"{_within(node.operand)} is {'none' if node.negated else 'one'} of {_listed(node.items)}"
        case Negate():
            return f"-{_within(node.operand)}"
        case Arithmetic():
            symbol = _SYMBOLS.get(node.operator, node.operator)
            return f"{_within(node.left)} {symbol} {_within(node.right)}"
        case Call():
            return _call(node)


def _within(node: Node, *kinds: type) -> str:
    """A part of something larger, in parentheses where it would read otherwise."""
    apart = isinstance(node, kinds or (*_TRUTHS, Arithmetic))
    return f"({_say(node)})" if apart else _say(node)


def _call(node: Call) -> str:
    """A function: what asks the customer as a person would ask it."""
    arguments = [_say(each) for each in node.arguments]
    texts = [
        each.value for each in node.arguments if isinstance(each, Literal) and isinstance(each.value, str)
    ]
    if len(texts) == len(arguments):
        about = f" about {texts[1]}" if len(texts) > 1 else ""
        match node.function:
            case "has_open":
                return f"{article(texts[0])} {texts[0]}{about} is open"
            case "last_action" if texts:
                return f"the seconds since the last {texts[0]}{about}"
            case "last_action":
                return "the seconds since anything was done"
            case "local_hour":
                return f"the hour in {texts[0]}" if texts else "the hour where the customer is"
            case _:
                pass
    return f"{node.function}({', '.join(arguments)})"


def _listed(items: Sequence[float | str]) -> str:
    return ", ".join(_literal(item) for item in items)


def _literal(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else plain(value)
