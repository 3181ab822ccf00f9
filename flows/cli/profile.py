"""`telltale profile show`: what is known of a customer, with where each value came from and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
import typer

from flows.cli.handles import customer_of, newest, token_of
from flows.cli.options import Config, Output, Rows, bus_of, example, names_of, settings_of
from flows.cli.show import harmless, pairs, say, time_of, title, value_of
from flows.engine.clock import wall_clock
from flows.schema import Consents, Origin, Profile, encode

app = typer.Typer(help="Show what is known of a customer.", no_args_is_help=True, rich_markup_mode=None)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the two topics say of a customer; `asked` is the handle, without what is personal."""

    asked: str
    customer: str
    profile: Profile | None
    consents: Consents | None


@app.callback()
def profile() -> None:
    """Show what is known of a customer."""


@app.command(
    epilog=example(
        "telltale profile show email:ada@example.org", "telltale profile show device:veh-17 --output json"
    )
)
def show(
    customer: Annotated[
        str,
        typer.Argument(
            metavar="CUSTOMER", help="An id, or a handle as kind:value; of a thing its owner is shown."
        ),
    ],
    output: Rows = Output.table,
    config: Config = None,
) -> None:
    """Show all that is known of a customer.

    That is values, the stage of life, what is open, consents and preferences, each with where it came from and when;
    and what rests, and until when.
    """
    settings = settings_of(config)
    asked = token_of(customer, settings)
    names = names_of(settings)
    with bus_of(settings) as topics:
        found = customer_of(topics, names, asked, wall_clock())
        if found is None:
            say(f"{harmless(customer)} was erased: nothing is known any more.")
            return
        shown = Shown(
            asked=asked,
            customer=found,
            profile=newest(topics, names.profiles, found, Profile),
            consents=newest(topics, names.consents, found, Consents),
        )
    if shown.profile is None and shown.consents is None:
        who = customer if found == asked else f"{customer} ({found})"
        say(
            f"Nothing is known of {harmless(who)}: no event, alarm or source record has told of it, or "
            "`telltale run` has not read it yet."
        )
    elif output is Output.json:
        print(encode(shown).decode())
    else:
        _print(shown)


def _print(shown: Shown) -> None:
    """For a person."""
    said, consents = shown.profile, shown.consents
    title(harmless(shown.customer))
    if said is not None:
        preferences = set(consents.preferences) if consents is not None else set[str]()
        pairs(
            [
                ("up to", f"{time_of(said.at)} UTC"),
                ("known by", harmless(", ".join(said.labels))),
                ("stage", harmless(said.stage or "")),
            ],
            indent="  ",
        )
        values = [name for name in said.values if name not in preferences]
        rows = [(name, _value(said, name), _origin(said.origins.get(name))) for name in values]
        _block("values", rows)
        _block("open", ((_item(key), str(count), "") for key, count in said.open.items()))
    if consents is not None:
        given = consents.consents.items()
        _block(
            "consents",
            ((p, "yes" if c.granted else "no", _origin(Origin(source=c.source, at=c.at))) for p, c in given),
        )
        origins = said.origins if said is not None else {}
        _block(
            "preferences",
            ((k, value_of(v), _origin(origins.get(k))) for k, v in consents.preferences.items()),
        )
    rests = (consents.quiet if consents is not None else said.quiet if said is not None else {}).items()
    _block("rests", ((purpose, f"until {time_of(until)} UTC at the latest", "") for purpose, until in rests))
    if consents is not None:
        pairs([("not advertised", harmless(", ".join(consents.items)))], indent="  ")


def _value(said: Profile, name: str) -> str:
    """A value, and whether there is more behind it than is kept."""
    more = " or more" if name in said.full else ""
    return f"{value_of(said.values[name])}{more}"


def _item(key: str) -> str:
    kind, _, about = key.partition(":")
    return f"{kind}, {about}" if about else kind


def _origin(origin: Origin | None) -> str:
    """Where a value comes from, and when."""
    if origin is None:
        return ""
    source = origin.source.replace("event:", "event ", 1).replace("alarm:", "alarm of ", 1)
    return source if origin.at is None else f"{source}, {time_of(origin.at)}"


def _block(name: str, rows: Iterable[Sequence[str]]) -> None:
    """Three columns below a word, nothing when there is nothing."""
    found = [tuple(map(harmless, row)) for row in rows]
    if not found:
        return
    print(f"  {name}")
    width = max(len(row[1]) for row in found)
    pairs(((first, f"{second:<{width}}  {third}".rstrip()) for first, second, third in found), "    ")
