"""Telegram Desktop's export of chats as JSON (`result.json`): one chat, or a whole account's.

Messages of public channels and groups are posts; of private ones only where the source's option `chats` lists the
chat's number, which says that the city runs it and its members know. Conversations between persons are never read: an
export of one is refused, and those in an account's export are out of scope, like service messages, messages without
words, and chats the account left. Times are `date_unixtime`; older exports have only the local time of the computer
that made them, which is taken as the city's. An edited message replaces itself; a deleted one is simply absent, so
removals of Telegram messages come through the city's own list (`takedowns.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from barometer.ingest.posts.jsonlines import NOT_THERE, as_unusable, is_there
from barometer.ingest.posts.post import Outcome, Post, Record, Unusable, checked, to_part
from barometer.ingest.source import Context, Part, UnusableFile

PLATFORM = "telegram"
MAXIMUM_BYTES = 1 << 30
_MESSAGES_A_PART = 2_000
_PUBLIC = frozenset({"public_channel", "public_supergroup", "public_group"})
_OF_MANY = frozenset({"private_channel", "private_supergroup", "private_group"})


class _Entity(msgspec.Struct):
    text: str = ""


class _Reaction(msgspec.Struct):
    count: int = 0


class _Message(msgspec.Struct):
    id: int
    type: str
    date: str = ""
    date_unixtime: str | None = None
    edited: str | None = None
    edited_unixtime: str | None = None
    from_id: str | None = None
    text: str | list[str | _Entity] = ""
    text_entities: list[_Entity] | None = None
    reply_to_message_id: int | None = None
    reply_to_peer_id: str | None = None
    forwarded_from: str | None = None
    forwarded_from_id: str | None = None
    reactions: list[_Reaction] | None = None


class _Chat(msgspec.Struct):
    type: str
    id: int
    messages: list[msgspec.Raw] = []


class _Chats(msgspec.Struct):
    chats: list[_Chat] = msgspec.field(name="list", default_factory=list)


class _Export(msgspec.Struct):
    """One chat's export has the fields of a chat; an account's has a list of chats."""

    type: str | None = None
    id: int | None = None
    messages: list[msgspec.Raw] = []
    chats: msgspec.Raw = NOT_THERE


_MESSAGE = msgspec.json.Decoder(_Message)


class Telegram:
    """A `DocumentParser` of Telegram Desktop's `result.json`."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        """Every message as a post, out of scope or rejected.

        Raises `UnusableFile` for what is no such export, and for an export of one private chat.
        """
        for number, chat in enumerate(_chats(stream, context), start=1):
            if not _is_in_scope(chat, context):
                yield Part(read=len(chat.messages), out_of_scope=len(chat.messages))
                continue
            for start in range(0, len(chat.messages), _MESSAGES_A_PART):
                few = enumerate(chat.messages[start : start + _MESSAGES_A_PART], start=start + 1)
                yield to_part([_record(bytes(raw), chat, f"{number}.{place}", context) for place, raw in few], context)


def _chats(stream: BinaryIO, context: Context) -> list[_Chat]:
    content = stream.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        reason = "the export is larger than 1 GiB: export the chats one by one, or a shorter time"
        raise UnusableFile(reason, rule="file_too_large")
    try:
        export = msgspec.json.decode(content, type=_Export)
        if is_there(export.chats):
            return msgspec.json.decode(export.chats, type=_Chats).chats
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _not_an_export() from None
    if export.type is None or export.id is None:
        raise _not_an_export()
    chat = _Chat(type=export.type, id=export.id, messages=export.messages)
    if not _is_in_scope(chat, context):
        raise _private(chat)
    return [chat]


def _not_an_export() -> UnusableFile:
    reason = "not an export of Telegram Desktop: choose Export chat history, format Machine-readable JSON"
    return UnusableFile(reason, rule="invalid_json")


def _private(chat: _Chat) -> UnusableFile:
    advice = (
        "if the city runs it and its members know, list its number in the source's option chats"
        if chat.type in _OF_MANY
        else "conversations between persons are out of scope; remove the file"
    )
    return UnusableFile(f"the chat is private ({chat.type}): nothing of it was read; {advice}", rule="private_chat")


def _is_in_scope(chat: _Chat, context: Context) -> bool:
    own = {str(one) for one in context.source.options.get("chats", ())}
    return chat.type in _PUBLIC or (chat.type in _OF_MANY and str(chat.id) in own)


def _record(raw: bytes, chat: _Chat, place: str, context: Context) -> Record:
    position = context.position(f"message {place}")
    try:
        message = _MESSAGE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Record(position, raw, as_unusable(error, raw))
    return Record(position, raw, _outcome(message, chat, context), PLATFORM, f"{chat.id}/{message.id}", message.from_id)


def _outcome(message: _Message, chat: _Chat, context: Context) -> Outcome:
    if message.type != "message" or not _text(message).strip():
        return None
    try:
        return checked(_post(message, chat, context), context)
    except Unusable as why:
        return why


def _post(message: _Message, chat: _Chat, context: Context) -> Post:
    edited = (message.edited_unixtime, message.edited)
    return Post(
        platform=PLATFORM,
        id=f"{chat.id}/{message.id}",
        author=message.from_id or "",
        created_at=_time(message.date_unixtime, message.date, "date", context),
        version_at=_time(*edited, "edited", context) if any(edited) else None,
        text=_text(message),
        reply_to=_answered(message, chat),
        repost_of=_repeated(message),
        reach=sum(reaction.count for reaction in message.reactions) if message.reactions else None,
    )


def _text(message: _Message) -> str:
    """`text_entities` are the whole text in pieces; older exports have the pieces in `text`."""
    if message.text_entities is not None:
        return "".join(piece.text for piece in message.text_entities)
    return message.text if isinstance(message.text, str) else "".join(_words(message.text))


def _words(pieces: list[str | _Entity]) -> Iterator[str]:
    return (piece if isinstance(piece, str) else piece.text for piece in pieces)


def _answered(message: _Message, chat: _Chat) -> str | None:
    if message.reply_to_message_id is None:
        return None
    return f"{message.reply_to_peer_id or chat.id}/{message.reply_to_message_id}"


def _repeated(message: _Message) -> str | None:
    """What a forwarded message repeats: the export names whose it was but not which, so the words stand for it."""
    origin = message.forwarded_from_id or message.forwarded_from
    return f"forwarded:{origin}:{_text(message)}" if origin else None


def _time(unix: str | None, local: str | None, field: str, context: Context) -> datetime:
    try:
        if unix:
            return datetime.fromtimestamp(int(unix), UTC)
        return datetime.fromisoformat(local or "").replace(tzinfo=ZoneInfo(context.city.timezone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Unusable("invalid_date", f"{field} is not a time: export the chat again", field) from None


PARSER = Telegram()
