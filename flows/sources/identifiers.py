"""Identifiers in their one spelling, and the tokens that stand for them wherever a value must not be known.

An event and a row of a source system that name the same address come to the same token, because both come by here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

from flows import ids
from flows.sources.model import Identifier

THINGS = frozenset({"device", "order", "shipment", "account", "household"})
KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
MAX_HANDLE = 512
_KEPT = 1 << 15
_TOKEN = re.compile(r"[a-z][a-z0-9_-]{0,63}:[0-9a-f]{32}")
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Addresses that need none of the library's care: its answer is the address itself, in small letters after the @.
# Two dashes in a row may be Punycode, and the last group are names that no mail goes to.
_PLAIN_EMAIL = re.compile(
    rf"(?!.*@.*--)(?!.*[@.](?i:arpa|invalid|local|localhost|onion|test)\Z){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{1,63}}\Z"
)
_MAX_PLAIN = 254


class IdentifierRefused(ValueError):
    """An identifier that is none, in words that do not repeat it: what is said goes into logs."""

    reason = "bad_identifier"


def is_thing(subject: str) -> bool:
    """Whether a handle names a thing, which has roles, and no person."""
    return subject.partition(":")[0] in THINGS


def is_token(subject: str) -> bool:
    """Whether a handle is a token already."""
    return _TOKEN.fullmatch(subject) is not None


def identifier(kind: str, value: str, key: bytes, country: str = "") -> Identifier:
    """An identifier in its one spelling, with the token of it; raises IdentifierRefused."""
    found = normalised(kind, value, country)
    return Identifier(kind, ids.token(kind, found, key), found)


@lru_cache(_KEPT)
def private(subject: str, key: bytes) -> str:
    """A handle without what is personal: things and customers as they are, any other identifier as its token.

    Raises IdentifierRefused for what is no handle of the form kind:value, or no identifier of its kind.
    """
    kind, _, value = subject.partition(":")
    if not kind or not value or len(subject) > MAX_HANDLE:
        raise IdentifierRefused("the subject is no handle of the form kind:value of at most 512 characters")
    if kind == "customer" or is_thing(subject):
        return subject
    return ids.token(kind, normalised(kind, value), key)


def normalised(kind: str, value: str, country: str = "") -> str:
    """The one spelling of an identifier; raises IdentifierRefused.

    An e-mail address is in its normal form (RFC 6531) and without case, a phone number in E.164, with `;ext=` and its
    extension if it has one (RFC 3966). `country` (ISO 3166) is that of numbers which name none. Of other kinds white
    space around the value is left away.
    """
    value = value.strip()
    if not value or len(value) > MAX_HANDLE:
        raise IdentifierRefused(f"the {kind} has {len(value)} characters, and 1 to {MAX_HANDLE} are taken")
    if kind == "email":
        plain = len(value) <= _MAX_PLAIN and _PLAIN_EMAIL.match(value) is not None
        return value.lower() if plain else _email(value)
    if kind == "phone":
        return _phone(value, country)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise IdentifierRefused(f"the {kind} is not Unicode") from error
    return value


def is_country(code: str) -> bool:
    """Whether there are phone numbers of a country (ISO 3166, two capitals)."""
    from phonenumbers import SUPPORTED_REGIONS

    return code in SUPPORTED_REGIONS


@lru_cache(_KEPT)
def _email(value: str) -> str:
    """An address as the library has it; what stands after the @ it writes in small letters itself."""
    # Both libraries take a while to load, and most commands read no address.
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        # In brackets the library may repeat the address.
        why = str(error).partition(" (")[0].removesuffix(".")
        raise IdentifierRefused(f"the e-mail address is none: {why}") from None
    return f"{normalize('NFC', found.local_part.casefold())}@{found.domain}"


@lru_cache(_KEPT)
def _phone(value: str, country: str) -> str:
    """A number that can be one, by its length; whether it is given to somebody changes too often to ask."""
    from phonenumbers import (
        NumberParseException,
        PhoneNumberFormat,
        ValidationResult,
        format_number,
        is_possible_number_with_reason,
        parse,
    )

    try:
        found = parse(value, country or None)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE and not country:
            raise IdentifierRefused(
                "the phone number begins with no country's code, such as +49, and no `country` is declared for it"
            ) from None
        raise IdentifierRefused("the phone number is none") from None
    if is_possible_number_with_reason(found) != ValidationResult.IS_POSSIBLE:
        raise IdentifierRefused("the phone number has not as many digits as its country's have")
    spelled = format_number(found, PhoneNumberFormat.E164)
    return f"{spelled};ext={found.extension}" if found.extension else spelled
