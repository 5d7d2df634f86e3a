"""The processes that make up a running exchange on one machine: web, and a worker per lane.

`python -m exchange.stack` runs them under the supervisor; the demo and the journey tests use the same list.
The urgent lane has a worker of its own so that nothing routine is ever in front of an emergency withdrawal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from exchange.supervise import Process, Supervisor

_ROOT = Path(__file__).resolve().parent.parent
# Worker name -> queue and number of threads. Data work is bound by CPU: more threads would add only memory.
_LANES = {"worker-data": ("data", 2), "worker-push": ("push", 2), "worker-urgent": ("push-urgent", 1)}


def processes(*, bind: str, env: Mapping[str, str] | None = None) -> tuple[Process, ...]:
    """Return web and workers for an exchange that listens on `bind` (host:port); `env` adds settings."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "exchange.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))),
        "HX_BIND": bind,
        **(env or {}),
    }
    web = Process(
        "web",
        (sys.executable, "-m", "gunicorn", "-c", str(_ROOT / "deploy" / "gunicorn.conf.py"), "exchange.wsgi"),
        settings,
    )
    return (web, *(_worker(name, queue, threads, settings) for name, (queue, threads) in _LANES.items()))


def _worker(name: str, queue: str, threads: int, settings: Mapping[str, str]) -> Process:
    argv = (
        # Whatever is routine gives way on a busy machine; the urgent lane gives way to nobody.
        *(() if queue == "push-urgent" else ("nice", "-n", "5")),
        *(sys.executable, "-m", "celery", "-A", "exchange.worker", "worker"),
        *("--pool", "threads", "--concurrency", str(threads), "--queues", queue),
        *("--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", "WARNING"),
    )
    return Process(name, argv, settings)


def main() -> None:
    """Run the exchange until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m exchange.stack", description=__doc__)
    parser.add_argument("--bind", default="127.0.0.1:8000", help="host:port of the web server")
    parser.add_argument("--var", default=os.environ.get("HX_VAR", "var"), help="folder for logs and state")
    parser.add_argument("--quiet", action="store_true", help="write log files only")
    arguments = parser.parse_args()
    var = Path(arguments.var).resolve()
    Supervisor(
        processes(bind=arguments.bind, env={"HX_VAR": str(var)}), var=var, console=not arguments.quiet
    ).run()


if __name__ == "__main__":
    main()
