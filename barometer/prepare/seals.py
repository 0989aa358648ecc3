"""Seals what must be read again: platforms' ids of posts, under a key derived from the city's.

A pseudonym cannot be turned back into an id, but a platform without a feed of deletions has to be asked by id. So the
id is kept as AES-SIV (RFC 5297) with 256-bit keys derived from the city's key by HKDF-SHA256 (RFC 5869). SIV needs no
chance: the same id of the same post gives the same seal, so a night that is run again writes the same bytes. The
post's pseudonym is bound in: a seal moved to another row does not open.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from barometer.errors import BadInput

_KEY_BYTES = 64
_PURPOSE = b"social trust barometer: platform ids"


def seal(key: bytes, post: str, platform_id: str) -> str:
    """Base64url of the sealed id of the post with this pseudonym. `key` is the city's. An id may not be empty."""
    return base64.urlsafe_b64encode(_siv(key).encrypt(platform_id.encode(), [post.encode()])).decode()


def unseal(key: bytes, post: str, sealed_id: str) -> str:
    """The id again. Raises `BadInput` where another key, or for another post, sealed it."""
    try:
        return _siv(key).decrypt(base64.urlsafe_b64decode(sealed_id), [post.encode()]).decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise BadInput(
            "a sealed id does not open with the city's key: restore the key file that sealed it from its backup"
        ) from None


@lru_cache(maxsize=4)
def _siv(key: bytes) -> AESSIV:
    return AESSIV(HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(key))
