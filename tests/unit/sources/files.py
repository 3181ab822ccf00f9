"""Documents of sources and of identity as tests write them."""

from __future__ import annotations

from textwrap import dedent

from flows.documents import Mistakes, read_text
from flows.sources.matching import read_identity
from flows.sources.model import IdentityRules, Sources
from flows.sources.read import read_sources

SOURCES = """
sources:
  crm:
    key: contact_id
    time: updated_at
    zone: Europe/Berlin
    identifiers:
      email: [mail, contact.work]
      phone: {from: phone, country: DE}
      loyalty: card_no
    roles:
      - {role: owner, device: vin, since: bought_at, until: sold_at}
      - {role: member, household: home}
    attributes:
      language: lang
      score: score
      birth_date: {from: born, personal: true}
    consent:
      marketing: {from: newsletter, granted: ["yes", true, 1], at: consent_at}
      service: mails
    preferences: {channel: preferred_channel}
    time_zone: tz
  shop:
    key: id
    time: t
    unit: s
    identifiers: {email: email, crm: crm_id}
    attributes:
      birth_date: {from: birthday, personal: true}
"""
IDENTITY = "match: [email, loyalty, [phone, birth_date], birth_date]"


def sources(text: str = SOURCES) -> tuple[Sources, list[str]]:
    """What a `sources.yaml` comes to, and its mistakes."""
    mistakes = Mistakes()
    document = read_text(dedent(text), "sources.yaml", mistakes)
    found = Sources() if document is None else read_sources(document, mistakes)
    return found, [str(finding) for finding in mistakes.found]


def identity(
    text: str = IDENTITY, in_events: tuple[str, ...] = ("cookie",)
) -> tuple[IdentityRules, list[str]]:
    """What an `identity.yaml` beside these sources comes to, and its mistakes."""
    mistakes = Mistakes()
    document = read_text(dedent(text), "identity.yaml", mistakes)
    found = (
        IdentityRules() if document is None else read_identity(document, sources()[0], in_events, mistakes)
    )
    return found, [str(finding) for finding in mistakes.found]
