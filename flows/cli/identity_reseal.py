"""`telltale identity reseal`: another master key for the vault, as one is due when the old may be known to others."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from flows.cli.brakes import Reason, Who, person
from flows.cli.identity_desk import audit, open_database
from flows.cli.options import Config, settings_of
from flows.cli.show import counted, say
from flows.errors import ArgumentWrong


def reseal(
    new: Annotated[
        str,
        typer.Option(
            "--new-key-from", metavar="NAME", help="The environment variable that holds the new secret."
        ),
    ],
    reason: Reason,
    who: Who = None,
    config: Config = None,
) -> None:
    """Seal the keys of all customers with another secret than `identity.vault_key`.

    Stop `telltale run identity` before, and give it the new secret as `identity.vault_key` after. All or none are
    sealed anew; that it was done is kept in `audit`.
    """
    import secrets

    from flows.identity.judgements import RESEAL
    from flows.identity.seals import MasterKey
    from flows.identity.vault import reseal as seal_anew
    from flows.identity.writer import writing

    settings = settings_of(config)
    secret = os.environ.get(new, "").strip()
    if not secret:
        mend = "Make a secret with `openssl rand -hex 32`, and put it there."
        raise ArgumentWrong(f"The environment variable {new} is not set", mend)
    if secret == settings.identity.vault_key:
        raise ArgumentWrong(f"{new} holds the secret that is in force", "Make another one.")
    old, following = (MasterKey(each, secrets.token_bytes) for each in (settings.identity.vault_key, secret))
    with open_database(settings) as store, writing(store) as database, database.begin() as connection:
        audit(settings, person(who), RESEAL, {}, reason)
        number = seal_anew(connection, settings.tenant, old, following)
    print(f"{counted(number, 'key')} sealed anew.")
    say(f"Give `telltale run identity` what {new} holds as `identity.vault_key` before it starts again.")
