"""How a post is put before a model: the same way when it is learnt from and when it is labelled."""

from __future__ import annotations

import html
import re

# The door masks accounts, links, e-mails and names as @user, http, [email], [name] …; raw text is brought to that form.
TOKEN_PATTERN = r"@user|\[\w+\]|#?\w[\w'’]*|[!?]+|[☀-➿\U0001F000-\U0001FAFF]"  # noqa: S105

_LINK = re.compile(r"(?:https?://|www\.)\S+|\bhttps?\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_ACCOUNT = re.compile(r"@[\w.:-]*\w")
_FEDERATED_ACCOUNT = re.compile(r"(?<![\w.+-])@\w[\w.-]*@[\w.-]*\w")
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")
_REPEATED = re.compile(r"(\w)\1{3,}")
# Longer posts are cut: no platform the project reads allows them, and one must not stall a night.
MAXIMUM_CHARACTERS = 10_000


def normalise(text: str) -> str:
    """`text` in lower case, with links, e-mails, accounts and digits masked, entities resolved and spaces folded."""
    plain = html.unescape(text[:MAXIMUM_CHARACTERS])
    federated = _FEDERATED_ACCOUNT.sub(" @user ", _LINK.sub(" http ", plain))
    masked = _ACCOUNT.sub(" @user ", _EMAIL.sub(" [email] ", federated))
    lowered = _DIGITS.sub("0", masked.lower())
    return _SPACE.sub(" ", _REPEATED.sub(r"\1\1\1", lowered)).strip()
