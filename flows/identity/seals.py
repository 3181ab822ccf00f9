"""Keys and what is sealed with them: AES-256-GCM, each text bound to the place that it belongs to.

The master key comes from the settings (HKDF, RFC 5869) and seals nothing but the keys of customers.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flows.errors import VaultKeyMissing, VaultKeyWrong, VaultUnreadable

RandomBytes = Callable[[int], bytes]

_FORMAT = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
SHORTEST_SECRET = 16


class Seal:
    """A key that seals and opens; it has no readable form."""

    __slots__ = ("_cipher", "_random")

    def __init__(self, key: bytes, random: RandomBytes) -> None:
        self._cipher, self._random = AESGCM(key), random

    def close(self, text: bytes, *place: str) -> bytes:
        """The text sealed for a place: format, nonce, ciphertext with its tag."""
        nonce = self._random(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, text, _bound(place))

    def open(self, sealed: bytes, *place: str) -> bytes:
        """The text again; raises VaultUnreadable where key or place is another, or it was changed."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _FORMAT:
            raise VaultUnreadable(place[-1])
        try:
            return self._cipher.decrypt(nonce, text, _bound(place))
        except InvalidTag:
            raise VaultUnreadable(place[-1]) from None


class MasterKey:
    """What `identity.vault_key` comes to: it makes and opens the keys of customers.

    A nonce is random, so one master key seals 2^32 keys and no more (NIST SP 800-38D, 8.3).
    """

    __slots__ = ("_random", "_seal")

    def __init__(self, secret: str, random: RandomBytes) -> None:
        """Raises VaultKeyMissing for a secret that is empty or of fewer than 16 characters."""
        if len(secret) < SHORTEST_SECRET:
            raise VaultKeyMissing(len(secret), SHORTEST_SECRET)
        derived = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"telltale vault master key 1")
        self._random = random
        self._seal = Seal(derived.derive(secret.encode()), random)

    def mint(self, tenant: str, customer: str) -> tuple[Seal, bytes]:
        """A new key for a customer: ready to use, and sealed to be kept."""
        key = self._random(_KEY_BYTES)
        return Seal(key, self._random), self._seal.close(key, "key", tenant, customer)

    def unseal(self, sealed: bytes, tenant: str, customer: str) -> Seal:
        """A customer's key; raises VaultKeyWrong."""
        return Seal(self._key(sealed, tenant, customer), self._random)

    def handed_to(self, other: MasterKey, sealed: bytes, tenant: str, customer: str) -> bytes:
        """A customer's key sealed with another master key; raises VaultKeyWrong."""
        return other._seal.close(self._key(sealed, tenant, customer), "key", tenant, customer)

    def _key(self, sealed: bytes, tenant: str, customer: str) -> bytes:
        try:
            return self._seal.open(sealed, "key", tenant, customer)
        except VaultUnreadable:
            raise VaultKeyWrong(customer) from None


def master_of(secret: str, needed: bool, random: RandomBytes) -> MasterKey | None:
    """The master key of a secret; none where there is no secret and none is needed. Raises VaultKeyMissing."""
    return MasterKey(secret, random) if secret or needed else None


def _bound(place: tuple[str, ...]) -> bytes:
    """What a ciphertext is bound to; parts are length-prefixed, so no two places are alike by joining."""
    parts = [part.encode() for part in place]
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)
