"""What the commands of `telltale identity` work with: the database, what is declared, and whom a name means."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flows.cli.options import bus_of, names_of, settings_of
from flows.errors import ArgumentWrong, IdentityMissing, NameUnknown
from flows.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from flows.cli.identity_view import Labels
    from flows.identity.explain import Asked
    from flows.identity.judgements import Side
    from flows.identity.matching import Matching
    from flows.identity.seals import MasterKey
    from flows.identity.store import Store
    from flows.sources.model import IdentityRules, Sources


class Desk(msgspec.Struct, frozen=True):
    """What a command works with: the settings, what is declared, and one transaction of the database."""

    settings: Settings
    sources: Sources
    rules: IdentityRules
    matching: Matching
    connection: sa.Connection

    def asked(self, name: str) -> Asked:
        """Who is meant; a handle in clear is normalised and turned into its token here.

        Raises ArgumentWrong and NameUnknown.
        """
        from flows.identity.known import CUSTOMER, asked
        from flows.sources.identifiers import IdentifierRefused, is_thing, is_token, private

        if is_thing(name):
            mend = "Name a customer, or a handle of one; `telltale identity show` lists the things of each."
            raise ArgumentWrong(f"{name!r} is a thing, and things are nobody", mend)
        try:
            token = name if is_token(name) else private(name, self.settings.tenant_key.encode())
        except IdentifierRefused as error:
            mend = "Name a customer's id, a token, or a handle such as email:a@b.c or phone:+4930123456."
            raise ArgumentWrong(f"That is no identifier: {error}", mend) from error
        found = asked(self.connection, name, token)
        if found is None:
            hint = f"Nobody has that id. Ids begin with {CUSTOMER}; `telltale identity show email:a@b.c` finds one."
            raise NameUnknown("customer", name, hint)
        # A handle in clear stays on the command line: what is said of it goes by its token.
        return found if token == name else msgspec.structs.replace(found, name=token)

    def customer(self, name: str) -> str:
        """The customer who is meant; raises also NameUnknown where a handle is nobody's alone."""
        found = self.asked(name)
        if found.customer is None:
            hint = "No evidence names it, or several do. `telltale identity why-not` tells of two handles."
            raise NameUnknown("customer with the identifier", name, hint)
        if found.erased:
            raise ArgumentWrong(f"{found.customer} was erased", "Nothing is known of them any more.")
        return found.customer

    def side(self, who: Asked) -> Side:
        """Somebody as a party to a judgement."""
        from flows.identity.known import side_of

        return side_of(self.connection, who, self.matching)

    def labels(self, tokens: Iterable[str], reveal: bool) -> Labels:
        """What tokens are called; without the vault's key values stay unknown."""
        from flows.cli.identity_view import Labels
        from flows.identity.known import customers_with
        from flows.identity.vault import Vault

        master = vault_key(self.settings, reveal)
        if master is None:
            return Labels({}, reveal)
        named = set(tokens)
        vault = Vault(self.connection, self.settings.tenant, master)
        return Labels(vault.reveal(named, customers_with(self.connection, named)), reveal)


def vault_key(settings: Settings, needed: bool) -> MasterKey | None:
    """The key of the vault; none where it is not set and not needed. Raises VaultKeyMissing."""
    import secrets

    from flows.identity.seals import master_of

    return master_of(settings.identity.vault_key, needed, secrets.token_bytes)


@contextmanager
def open_desk(config: Path | None) -> Generator[Desk]:
    """What a command works with; raises as `open_database`."""
    from flows.identity.matching import Matching
    from flows.rules.people import load_people

    settings = settings_of(config)
    sources, rules = load_people(settings)
    with open_database(settings) as store, store.begin() as connection:
        yield Desk(settings, sources, rules, Matching(rules, sources.systems), connection)


@contextmanager
def open_database(settings: Settings) -> Generator[Store]:
    """Open the database; raises IdentityMissing rather than make an empty one, and as `open_store`."""
    from flows.identity.store import open_store

    url, folder = settings.identity.database, settings.path(".")
    file = folder / url.partition("///")[2]
    if url.startswith("sqlite:") and not file.exists():
        raise IdentityMissing(str(file))
    store = open_store(url, folder, settings.tenant)
    try:
        yield store
    finally:
        store.close()


def audit(settings: Settings, who: str, command: str, what: dict[str, Any], reason: str) -> None:
    """Write on `audit` who does what."""
    from flows.audit import write_audit
    from flows.engine.clock import wall_clock

    with bus_of(settings) as topics:
        write_audit(topics, names_of(settings), settings.tenant, wall_clock(), who, command, what, reason)
