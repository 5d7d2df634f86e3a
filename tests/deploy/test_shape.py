"""What is under deploy/ fits the code: settings, commands, metrics, paths and units are looked up."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.test import Client
from django.utils import timezone
from typer.main import get_command

from exchange.celery import app as celery_app
from exchange.client.commands.app import app as hashx_app
from exchange.operate.figures import exposition
from exchange.stations import STATIONS, visit_station
from exchange.tasks import visit
from hashsets.trust.directory import ensure_directory
from tests import cast
from tests.exchange.world import endpoint_of, follow, new_list, publish

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "hash-exchange"
# Read by libraries and images, not by the exchange.
FOREIGN = re.compile(r"AWS_|POSTGRES_|MINIO_|PYTHON|PATH$|DJANGO_SETTINGS_MODULE$|HASHX_|HASH_EXCHANGE_")


@cache
def known_settings() -> frozenset[str]:
    """Every name that the code reads from its environment, from the source: `env.str("NAME")` and its kin."""
    names: set[str] = set()
    for path in (
        ROOT / "exchange" / "settings.py",
        DEPLOY / "gunicorn.conf.py",
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                said = node.args[0].value
                if isinstance(said, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", said):
                    names.add(said)
    assert {"HX_PUBLIC_URL", "SECRET_KEY", "HX_BIND", "EMAIL_HOST"} <= names
    return frozenset(names)


def named(name: str) -> bool:
    return (
        bool(FOREIGN.match(name))
        or name in known_settings()
        or name.removesuffix("_FILE") in known_settings()
    )


def env_file_names() -> set[str]:
    lines = (DEPLOY / "exchange.env.example").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def rendered(path: Path) -> Iterator[dict[str, Any]]:
    """The chart's plain templates: values, the release's name, `quote` and one `printf`. All else fails."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def fill(match: re.Match[str]) -> str:
        expression = match[1].strip()
        quoted = expression.endswith("| quote")
        expression = expression.removesuffix("| quote").strip()
        form = "%s"
        if made := re.fullmatch(r'printf "([^"]*)" (\S+)', expression):
            form, expression = made[1], made[2]
        if expression == ".Release.Name":
            value: Any = "exchange"
        else:
            assert expression.startswith(".Values."), expression
            value = values
            for part in expression.removeprefix(".Values.").split("."):
                value = value[part]
        text = form % value
        return f'"{text}"' if quoted else text

    text = re.sub(r"\{\{(.*?)\}\}", fill, path.read_text())
    yield from (one for one in yaml.safe_load_all(text) if one)


def charted() -> list[dict[str, Any]]:
    return [one for path in sorted((CHART / "templates").glob("*.yaml")) for one in rendered(path)]


def containers() -> Iterator[dict[str, Any]]:
    for one in charted():
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        yield from (*pod.get("containers", ()), *pod.get("initContainers", ()))


def commands() -> dict[str, list[str]]:
    """Every process of the exchange that a file under deploy/ starts, as a list of words."""
    ours = {
        name: one for name, one in compose()["services"].items() if one.get("image") == "hash-exchange:latest"
    }
    found = {f"compose {name}": list(map(str, one["command"])) for name, one in ours.items()}
    found |= {f"helm {one['name']}": list(map(str, one["command"])) for one in containers()}
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        for number, line in enumerate(re.findall(r"(?m)^ExecStart(?:Pre)?=(.*)$", path.read_text())):
            found[f"{path.name} {number}"] = shlex.split(line)
    last = re.findall(r"(?m)^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text())[-1]
    return found | {"Dockerfile": yaml.safe_load(last)}


def bare(words: list[str]) -> list[list[str]]:
    """The commands without interpreters and folders; `sh -c "a && b"` are two."""
    if words[:2] == ["sh", "-c"]:
        return [one for part in words[2].split("&&") for one in bare(shlex.split(part))]
    words = [Path(words[0]).name, *words[1:]]
    if words[0] == "python":
        words = words[2:] if words[1] == "-m" else words[1:]
    return [words]


def test_every_process_that_is_started_exists() -> None:
    queues = set()
    for where, words in commands().items():
        for program, *arguments in bare(words):
            if program == "gunicorn":
                assert arguments == ["-c", "deploy/gunicorn.conf.py", "exchange.wsgi"], where
            elif program == "celery":
                assert arguments[:2] == ["-A", "exchange.worker"], where
                celery_takes(arguments[2], [one for one in arguments[3:] if one.startswith("--")])
                if arguments[2] == "worker":
                    assert arguments[arguments.index("--pool") + 1] == "threads", where
                    queues.add(arguments[arguments.index("--queues") + 1])
            elif program == "manage.py":
                assert_managed(arguments, where)
            else:
                assert program == "hashx", where
                assert_hashx(arguments, where)
    assert queues - {"%i"} == set(settings.HX_QUEUES)


@cache
def celery_options(command: str) -> frozenset[str]:
    from celery.bin.celery import celery

    return frozenset(option for one in celery.commands[command].params for option in one.opts)


def celery_takes(command: str, options: list[str]) -> None:
    assert {one.partition("=")[0] for one in options} <= celery_options(command)


def assert_managed(words: list[str], where: str) -> None:
    """`words` after manage.py: a command that exists, and options that it takes (its own and Django's)."""
    name, *arguments = words
    assert name in get_commands(), f"{where}: manage.py {name}"
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    known = set(parser._option_string_actions)
    for steps in parser._actions:
        if isinstance(steps, argparse._SubParsersAction):
            assert arguments[0] in steps.choices, f"{where}: manage.py {name} {arguments[0]}"
            known |= set(steps.choices[arguments[0]]._option_string_actions)
    assert {one.partition("=")[0] for one in arguments if one.startswith("-")} <= known, f"{where}: {name}"


def assert_hashx(words: list[str], where: str) -> None:
    name, *arguments = words
    command: Any = get_command(hashx_app)
    assert name in command.commands, f"{where}: hashx {name}"
    known = {option for one in command.commands[name].params for option in one.opts} | {"--help"}
    asked = {one for one in arguments if one.startswith("-") and one != "-"}
    assert asked <= known, f"{where}: hashx {name} {asked - known}"


def test_every_setting_that_is_given_is_one_that_is_read() -> None:
    given = env_file_names()
    for one in compose()["services"].values():
        given |= set(one.get("environment", {}))
    for one in charted():
        given |= set(one["data"]) if one["kind"] == "ConfigMap" else set()
    given |= {variable["name"] for one in containers() for variable in one.get("env", ())}
    given |= set(re.findall(r"\b([A-Z][A-Z0-9_]+)=\S", (DEPLOY / "Dockerfile").read_text()))
    for path in (DEPLOY / "systemd").glob("*.service"):
        given |= set(re.findall(r"(?m)^Environment=([A-Z0-9_]+)=", path.read_text()))
    given |= set(re.findall(r"\bHX_[A-Z0-9_]+", "".join(page.read_text() for page in pages())))
    assert sorted(name for name in given if not named(name)) == []
    assert len(given) > 30


def pages() -> list[Path]:
    return [*DEPLOY.glob("*.md"), *DEPLOY.glob("nginx/*.conf"), *DEPLOY.glob("prometheus/*.yaml")]


def test_every_secret_that_is_named_is_mounted() -> None:
    document = compose()
    for name, one in document["services"].items():
        environment = one.get("environment", {})
        files = [str(value) for value in environment.values() if str(value).startswith("/run/secrets/")]
        if "env_file" in one:
            example = (DEPLOY / "exchange.env.example").read_text()
            overridden = {key for key in environment if str(environment[key]).startswith("/run/secrets/")}
            files += [
                line.partition("=")[2]
                for line in example.splitlines()
                if "=/run/secrets/" in line and line.partition("=")[0] not in overridden
            ]
        wanted = {file.removeprefix("/run/secrets/") for file in files}
        if name != "migrate":  # it reads the same file of settings, and needs three of the secrets
            assert wanted <= set(one.get("secrets", ())), name
        assert set(one.get("secrets", ())) <= set(document["secrets"]), name
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in document["volumes"] or source.startswith("./"), volume


def test_every_file_that_is_copied_or_mounted_is_there() -> None:
    for line in re.findall(r"(?m)^COPY (?!--)(.*)$", (DEPLOY / "Dockerfile").read_text()):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    for service in compose()["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("./") and source != "./tls":
                assert (DEPLOY / source).exists(), source


def test_every_pod_and_container_gives_up_what_it_does_not_need() -> None:
    for one in charted():
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["automountServiceAccountToken"] is False
            assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["containers"])
            volumes = {each["name"] for each in pod["volumes"]}
            assert all(
                mount["name"] in volumes for each in pod["containers"] for mount in each["volumeMounts"]
            )
            assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
    for name, one in compose()["services"].items():
        if one.get("image") == "hash-exchange:latest":
            assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"]), name
        # Only nginx is reached from outside.
        assert ("ports" in one) == (name == "nginx"), name


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        if os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing: the units were not looked at")
        pytest.skip("systemd-analyze is not installed: the units are not looked at here")
    units = []
    for path in sorted((DEPLOY / "systemd").iterdir()):
        # Its programs and users belong to the host; here only that what the unit says is understood.
        text = re.sub(r"(?m)^(ExecStart(?:Pre)?=)\S+", r"\1/bin/true", path.read_text())
        unit = tmp_path / path.name.replace("@.", "@data.")
        unit.write_text(text)
        (tmp_path / path.name).write_text(text)
        units.append(unit)
    said = subprocess.run(
        [analyze, "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    ).stderr
    complaints = [line for line in said.splitlines() if str(tmp_path) in line or "hash" in line]
    assert complaints == []


def metric_names(expression: str) -> set[str]:
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', " ", expression)
    words = set(re.findall(r"(?<![\w.])[a-z_][a-z0-9_]*(?!\w)(?!\s*\()", bare))
    return words - {
        "and",
        "or",
        "unless",
        "by",
        "without",
        "ignoring",
        "on",
        "sum",
        "delta",
        "deriv",
        "state",
    }


@pytest.mark.django_db(transaction=True)
def test_every_metric_and_label_of_the_alerts_exists(tmp_path: Path, settings: Any) -> None:
    settings.HX_VAR = tmp_path
    for queue in settings.HX_QUEUES:
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / f"poller-{queue}").touch()
    hash_list, lumen = new_list(cast.harbor()), cast.lumen()
    follow(lumen, hash_list, endpoint_of(lumen, "https://hooks.example/x"))
    publish(hash_list)
    ensure_directory(timezone.now())
    told = exposition(timezone.now()).decode()
    exposed = {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE")}
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"]
    used = set().union(*(metric_names(rule["expr"]) for rule in group["rules"]))
    assert used - exposed - {"up"} == set()
    assert len(used) >= 8
    titles = set(re.findall(r"(?m)^#+ (.*)$", (DEPLOY / "runbook.md").read_text()))
    anchors = {"#" + re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    for rule in group["rules"]:
        assert rule["annotations"]["runbook"] in anchors, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    labels = {
        name: set(re.findall(r'(\w+)="', line)) for line in told.splitlines() for name in [line.split("{")[0]]
    }
    for rule in group["rules"]:
        for name, selector in re.findall(r"(\w+)\{([^}]*)\}", rule["expr"]):
            if name != "up":
                asked = set(re.findall(r"(\w+)[!=]", selector))
                assert asked <= labels.get(name, asked), rule["alert"]


def typed(page: Path) -> Iterator[str]:
    """What a page has its reader type: indented blocks."""
    for line in page.read_text().splitlines():
        if re.match(r" {4,}(manage\.py|hashx|python -m) ", line):
            yield line.strip()


def test_every_command_of_the_runbook_is_one_that_help_knows() -> None:
    lines = list(typed(DEPLOY / "runbook.md"))
    assert len(lines) > 20
    for line in lines:
        program, *words = shlex.split(line)
        if program == "manage.py":
            assert_managed(words, "runbook")
        elif program == "hashx":
            assert_hashx(words, "runbook")
        else:
            module = ROOT / (words[1].replace(".", "/") + ".py")
            assert module.is_file(), line
            assert all(f'"{one}"' in module.read_text() for one in words if one.startswith("--")), line


def test_every_bench_that_a_figure_waits_for_is_one_that_runs() -> None:
    asked = set(re.findall(r'--only ([a-z_. ]+)"', (DEPLOY / "capacity.md").read_text()))
    names = {name for one in asked for name in one.split()}
    source = "".join(path.read_text() for path in (ROOT / "tests" / "benchmarks").glob("*.py"))
    assert {name for name in names if f'"{name}"' not in source} == set()


def test_beat_wakes_stations_that_exist_on_the_queue_that_serves_them() -> None:
    queues = {station.name: station.queue for station in STATIONS}
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["task"] == visit.name
        assert entry["args"] == (name,)
        assert entry["options"]["queue"] == queues[name]
    assert celery_app.conf.beat_schedule == settings.CELERY_BEAT_SCHEDULE


@pytest.mark.django_db
def test_a_second_beat_changes_nothing() -> None:
    """What it wakes twice finds nothing to do the second time."""
    Client().get("/healthz")
    for name in settings.CELERY_BEAT_SCHEDULE:
        visit_station(name)
        assert visit_station(name) == 0, name


def test_the_files_name_no_place_of_a_developer() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "lock" not in path.parts and path.suffix not in (".pyc", ".png"):
            assert not re.search(r"/home/|localhost:\d|/Users/", path.read_text()), path
