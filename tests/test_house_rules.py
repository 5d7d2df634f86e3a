"""The rules of the house that no linter knows: sizes, names, where things live, what a commit may hold."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models import Model

_ROOT = Path(__file__).resolve().parents[1]
_FLOORS = ("accounts", "hashsets", "exchange")
_LINES_PER_FILE = 420
_LINES_PER_FUNCTION = 45
_LINES_PER_TASK = 12
_FORBIDDEN_FILES = {
    *("services.py", "utils.py", "util.py", "helpers.py", "helper.py", "common.py", "misc.py", "signals.py"),
    *("managers.py", "manager.py", "handlers.py", "handler.py", "processors.py", "processor.py"),
}
_FORBIDDEN_WORDS = re.compile(
    r"(^|_)(manager|handler|processor|util|utils|helper|helpers)(_|$)", re.IGNORECASE
)
# Names that a framework chose, not we.
_GIVEN_NAMES = {"use_in_migrations", "handler400", "handler403", "handler404", "handler500"}


@cache
def sources(*floors: str) -> tuple[Path, ...]:
    """Every Python file of the given floors, migrations left out."""
    found = (path for floor in floors for path in sorted((_ROOT / floor).rglob("*.py")))
    return tuple(path for path in found if "migrations" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(_ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a body without its docstring: saying why, or naming the parameters, costs nothing."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")  # a source archive; the rule is for commits
    return [_ROOT / name for name in listing.stdout.split("\0") if name]


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in sources(*_FLOORS)}
    assert {name: length for name, length in lengths.items() if length > _LINES_PER_FILE} == {}


def test_no_function_is_too_long_to_see_at_once() -> None:
    long = {
        f"{name_of(path)}:{node.name}": body_lines(node)
        for path in sources(*_FLOORS)
        for node in functions(path)
        if body_lines(node) > _LINES_PER_FUNCTION
    }
    assert long == {}


def test_files_are_named_after_what_they_do() -> None:
    assert [name_of(path) for path in sources(*_FLOORS) if path.name in _FORBIDDEN_FILES] == []


def test_nothing_is_called_a_manager_a_handler_or_a_helper() -> None:
    named = (
        (path, node.name)
        for path in sources(*_FLOORS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    spelled = ((path, name, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) for path, name in named)
    found = [
        f"{name_of(path)}:{name}"
        for path, name, words in spelled
        if name not in _GIVEN_NAMES and _FORBIDDEN_WORDS.search(words)
    ]
    assert found == []


def test_every_module_says_why_it_exists_and_postpones_annotations() -> None:
    silent = []
    for path in sources(*_FLOORS):
        if not path.read_text().strip():
            continue
        future = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree(path).body
        )
        if ast.get_docstring(tree(path)) is None or not (future or len(tree(path).body) == 1):
            silent.append(name_of(path))
    assert silent == []


def test_every_model_is_collected_by_its_floor() -> None:
    for floor in _FLOORS:
        collected = import_module(f"{floor}.models")
        for path in sorted((_ROOT / floor).rglob("models.py")):
            module = import_module(".".join(path.relative_to(_ROOT).with_suffix("").parts))
            for name, model in inspect.getmembers(module, inspect.isclass):
                if (
                    not issubclass(model, Model)
                    or model.__module__ != module.__name__
                    or model._meta.abstract
                ):
                    continue
                assert getattr(collected, name, None) is model, f"{floor}/models.py leaves out {name}"
                assert apps.get_model(floor, name) is model


@pytest.mark.django_db
def test_no_model_is_ahead_of_its_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_model_hides_logic_in_save_or_delete() -> None:
    overriding = [
        f"{model.__name__}.{method}"
        for floor in _FLOORS
        for model in apps.get_app_config(floor).get_models()
        for method in ("save", "delete")
        if method in model.__dict__ and not _only_refuses(model.__dict__[method])
    ]
    assert overriding == []


def _only_refuses(method: object) -> bool:
    """An append-only row may forbid its own change; that is a guard, not a step of the flow."""
    source = inspect.getsource(method)  # type: ignore[arg-type]
    return "raise " in source and source.count("\n") <= _LINES_PER_TASK


def test_there_are_no_django_signals() -> None:
    found = [
        f"{name_of(path)}: {name}"
        for path in sources(*_FLOORS)
        for name in imports(path)
        if re.match(r"django\.(dispatch|db\.models\.signals|core\.signals|db\.backends\.signals)", name)
        or name == "django.contrib.auth.signals"
    ]
    assert found == []


def test_a_child_is_forked_where_no_connection_is_shared() -> None:
    forking = {
        name_of(path)
        for path in sources(*_FLOORS, "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("fork", "forkpty")
    }
    assert forking == {"tests/forking.py"}


def test_the_lower_floors_know_nothing_of_http() -> None:
    web = re.compile(
        r"^(django\.(http|views|shortcuts|urls|template|middleware|contrib\.sessions)|rest_framework)\b"
    )
    found = [
        f"{name_of(path)}: {name}"
        for path in sources("accounts", "hashsets")
        for name in imports(path)
        if web.match(name)
    ]
    assert found == []


def test_tasks_are_thin() -> None:
    fat = [
        f"{name_of(path)}:{node.name} has {body_lines(node)} lines"
        for path in sources(*_FLOORS)
        if path.name == "tasks.py"
        for node in functions(path)
        if body_lines(node) > _LINES_PER_TASK
    ]
    assert fat == []


def test_celery_finds_every_room_with_tasks() -> None:
    from exchange.celery import app, rooms_with_tasks

    rooms = {name_of(path.parent).replace("/", ".") for path in sources(*_FLOORS) if path.name == "tasks.py"}
    assert set(rooms_with_tasks()) == rooms
    app.loader.import_default_modules()
    for room in rooms:
        assert any(name.startswith(f"{room}.tasks.") for name in app.tasks), f"{room}.tasks registers no task"


def test_every_wake_up_names_a_task_and_a_queue_that_exist() -> None:
    """A nudge with a mistyped name would be lost in silence: the poller would hide the mistake."""
    from django.conf import settings

    from exchange.celery import app

    app.loader.import_default_modules()
    named = set()
    for path in sources("exchange"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "nudge":
                name, queue = node.args[0], {word.arg: word.value for word in node.keywords}.get("queue")
                assert isinstance(name, ast.Constant), (
                    f"{name_of(path)}:{node.lineno}: the name must be literal"
                )
                named.add(name.value)
                if isinstance(queue, ast.Constant):
                    assert queue.value in settings.HX_QUEUES, f"{name_of(path)}:{node.lineno}"
    assert named
    assert named <= set(app.tasks)


def test_time_is_a_parameter_below_the_doors() -> None:
    """The pure rooms never look at a clock: `now` is handed in."""
    pure = [path for path in sources("hashsets") if "core" in path.parts]
    clocks = re.compile(r"\b(datetime\.now|datetime\.utcnow|time\.time|timezone\.now|date\.today)\b")
    assert [name_of(path) for path in pure if clocks.search(path.read_text())] == []


def test_no_committed_file_names_a_machine_or_an_index() -> None:
    private = re.compile(
        r"(?<![\w.])/(work|root|home/\w+|tmp/hx)/|--(extra-)?index-url|https?://(pypi|files\.pythonhosted)\."
    )
    this = Path(__file__).resolve()
    found = []
    for path in tracked_files():
        if (
            path.resolve() == this
            or not path.is_file()
            or path.suffix in {".parquet", ".png", ".woff2", ".mo"}
        ):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            if private.search(line):
                found.append(f"{name_of(path)}:{number}")
    assert found == []


def test_the_locks_pin_every_package_with_hashes() -> None:
    for lock in sorted((_ROOT / "deploy" / "lock").glob("*.txt")):
        entries = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text())
        for entry in entries:
            assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), f"{lock.name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry.split()[0]} has no hash"


def test_the_client_installs_without_the_server() -> None:
    lock = (_ROOT / "deploy" / "lock" / "client.txt").read_text()
    assert not re.search(r"^(django|celery|redis|psycopg2)\b", lock, re.MULTILINE)
    assert re.search(r"^tuf==", lock, re.MULTILINE)


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", (_ROOT / "README.md").read_text()))
    assert named
    assert named <= targets, f"README.md speaks of {sorted(named - targets)}"


def test_a_locked_row_may_still_be_referred_to() -> None:
    """A full row lock makes PostgreSQL's foreign key checks, at commit, wait for it: deadlocks."""
    full = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(*_FLOORS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "select_for_update"
        and not any(
            word.arg == "no_key" and isinstance(word.value, ast.Constant) and word.value.value is True
            for word in node.keywords
        )
    ]
    assert full == []
