"""`telltale identity`: who somebody is, why two are one or are not, and what a person judges about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.brakes import Reason, Who, person
from flows.cli.identity_desk import Desk, audit, open_desk, vault_key
from flows.cli.identity_reseal import reseal
from flows.cli.options import Config, Output, Rows, example
from flows.cli.show import counted, harmless, say, time_of
from flows.errors import ArgumentWrong

if TYPE_CHECKING:
    from flows.identity.explain import Asked, Known
    from flows.identity.judgements import Ruling

app = typer.Typer(
    help="Who is who: show, explain, merge, split, erase.", no_args_is_help=True, rich_markup_mode=None
)

Handle = Annotated[
    str, typer.Argument(metavar="ID", help="A customer's id, a token, or a handle such as email:a@b.c.")
]
One = Annotated[str, typer.Argument(metavar="A", help="A customer's id, a token, or a handle.")]
Other = Annotated[str, typer.Argument(metavar="B", help="Likewise.")]
Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show personal values; that you did is kept in `audit`.")
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="With --reveal: why, for `audit`.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even on a terminal.")]
_LATER = "It counts as soon as `telltale run identity` has read it."


@app.callback()
def identity() -> None:
    """Who is who: show, explain, merge, split, erase."""


@app.command(
    short_help="Show what is known of a customer.",
    epilog=example(
        "telltale identity show email:a@b.c", "telltale identity show crm:0031 --reveal --reason call"
    ),
)
def show(
    who_is: Handle,
    reveal: Reveal = False,
    reason: Why = "",
    who: Who = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show a customer: identifiers, what systems say, roles, rows and judgements.

    Personal values are masked unless --reveal is given.
    """
    from flows.cli import identity_view
    from flows.identity.known import about
    from flows.identity.reconcile import person_of, personal_of
    from flows.identity.vault import Vault

    with open_desk(config) as desk:
        whom = desk.customer(who_is)
        if reveal:
            audit(desk.settings, person(who), "identity reveal", {"customer": whom}, reason)
        found = about(desk.connection, whom)
        labels = desk.labels((*found.own, *found.besides), reveal)
        master = vault_key(desk.settings, reveal)
        vault = Vault(desk.connection, desk.settings.tenant, master)
        personal = {} if master is None else personal_of(vault.person(whom).values(), desk.sources)
        identity_view.show(found, person_of(found.records, desk.sources), personal, labels, output)
    if master is None:
        say("Values are not shown: `identity.vault_key` is not set here.")


@app.command(
    short_help="Tell why two are one person.", epilog=example("telltale identity why email:a@b.c crm:0031")
)
def why(
    one: One,
    other: Other,
    reveal: Reveal = False,
    reason: Why = "",
    who: Who = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Tell why two are one person: the shortest chain of evidence, or the judgement."""
    from flows.cli import identity_view
    from flows.identity.explain import why as chain_of

    with open_desk(config) as desk:
        here, there, known = _two(desk, one, other)
        _reveal_two(desk, here, there, reveal, who, reason)
        steps = chain_of(here, there, known, desk.matching)
        labels = desk.labels(_named(known, here, there), reveal)
    if not steps:
        say("They are not one person. `telltale identity why-not` tells what keeps them apart.")
        return
    if output is Output.table:
        say(f"Both are {harmless(here.customer or '')}, by {counted(len(steps), 'piece')} of evidence.")
    identity_view.chain(steps, labels, output)


@app.command(
    "why-not",
    short_help="Tell what keeps two apart.",
    epilog=example("telltale identity why-not email:a@b.c crm:0031"),
)
def why_not(
    one: One,
    other: Other,
    reveal: Reveal = False,
    reason: Why = "",
    who: Who = None,
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Tell what keeps two apart: what is missing, what does not count, or who forbids it."""
    from flows.cli import identity_view
    from flows.identity.obstacles import why_not as obstacles_of

    with open_desk(config) as desk:
        here, there, known = _two(desk, one, other)
        _reveal_two(desk, here, there, reveal, who, reason)
        missing = obstacles_of(here, there, known, desk.matching)
        named = _named(known, here, there)
        labels = desk.labels(named, reveal)
    if not missing:
        say(f"They are one person: {harmless(here.customer or '')}. `telltale identity why` tells why.")
        return
    identity_view.obstacles(missing, named, labels, output)


@app.command(
    short_help="Judge that two are one person.",
    epilog=example("telltale identity merge crm:0031 shop:77 --reason 'she called'"),
)
def merge(one: One, other: Other, reason: Reason, who: Who = None, config: Config = None) -> None:
    """Judge that two are one person; no rule and no limit overrides it."""
    from flows.identity.judgements import MERGE, merge_of

    with open_desk(config) as desk:
        here, there, known = _two(desk, one, other)
        ruling = merge_of(desk.side(here), desk.side(there), known.judgements)
        if not ruling.pairs or any(a == b for a, b in ruling.pairs):
            raise ArgumentWrong("They are one and the same already", "Name two that are not.")
        if here.customer is not None and here.customer == there.customer:
            say("They are one person already; now it stays so, whatever the rules say.")
        _judge(desk, MERGE, ruling, {}, person(who), reason)


@app.command(
    short_help="Judge that something is not a customer's.",
    epilog=example("telltale identity split crm:0031 --from email:a@b.c --reason 'father and son'"),
)
def split(
    leaves: Handle,
    reason: Reason,
    stays: Annotated[
        str, typer.Option("--from", metavar="C", help="The customer, or a handle of theirs, that it leaves.")
    ],
    who: Who = None,
    config: Config = None,
) -> None:
    """Judge that an identifier or a row is not of a customer; no rule overrides it."""
    from flows.identity.judgements import SPLIT, split_of
    from flows.identity.known import CUSTOMER

    with open_desk(config) as desk:
        here, there, known = _two(desk, leaves, stays)
        if leaves.startswith(CUSTOMER):
            raise ArgumentWrong(
                "A customer cannot leave itself", "Name the identifier or the row that leaves."
            )
        (token,) = here.tokens
        ruling = split_of(token, desk.side(there), known.judgements)
        if not ruling.pairs:
            raise ArgumentWrong("There is nothing that it could be split from", "Name another customer.")
        if here.customer is not None and here.customer != there.customer:
            say("It is not of that customer now; with this it will not come to be.")
        _judge(desk, SPLIT, ruling, {"customer": there.customer}, person(who), reason)


@app.command(epilog=example("telltale identity erase crm:0031 --reason 'asked to be forgotten'"))
def erase(whom: Handle, reason: Reason, yes: Yes = False, who: Who = None, config: Config = None) -> None:
    """Forget a customer for ever: keys, evidence and links.

    What systems say of them later begins a new customer; older rows that come again do not.
    """
    from flows.identity.judgements import ERASE, in_messages
    from flows.identity.known import about

    with open_desk(config) as desk:
        customer = desk.customer(whom)
        found = about(desk.connection, customer)
        tokens = sorted({*found.own, *(each.handle for each in found.records)})
        if not tokens:
            raise ArgumentWrong(f"{customer} has no identifier of their own", "There is nothing to erase.")
        what = f"{counted(len(found.records), 'row')} and {counted(len(found.own), 'identifier')}"
        if sys.stdin.isatty() and sys.stdout.isatty() and not yes:
            typer.confirm(f"Forget {customer} with {what}? It cannot be undone.", abort=True)
        until = max(piece.last for piece in found.pieces)
        for some in in_messages(tokens):
            entry = {"customer": customer, "tokens": some, "until": until}
            audit(desk.settings, person(who), ERASE, entry, reason)
    print(f"{customer} is to be forgotten, with {what}.")
    say(_LATER)


app.command(
    short_help="Seal the vault with another secret.",
    epilog=example("telltale identity reseal --new-key-from NEW_VAULT_KEY --reason 'a laptop was lost'"),
)(reseal)


def _two(desk: Desk, one: str, other: str) -> tuple[Asked, Asked, Known]:
    """Both who are asked about, and the evidence about them."""
    from flows.identity.known import known_of

    here, there = desk.asked(one), desk.asked(other)
    return here, there, known_of(desk.connection, here, there, desk.rules.match)


def _named(known: Known, *asked: Asked) -> set[str]:
    """All tokens that an explanation may name."""
    held = {token for piece in known.pieces for token in (piece.id, *piece.tokens)}
    return held.union(*(each.tokens for each in asked), *(each.pair for each in known.judgements))


def _reveal_two(desk: Desk, one: Asked, other: Asked, reveal: bool, who: str | None, reason: str) -> None:
    """Note that values of two were shown."""
    if reveal:
        what = {"customers": [one.customer, other.customer], "asked": [one.name, other.name]}
        audit(desk.settings, person(who), "identity reveal", what, reason)


def _judge(desk: Desk, command: str, ruling: Ruling, what: dict[str, Any], who: str, reason: str) -> None:
    """Write a judgement down, and say what it overrules."""
    from flows.identity.judgements import in_messages

    labels = desk.labels({token for each in ruling.overruled for token in each.pair}, False)
    for each in ruling.overruled:
        pair = " and ".join(map(labels.of, each.pair))
        because = f" ({each.reason})" if each.reason else ""
        say(harmless(f"This overrules the {each.kind} of {pair} by {each.who}, {time_of(each.at)}{because}."))
    for some in in_messages(ruling.pairs):
        audit(desk.settings, who, command, {**what, "pairs": some}, reason)
    print(f"Judged: {counted(len(ruling.pairs), 'pair')}.")
    say(_LATER)
