"""Furniture of pages as typed facts, for the templates of the same names under templates/web/parts.

| facts | template | with |
|---|---|---|
| `Row` | summary_list.html | `rows` |
| `Task` | task_list.html | `tasks` |
| `Event` | timeline.html | `events` |
| `Tag` | tag.html | `tag` |
| `Link` | sub_nav.html | `links`, `label` |
| `Secret` | secret.html | `secret` |
| `Meter` | meter.html | `meter` |
| `Done` | done.html | `done` |
| `Empty` | empty.html | `empty` |
| a `Form` (exchange/web/fields.py) | error_summary.html, filter_bar.html, fields.html | `form` |

Each is shown in every state at /system/components.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise

Words = str | Promise
# A colour never stands alone: the word is always beside it.
Tone = Literal["quiet", "good", "asks", "moving", "bad", "urgent"]
TaskState = Literal["done", "begun", "todo", "wrong", "blocked"]


@dataclass(frozen=True, slots=True)
class Tag:
    word: Words
    tone: Tone = "quiet"


@dataclass(frozen=True, slots=True)
class Link:
    """`here` marks the page one is on; `count` is shown beside the label when it is not None."""

    label: Words
    url: str
    here: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One fact, and where to change it: `change` is the address, `what` completes "Change …" for the ear."""

    label: Words
    value: Words
    change: str = ""
    what: Words = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One line of a task list; without `url` it cannot be begun yet, and `hint` says why."""

    label: Words
    url: str
    state: TaskState
    word: Words
    hint: Words = ""

    @property
    def tone(self) -> Tone:
        tones: dict[TaskState, Tone] = {
            "done": "good", "begun": "moving", "todo": "asks", "wrong": "bad", "blocked": "quiet",
        }  # fmt: skip
        return tones[self.state]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `at` as `shown.instant` writes it, `who` did it, `text` in their words."""

    title: Words
    at: str
    who: str = ""
    text: str = ""
    tone: Tone = "quiet"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """Shown once and never again; `lost` says what to do when it was not copied."""

    label: Words
    value: str
    lost: Words = ""


@dataclass(frozen=True, slots=True)
class Meter:
    """How far something is: `percent` None when nobody can tell; `sentence` says it in words."""

    label: Words
    sentence: Words
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The panel after something was sent: what happened, and the reference to keep."""

    title: Words
    label: Words = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing here yet: why, and the address and words of what to do first."""

    text: Words
    url: str = ""
    act: Words = ""


def here(links: Iterable[Link], path: str) -> tuple[Link, ...]:
    """The same links, the one that `path` lies under marked: the longest address that fits."""
    known = tuple(links)
    fits = [link.url for link in known if path == link.url or path.startswith(f"{link.url.rstrip('/')}/")]
    # The first page lies above every address, so it is current for itself alone.
    fits = [url for url in fits if url != "/" or path == "/"]
    nearest = max(fits, key=len, default=None)
    return tuple(Link(one.label, one.url, one.url == nearest, one.count) for one in known)
