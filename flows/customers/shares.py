"""Which customers a rule acts for: a share of all, less those held out, by a hash of rule and customer.

The hash is of the customer's id of now. Of merged customers the id minted first survives, so who has been known longest
keeps his variant, and all of one customer's handles agree; the label by which something came would give one person two.
"""

from __future__ import annotations

import msgspec

from flows import ids
from flows.rules.model import Rule

TREATED, HELD_OUT = "treated", "held_out"


class Variant(msgspec.Struct, frozen=True):
    """What a customer is to a rule: its name and how likely it was.

    `in_share` and `held_out` tell why nothing is done; both kinds are the variant `held_out`.
    """

    name: str
    propensity: float
    in_share: bool = True
    held_out: bool = False


def variant_of(rule: Rule, customer: str) -> Variant | None:
    """The variant of a customer under a rule; None for a rule that is for all."""
    if rule.share >= 1 and rule.hold_out <= 0:
        return None
    in_share = ids.fraction("share", rule.name, customer) < rule.share
    held_out = in_share and ids.fraction("hold-out", rule.name, customer) < rule.hold_out
    likely = rule.share * (1 - rule.hold_out)
    if in_share and not held_out:
        return Variant(TREATED, likely)
    return Variant(HELD_OUT, 1 - likely, in_share, held_out)


def treated(rule: Rule) -> Variant | None:
    """The variant of what goes on with something done: it was treated then, whatever has become of its customer."""
    return (
        None if rule.share >= 1 and rule.hold_out <= 0 else Variant(TREATED, rule.share * (1 - rule.hold_out))
    )
