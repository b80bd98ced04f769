"""``/dlq``: records that could not be processed; look at them, send them back, drop them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import json_response
from api.problems import MalformedRequestError
from api.requests import read_body, read_limit
from api.routes.resource import resource
from schemas.codec import id_in
from streams.dead_letters import DLQ_TOPICS, Letter, Resolution, chosen, place_in, place_text
from streams.errors import InvalidRequestError, UnavailableError, UnknownLetterError

LETTERS_A_PAGE = 50
MOST_LETTERS = 1_000
LONGEST_SHOWN_BYTES = 4_096
SEALED = re.compile(rb"gAAAA[\w-]{20,}={0,2}")  # a sealed webhook secret

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Choice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The body of ``POST /dlq/requeue`` and ``POST /dlq/drop``."""

    topic: str | None = None
    reason: str = ""
    since: Moment | None = None
    ids: Annotated[list[str], msgspec.Meta(max_length=MOST_LETTERS)] = []
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LETTERS)] = 100
    dry_run: bool = False


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def list_letters(request: Request) -> Response:
        query = request.query_params
        limit = read_limit(request, default=LETTERS_A_PAGE, most=MOST_LETTERS)
        asked = Choice(
            topic=query.get("topic"), reason=query.get("reason", ""), since=_since_in(request)
        )
        found = await _chosen(api, asked)
        return json_response(
            {
                "total": len(found),
                "left_out": sum(map(api.parts.dead_letters.left_out, DLQ_TOPICS)),
                "letters": [letter_payload(each) for each in found[:limit]],
            }
        )

    async def show(request: Request) -> Response:
        path = request.path_params
        text = f"{path['topic']}/{path['partition']}/{path['offset']}"
        place = place_in(text)
        letter = None if place is None else await api.parts.dead_letters.find(place)
        if letter is None:
            raise UnknownLetterError(text[:100])
        return json_response(await _whole(api, letter))

    async def requeue(request: Request) -> Response:
        return await _resolved(api, await read_body(request, Choice), Resolution.REQUEUED)

    async def drop(request: Request) -> Response:
        return await _resolved(api, await read_body(request, Choice), Resolution.DROPPED)

    return [
        resource("/dlq", get=list_letters),
        resource("/dlq/requeue", post=requeue),
        resource("/dlq/drop", post=drop),
        resource("/dlq/{topic}/{partition}/{offset}", get=show),
    ]


def letter_payload(letter: Letter) -> dict[str, Any]:
    """The contract's letter, without its bytes."""
    return {
        "id": letter.id,
        "topic": letter.place[0],
        "error": letter.error,
        "reason": letter.reason,
        "rejected_at": letter.rejected_at,
        "original": None if letter.original is None else place_text(letter.original),
        "requeued_from": letter.requeued_from or None,
        "key": letter.key,
        "size_bytes": letter.size_bytes,
        "resolution": letter.resolution,
    }


async def _whole(api: Api, letter: Letter) -> dict[str, Any]:
    """A letter with as much of its bytes as people can use, and no secret, sealed or not."""
    raw = await api.parts.dead_letters.record(letter)
    delivery = await api.parts.dead_letters.delivery(raw)
    value = SEALED.sub(b"***", (raw.value or b"")[:LONGEST_SHOWN_BYTES])
    if api.parts.erasures.hides_text(letter.key, (raw.value or b"").decode("utf-8", "replace")):
        value = b"***"
    event = None
    if delivery is not None:
        event = msgspec.to_builtins(delivery.event)
        event.pop("secret", None)
    return {
        **letter_payload(letter),
        "headers": {name: text.decode("utf-8", "replace") for name, text in raw.headers},
        "schema_id": id_in(raw.value) if raw.value else None,
        "text": value.decode("utf-8", "replace"),
        "delivery_id": delivery and delivery.delivery_id,
        "job_id": delivery and delivery.job_id,
        "event": event,
    }


async def _chosen(api: Api, asked: Choice) -> Sequence[Letter]:
    """Open letters that fit, newest first.

    Raises:
        InvalidRequestError: the topic is none of dead letters.
    """
    if asked.topic is not None and asked.topic not in DLQ_TOPICS:
        raise InvalidRequestError(f"`topic` is one of {', '.join(DLQ_TOPICS)}; or leave it out")
    await api.parts.dead_letters.look()
    found = [
        letter
        for topic in DLQ_TOPICS
        if asked.topic in (None, topic)
        for letter in api.parts.dead_letters.known_open(topic)
    ]
    return chosen(found, reason=asked.reason, since=asked.since, ids=frozenset(asked.ids))


async def _resolved(api: Api, asked: Choice, how: Resolution) -> Response:
    """Requeue or drop what was chosen, and say of each what became of it."""
    found = await _chosen(api, asked)
    results = []
    for letter in found[: asked.limit]:
        result = f"would be {how}" if asked.dry_run else await _resolve(api, letter, how)
        results.append({"id": letter.id, "result": result})
    answer = {"dry_run": asked.dry_run, "matched": len(found), "results": results}
    return json_response(answer)


async def _resolve(api: Api, letter: Letter, how: Resolution) -> str:
    try:
        if how is Resolution.DROPPED:
            await api.parts.dead_letters.drop(letter)
        elif not await api.parts.dead_letters.requeue(letter):
            return "failed: where it came from is not known; drop it"
    except UnavailableError as error:
        return f"failed: {error}"
    return str(how)


def _since_in(request: Request) -> datetime | None:
    text = request.query_params.get("since")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedRequestError("`since` must be a time such as 2026-11-22T12:00:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
