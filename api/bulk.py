"""Reads a call that asks for many jobs: an array or lines, each item checked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.parts import Api
from api.problems import MalformedRequestError, problem_fields
from api.requests import advice, media_type_of
from api.submission import Submission, check_times, checked_kind, scrape_requested
from streams.domain.events import ScrapeRequested
from streams.errors import InvalidRequestError

JSON_LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
ACCEPTED = "application/json, application/x-ndjson"

Item = msgspec.Raw | bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that no job was made of."""

    index: int
    problem: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        """As the answer shows it."""
        return {"index": self.index, "problem": self.problem}


async def read_items(request: Request, most: int) -> Sequence[Item]:
    """The items of the body, each still JSON text.

    Raises:
        HTTPException: 415, it is declared neither as JSON nor as lines of JSON.
        MalformedRequestError: it is no JSON array.
        InvalidRequestError: there is none in it, or more than ``most``.
    """
    media_type = media_type_of(request)
    body = await request.body()
    items: Sequence[Item]
    if media_type == "application/json":
        try:
            items = msgspec.json.decode(body, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequestError(f"the body is no JSON array of requests: {error}") from None
    elif media_type in JSON_LINES:
        items = [line for line in body.split(b"\n") if line.strip()]
    else:
        raise HTTPException(
            415,
            "send a JSON array with `Content-Type: application/json`, or a request a line with "
            "`application/x-ndjson`, in UTF-8",
            headers={"Accept-Post": ACCEPTED},
        )
    if not items:
        raise InvalidRequestError("there is no request in the body; send at least one")
    if len(items) > most:
        raise InvalidRequestError(
            f"there are {len(items)} requests in the body; send at most {most} in one call"
        )
    return items


class ItemReader:
    """Turns items into events. What is dear is done once for all that share it."""

    def __init__(self, api: Api, batch_id: str, mark: str, sent_at: datetime) -> None:
        self._api = api
        self._batch_id = batch_id
        self._mark = mark
        self._sent_at = sent_at
        self._decode = msgspec.json.Decoder(Submission).decode
        self._check_webhook = _refused_once(api)
        self._seal = cache(api.parts.sealer.seal)

    def read(self, item: Item) -> ScrapeRequested:
        """The event of one item.

        Raises:
            InvalidRequestError: it can never work; says why.
        """
        try:
            asked = self._decode(item)
        except msgspec.ValidationError as error:
            raise InvalidRequestError(advice(str(error), Submission)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequestError(f"it is not JSON: {error}") from None
        parts = self._api.parts
        kind = checked_kind(asked, parts.catalogue, self._check_webhook)
        check_times(asked, self._sent_at)
        return scrape_requested(
            asked, kind, parts.settings, self._seal, batch_id=self._batch_id, mark=self._mark
        )

    def refusal(self, index: int, error: InvalidRequestError) -> Refused:
        """What the client is told of an item that raised ``error``."""
        return Refused(index, problem_fields(error, self._api.links))


def _refused_once(api: Api) -> Any:
    """``check_webhook`` for many requests with the same few addresses."""

    @cache
    def reason(url: str) -> InvalidRequestError | None:
        try:
            api.parts.check_webhook(url)
        except InvalidRequestError as error:
            return error
        return None

    def check(url: str) -> None:
        if (error := reason(url)) is not None:
            raise error

    return check
