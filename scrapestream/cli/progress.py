"""How a job goes, shown while it goes: a bar on a terminal, lines elsewhere. All on stderr."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from scrapestream.cli.client import Message
from scrapestream.cli.output import messages, print_json, say
from scrapestream.cli.text import safe, short

LINE_EVERY_S = 5.0
RATE_WINDOW_S = 10.0  # short enough to follow a slowing list, long enough for batches of 10
TITLE_WIDTH = 24  # leaves a bar on 80 columns


class Pace:
    """How fast a job goes, by the times of its own events: right for a replay as well."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()
        self._began_at: float | None = None
        self.loaded = 0
        self.total: int | None = None
        self.elapsed_s = 0.0

    def take(self, fields: Mapping[str, Any], now: float) -> None:
        """Add what a message says; ``now`` (seconds) stands in for a time it does not tell."""
        at = _seconds(fields.get("at"), now)
        self._began_at = at if self._began_at is None else self._began_at
        self.elapsed_s = max(self.elapsed_s, at - self._began_at)
        total, loaded = fields.get("reviews_total"), fields.get("reviews_loaded")
        if isinstance(total, int) and total > 0:
            self.total = total
        if isinstance(loaded, int) and loaded > self.loaded:
            self.loaded = loaded
        if self.loaded and (not self._points or self._points[-1][1] != self.loaded):
            self._points.append((at, self.loaded))
            while at - self._points[0][0] > RATE_WINDOW_S and len(self._points) > 2:
                self._points.popleft()

    @property
    def rate(self) -> float | None:
        """Reviews a second lately; None when there is too little to tell."""
        if len(self._points) < 2:
            return None
        (first_at, first), (last_at, last) = self._points[0], self._points[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at this pace."""
        if not self.rate or self.total is None:
            return None
        return max(0, self.total - self.loaded) / self.rate

    def count_text(self) -> str:
        """Such as ``412/1506``."""
        return f"{self.loaded}/{'?' if self.total is None else self.total}"

    def times_text(self) -> str:
        """Such as ``9.8/s  0:42, ~1:52 left``."""
        rate = "" if self.rate is None else f"{self.rate:.1f}/s  "
        left = "" if not self.left_s else f", ~{clock_text(self.left_s)} left"
        return f"{rate}{clock_text(self.elapsed_s)}{left}"


def clock_text(seconds: float) -> str:
    """Such as ``1:52``, or ``2:01:52``."""
    whole = round(seconds)
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:{'02' if hours else ''}}:{whole % 60:02}"


def stage_text(message: Message) -> str:
    """Such as ``scrolling``; of a job that waits ``queued, place 3`` or ``queued, no worker``."""
    stage = short(message.fields.get("stage", ""), 20)
    if message.is_event:
        return stage
    if message.fields.get("estimated_start_s") is None:
        return f"{stage}, no worker"
    position = message.fields.get("queue_position")
    return stage if position is None else f"{stage}, place {position}"


def _seconds(moment: object, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return otherwise


class Watch(Protocol):
    """Shows jobs to whoever waits for them."""

    def start(self, job_id: str, title: str) -> None:
        """A job is followed from now on."""

    def show(self, job_id: str, message: Message) -> None:
        """A message of the job came."""

    def finish(self, job_id: str, sentence: str, style: str) -> None:
        """The job is not followed any more, and this is what came of it."""

    def say(self, text: str) -> None:
        """Something that concerns no job."""


class Lines:
    """For logs and pipes: a line at each new stage, and one every five seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._paces: dict[str, Pace] = {}
        self._shown: dict[str, tuple[str, float]] = {}

    def start(self, job_id: str, title: str) -> None:
        """Name the job once."""
        self._paces[job_id] = Pace()
        say(f"job {job_id}  {title}")

    def show(self, job_id: str, message: Message) -> None:
        """A line, if it is time for one."""
        pace, now = self._paces[job_id], self._now()
        pace.take(message.fields, now)
        stage = stage_text(message)
        last_stage, shown_at = self._shown.get(job_id, ("", 0.0))
        if stage == last_stage and now - shown_at < LINE_EVERY_S:
            return
        self._shown[job_id] = (stage, now)
        name = f"{job_id}  " if len(self._paces) > 1 else ""
        say(f"{name}{stage:<15}  {pace.count_text()}  {pace.times_text()}")

    def finish(self, job_id: str, sentence: str, style: str) -> None:
        """The last line of a job."""
        del self._paces[job_id]
        say(sentence, style)

    def say(self, text: str) -> None:
        """A line."""
        say(text)


class Bars:
    """For a terminal: one bar a job; finished ones become a line above."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[title]}", markup=False),
            TextColumn("{task.fields[stage]:<15}", style="cyan", markup=False),
            BarColumn(bar_width=None, complete_style="green", finished_style="green"),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[times]}", style="dim", markup=False),
            console=console,
            transient=True,
            expand=True,
        )
        self._bars: dict[str, tuple[TaskID, Pace]] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, job_id: str, title: str) -> None:
        """A bar that knows no end yet."""
        self.say(f"job {job_id}  {title}")
        bar = self._progress.add_task(
            "", total=None, title=short(title, TITLE_WIDTH), stage="queued", count="", times=""
        )
        self._bars[job_id] = (bar, Pace())

    def show(self, job_id: str, message: Message) -> None:
        """Move the bar."""
        bar, pace = self._bars[job_id]
        pace.take(message.fields, time.monotonic())
        if named := message.fields.get("title"):
            self._progress.update(bar, title=short(named, TITLE_WIDTH))
        self._progress.update(
            bar,
            completed=pace.loaded,
            total=pace.total,
            stage=stage_text(message),
            count=pace.count_text(),
            times=pace.times_text(),
        )

    def finish(self, job_id: str, sentence: str, style: str) -> None:
        """Replace the bar by a line."""
        bar, _ = self._bars.pop(job_id)
        self._progress.remove_task(bar)
        self._progress.console.print(Text(safe(sentence), style=style), soft_wrap=True)

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(Text(safe(text), style="dim"), soft_wrap=True)


class JsonLines:
    """For programs: the messages themselves on stdout, sentences on stderr."""

    def start(self, job_id: str, title: str) -> None:
        """Nothing: the first message names the job."""

    def show(self, job_id: str, message: Message) -> None:
        """One JSON object."""
        print_json({"id": message.id, "job_id": job_id, **message.fields})

    def finish(self, job_id: str, sentence: str, style: str) -> None:
        """The sentence, for whoever watches the program."""
        say(sentence, style)

    def say(self, text: str) -> None:
        """The sentence."""
        say(text)


@contextmanager
def open_watch(*, as_json: bool = False) -> Iterator[Watch]:
    """The kind of watch that fits stderr."""
    console = messages()
    if as_json:
        yield JsonLines()
    elif console.is_terminal and not console.is_dumb_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Lines()
