"""``places``: run the role, or ask the API for places, their reviews and what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Annotated, Any
from urllib.parse import quote

import typer

from scrapestream.cli.address import ApiOption, DataDirOption, JsonOption, find_api
from scrapestream.cli.answers import Body
from scrapestream.cli.client import open_client
from scrapestream.cli.jobs import moment_text
from scrapestream.cli.output import print_json, print_table, say
from scrapestream.cli.text import plain, short

LONGEST_TEXT = 60
PAGE = 100
PlaceArgument = Annotated[str, typer.Argument(metavar="PLACE", help="Id of the place.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]

app = typer.Typer(
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def places(context: typer.Context) -> None:
    """Run the place agent; list places, their reviews and what changed."""
    if context.invoked_subcommand is None:
        from scrapestream.cli.roles import places as run  # noqa: PLC0415 - loads drivers

        run()


@app.command("ls")
def list_places(
    *,
    search: Annotated[str, typer.Option("--search", help="Part of the name.")] = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List places, the newest scraped first."""
    asked = {"q": search} if search else {}
    found = _read_all(find_api(api, data_dir), "/places", "places", asked, limit)
    _show(
        found,
        as_json,
        ("PLACE", "RATING#", "REVIEWS#", "KNOWN#", "CHANGED#", "SCRAPED", "NAME"),
        lambda each: (
            each["place_id"],
            each["rating"] or "",
            _count(each["reviews_total"]),
            _count(each["reviews_known"]),
            _count(each["reviews_changed"]),
            moment_text(each["scraped_at"]),
            each["title"],
        ),
        "no places yet: they come with the first job that finds one",
    )


@app.command()
def show(
    *,
    place_id: PlaceArgument,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show a place: its rating over time, its stars, its reviews by month."""
    address = find_api(api, data_dir)

    async def read() -> Body:
        async with open_client(address) as client:
            return await client.call("GET", _path(place_id))

    place = asyncio.run(read())
    if as_json:
        print_json(place)
        return
    tables = {"rating_over_time", "reviews_per_month", "known_histogram", "histogram"}
    print_table(
        ("FIELD", "VALUE"),
        ((name, plain(value)) for name, value in place.items() if name not in tables and value),
    )
    print_table(
        ("SCRAPED", "RATING#", "REVIEWS#", "FOUND#", "OUTCOME"),
        (
            (
                moment_text(each["at"]),
                each["rating"] or "",
                _count(each["reviews_total"]),
                _count(each["items_count"]),
                each["outcome"],
            )
            for each in place["rating_over_time"]
        ),
    )
    stars = place["known_histogram"].items()
    print_table(("STARS", "KNOWN#"), ((name, _count(count)) for name, count in stars))
    print_table(
        ("MONTH", "REVIEWS#", "RATING#"),
        (
            (each["month"], _count(each["reviews"]), _mean(each["rating"]))
            for each in place["reviews_per_month"]
        ),
    )


@app.command()
def reviews(
    *,
    place_id: PlaceArgument,
    rating: Annotated[str, typer.Option("--rating", help="Stars, such as 1,2.")] = "",
    language: Annotated[str, typer.Option("--language", help="Such as de,pt-BR.")] = "",
    search: Annotated[str, typer.Option("--search", help="Part of the text.")] = "",
    changed: Annotated[bool, typer.Option("--changed", help="Only those that changed.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="Only those that are gone.")] = False,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List the reviews of a place, the last published first."""
    asked = {
        **({"rating": rating} if rating else {}),
        **({"language": language} if language else {}),
        **({"q": search} if search else {}),
        **({"changed": "true"} if changed else {}),
        **({"removed": "only"} if removed else {}),
    }
    path = f"{_path(place_id)}/reviews"
    _show(
        _read_all(find_api(api, data_dir), path, "reviews", asked, limit),
        as_json,
        ("PUBLISHED", "STARS#", "CHANGES#", "AUTHOR", "TEXT"),
        lambda each: (
            moment_text(each.get("published_at"))[:10],
            each.get("rating") or "",
            _count(each["changes"]),
            each.get("author_name") or "",
            _line(each.get("text")),
        ),
        "no such reviews",
    )


@app.command()
def changes(
    *,
    place_id: PlaceArgument,
    kind: Annotated[
        str, typer.Option("--type", help="Such as ReviewEdited,ReviewRemoved; all changes else.")
    ] = "",
    since: Annotated[str, typer.Option("--since", help="A day or a time, UTC.")] = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    api: ApiOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List what changed at a place, the newest first."""
    asked = {**({"type": kind} if kind else {}), **({"since": since} if since else {})}
    path = f"{_path(place_id)}/changes"
    _show(
        _read_all(find_api(api, data_dir), path, "changes", asked, limit),
        as_json,
        ("SEEN", "CHANGE", "AUTHOR", "OLD", "NEW"),
        lambda each: (
            moment_text(each["occurred_at"]),
            each["type"],
            each["review"].get("author_name") or "",
            *_old_and_new(each),
        ),
        "no changes",
    )


def _old_and_new(change: Body) -> tuple[str, str]:
    review = change["review"]
    match change["type"]:
        case "OwnerReplied":
            return _line(change["old_text"]), _line(review.get("owner_response_text"))
        case "ReviewRemoved":
            return _line(review.get("text")), ""
        case "ReviewEdited" if "text" not in change["fields"]:
            return f"{change['old_rating']} stars", f"{review.get('rating')} stars"
        case "ReviewEdited":
            return _line(change["old_text"]), _line(review.get("text"))
        case _:
            return "", _line(review.get("text"))


def _read_all(
    address: str, path: str, name: str, asked: Mapping[str, str], limit: int
) -> list[Body]:
    async def read() -> list[Body]:
        found: list[Body] = []
        async with open_client(address) as client:
            pages = client.pages(path, name, asked, min(limit, PAGE))
            async with aclosing(pages) as rows:
                async for row in rows:
                    found.append(row)
                    if len(found) == limit:
                        break
        return found

    return asyncio.run(read())


def _show(found: list[Body], as_json: bool, columns: tuple[str, ...], row: Any, none: str) -> None:
    if as_json:
        for each in found:
            print_json(each)
    elif found:
        print_table(columns, map(row, found))
    else:
        say(none)


def _path(place_id: str) -> str:
    return f"/places/{quote(place_id, safe='')}"


def _line(text: object) -> str:
    return short(plain(text or ""), LONGEST_TEXT)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _mean(number: float | None) -> str:
    return "" if number is None else f"{number:.1f}"
