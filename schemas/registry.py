"""Schema registries: one that speaks the Confluent API, and its twin in memory."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Protocol, Self

import httpx2

from schemas.errors import RegistryError, UnknownSchemaError

COMPATIBILITY = "FULL_TRANSITIVE"  # the log is replayed for years, in both directions


class Registry(Protocol):
    """Gives each schema an id that never changes."""

    async def register(self, subject: str, text: str) -> int:
        """The id of ``text`` under ``subject``; registers it when it is new.

        Raises:
            RegistryError: away, or the schema is incompatible with an earlier one.
        """

    async def id_of(self, subject: str, text: str) -> int:
        """The id of a registered schema.

        Raises:
            UnknownSchemaError: it is not registered.
            RegistryError: away.
        """

    async def text_of(self, schema_id: int) -> str:
        """The schema of an id, as JSON.

        Raises:
            UnknownSchemaError: there is no such id.
            RegistryError: away.
        """


class HttpRegistry:
    """A registry with the Confluent API. Use as an async context manager."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/") + "/", timeout=timeout_s, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def register(self, subject: str, text: str) -> int:
        try:
            return await self.id_of(subject, text)
        except UnknownSchemaError:
            pass
        await self._call("PUT", f"config/{subject}", {"compatibility": COMPATIBILITY})
        answer = await self._call("POST", f"subjects/{subject}/versions", {"schema": text})
        return int(answer["id"])

    async def id_of(self, subject: str, text: str) -> int:
        answer = await self._call("POST", f"subjects/{subject}", {"schema": text})
        return int(answer["id"])

    async def text_of(self, schema_id: int) -> str:
        answer = await self._call("GET", f"schemas/ids/{schema_id}", None)
        return str(answer["schema"])

    async def _call(self, method: str, path: str, body: dict[str, str] | None) -> Any:
        try:
            answer = await self._client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise RegistryError(f"the schema registry does not answer: {error!r}") from error
        if answer.status_code == 404:
            raise UnknownSchemaError(f"the schema registry has no {path}")
        if answer.status_code == 409:
            raise RegistryError(f"{path}: the schema is not {COMPATIBILITY} with an earlier one")
        if not answer.is_success:
            raise RegistryError(f"the schema registry answered {answer.status_code} to {path}")
        return answer.json()


class MemoryRegistry:
    """The twin for tests without a broker: ids count from 1."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    async def register(self, subject: str, text: str) -> int:
        canonical = json.dumps(json.loads(text))
        if canonical not in self._texts:
            self._texts.append(canonical)
        return self._texts.index(canonical) + 1

    async def id_of(self, subject: str, text: str) -> int:
        canonical = json.dumps(json.loads(text))
        if canonical not in self._texts:
            raise UnknownSchemaError(f"{subject} is not registered")
        return self._texts.index(canonical) + 1

    async def text_of(self, schema_id: int) -> str:
        if not 1 <= schema_id <= len(self._texts):
            raise UnknownSchemaError(f"there is no schema {schema_id}")
        return self._texts[schema_id - 1]
