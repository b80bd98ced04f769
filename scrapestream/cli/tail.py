"""``tail``: the records of a topic, decoded, as they come."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
import typer

from scrapestream.cli.address import DataDirOption, JsonOption, find_settings
from scrapestream.cli.exits import CliError, ExitCode
from scrapestream.cli.jobs import moment_text
from scrapestream.cli.output import print_json, say
from scrapestream.cli.text import json_text, plain, short
from streams.settings import Settings
from streams.topics import ERASURE_EVENTS, all_topics

READ_S = 0.5
VALUE_WIDTH = 160


def tail(
    *,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="One of ours, as job-events.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the oldest record kept.")
    ] = False,
    most: Annotated[
        int | None, typer.Option("--max", min=1, metavar="N", help="End after N records.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Print the records of a topic as they come, decoded.

    Secrets stay encrypted, as they are in Kafka. Ctrl-C ends it.
    """
    names = [known.name for known in all_topics()]
    if topic not in names:
        raise CliError(
            f"there is no topic {topic!r}; topics are {', '.join(names)}", ExitCode.USAGE
        )
    settings = find_settings(data_dir)
    try:
        asyncio.run(_print(settings, topic, from_beginning, most, as_json=as_json))
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.DETACHED) from None


async def _print(
    settings: Settings, topic: str, from_beginning: bool, most: int | None, *, as_json: bool
) -> None:
    printed = 0
    async with aclosing(_records(settings, topic, from_beginning)) as records:
        async for record in records:
            if as_json:
                print_json(record)
            else:
                typer.echo(_line(record))
            printed += 1
            if printed == most:
                return


async def _records(
    settings: Settings, topic: str, from_beginning: bool
) -> AsyncGenerator[dict[str, Any]]:
    # Drivers load longer than most verbs run.
    from schemas.codec import open_codec  # noqa: PLC0415
    from schemas.errors import RegistryError  # noqa: PLC0415
    from schemas.registry import HttpRegistry  # noqa: PLC0415
    from streams.adapters.kafka_reader import open_reader  # noqa: PLC0415
    from streams.adapters.records import Records  # noqa: PLC0415
    from streams.erasure_book import ErasureBook  # noqa: PLC0415
    from streams.errors import RegistryUnavailableError  # noqa: PLC0415
    from streams.personal_keys import open_keys  # noqa: PLC0415

    try:
        async with (
            HttpRegistry(settings.registry_url) as registry,
            open_reader(settings, "tail", wait_ms=100) as reader,
            open_reader(settings, "tail-erasures", wait_ms=50) as erasure_reader,
            open_keys(settings) as keys,
        ):
            # No schema is needed beforehand: each is fetched when its first record comes.
            codec = await open_codec(registry, {})
            book = ErasureBook(erasure_reader, Records(codec, "/scrapestream/tail"))
            starts = await (reader.starts(topic) if from_beginning else reader.ends(topic))
            reader.assign({(topic, partition): start for partition, start in starts.items()})
            say(f"reading {topic} from {'its beginning' if from_beginning else 'now on'}")
            while True:
                raws = await reader.read(timeout_s=READ_S)
                await codec.learn(raw.value for raw in raws)
                await book.catch_up()
                for raw in raws:
                    record = await _in_clear(shown(raw, codec), raw, keys)
                    yield left_of(record, book.erasures)
    except RegistryError as error:
        raise RegistryUnavailableError(str(error)) from error


def shown(raw: Any, codec: Any) -> dict[str, Any]:
    """A record as JSON; one that cannot be decoded shows its bytes, and why."""
    from schemas.errors import UnreadableValueError  # noqa: PLC0415

    place = {
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "key": None if raw.key is None else raw.key.decode(errors="replace"),
        "headers": {
            name: None if value is None else value.decode(errors="replace")
            for name, value in raw.headers
        },
    }
    try:
        decoded = codec.decode(raw.value)
    except UnreadableValueError as error:
        value = None if raw.value is None else base64.b64encode(raw.value).decode()
        return {**place, "type": None, "value_base64": value, "error": str(error)}
    return {**place, "type": decoded.name, "value": msgspec.to_builtins(decoded.record)}


async def _in_clear(record: dict[str, Any], raw: Any, keys: Any) -> dict[str, Any]:
    """An encrypted review in clear text, for who has the key of the keys; else as it stands."""
    from streams.adapters.record_parts import key_id_of  # noqa: PLC0415
    from streams.sealed_fields import unsealed  # noqa: PLC0415

    key_id, value = key_id_of(raw), record.get("value")
    if key_id is None or value is None or not keys.can_unwrap:
        return record
    await keys.learn([key_id])
    key = keys.find(key_id)
    if key is None:
        return {**record, "value": None, "error": "erased: its key was destroyed"}
    return {**record, "value": unsealed(value, key, value["event_id"])}


def left_of(record: dict[str, Any], erasures: Any) -> dict[str, Any]:
    """The record without its content when that is forgotten; where it stands is still told."""
    if record["topic"] == ERASURE_EVENTS or not erasures:
        return record
    value = record.get("value")
    if value is None:
        text = base64.b64decode(record.get("value_base64") or "").decode("utf-8", "replace")
        is_forgotten = erasures.hides_text(record["key"], text)
    else:
        is_forgotten = erasures.is_forgotten(value.get("job_id", ""), value)
    if not is_forgotten:
        return record
    return {**record, "value": None, "value_base64": None, "error": "erased"}


def _line(record: dict[str, Any]) -> str:
    value = record.get("error") or record.get("value")
    return "  ".join(
        (
            f"{record['partition']}-{record['offset']}",
            moment_text(record["headers"].get("ce_time")),
            plain(record["type"] or "unreadable"),
            plain(record["key"] or "-"),
            short(json_text(value), VALUE_WIDTH),
        )
    )
