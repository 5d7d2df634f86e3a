"""`pip install .` in an empty environment: the member client runs, and nothing of the server came with it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SERVER = ("django", "rest_framework", "celery", "redis", "psycopg2", "gunicorn", "webauthn")


def required(name: str, extras: frozenset[str], found: dict[str, Distribution]) -> None:
    """Gather what `name` needs, and all that this needs, as pip would."""
    for line in distribution(name).requires or ():
        wanted = re.match(r"[A-Za-z0-9._-]+", line)
        assert wanted is not None
        rest, _, condition = line.partition(";")
        if condition and not holds(condition.strip(), extras):
            continue
        other = re.sub(r"[-_.]+", "-", wanted[0]).lower()
        chosen = re.search(r"\[([^]]*)\]", rest)
        more = frozenset(part.strip() for part in chosen[1].split(",")) if chosen else frozenset()
        if other not in found:
            found[other] = distribution(other)
            required(other, more, found)


def holds(condition: str, extras: frozenset[str]) -> bool:
    from packaging.markers import Marker

    return any(Marker(condition).evaluate({"extra": extra}) for extra in (*extras, ""))


def site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment, the project installed by pip, and of this one what its metadata ask for.

    The parts are copied, not downloaded: the test needs no network, and what is not declared is not there.
    """
    folder = tmp_path_factory.mktemp("install")
    source = folder / "source"
    unwanted = shutil.ignore_patterns(
        ".*", "var", "build", "*.egg-info", "__pycache__", "tests", "node_modules"
    )
    shutil.copytree(ROOT, source, ignore=unwanted)
    made = folder / "venv"
    venv.create(made, with_pip=False, symlinks=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(made / "bin" / "python"),
    ]
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    wheels = [*pip[:4], "wheel", *alone, "--wheel-dir", str(folder), str(source)]
    subprocess.run(wheels, check=True, timeout=300)
    (wheel,) = folder.glob("hash_exchange-*.whl")
    subprocess.run([*pip, "install", *alone, str(wheel)], check=True, timeout=300)
    parts: dict[str, Distribution] = {}
    required("hash-exchange", frozenset(), parts)
    for part in parts.values():
        for file in part.files or ():
            if ".." in file.parts:
                continue  # commands of its own
            target = site_packages(made) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(str(file.locate())).is_file():
                shutil.copy(str(file.locate()), target)
    return made


def ran(environment: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=environment,
        env={"PATH": "/usr/bin:/bin", "HOME": str(environment), "LANG": "C.UTF-8"},
    )


@pytest.mark.slow
def test_the_client_runs_and_the_server_is_not_there(environment: Path) -> None:
    ask = f"from importlib.util import find_spec; print([n for n in {SERVER!r} if find_spec(n)])"
    assert ran(environment, "python", "-c", ask).stdout.strip() == "[]"
    helped = ran(environment, "hashx", "--help")
    assert helped.returncode == 0, helped.stderr
    assert "sync" in helped.stdout


@pytest.mark.slow
def test_every_module_of_the_client_loads_without_the_server(environment: Path) -> None:
    walk = (
        "import importlib, pkgutil, exchange.client as c\n"
        "names = [m.name for m in pkgutil.walk_packages(c.__path__, 'exchange.client.')]\n"
        "[importlib.import_module(name) for name in names]\n"
        "print(len(names))"
    )
    told = ran(environment, "python", "-c", walk)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) > 30


@pytest.mark.slow
def test_what_it_tells_a_member_without_settings(environment: Path) -> None:
    told = ran(environment, "hashx", "doctor", "--json", "--home", str(environment / "none"))
    assert told.returncode == 1, told.stderr
    assert json.loads(told.stdout)
