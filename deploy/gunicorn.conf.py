"""How gunicorn serves the exchange; every number may be set from the environment."""

from __future__ import annotations

import os
from pathlib import Path

bind = os.environ.get("HX_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("HX_WEB_PROCESSES", "2"))
threads = int(os.environ.get("HX_WEB_THREADS", "8"))
# gunicorn's threads, but none of them waits for a slow sender (exchange/http/buffering.py).
worker_class = "exchange.http.buffering.BufferingWorker"
# Open connections of one process, those that still send their request among them; below the usual limit of
# 1,024 open files. When it is reached, whoever has waited longest without a whole request gives way.
worker_connections = int(os.environ.get("HX_WEB_CONNECTIONS", "512"))
# Longer than any allowed upload takes to be stored; a worker that is silent for longer hangs.
timeout = int(os.environ.get("HX_WEB_TIMEOUT", "120"))
graceful_timeout = 10
keepalive = 5
# Heartbeats in memory: on a busy disk a heartbeat file can wait for the disk and the worker be killed for it.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Requests are logged by the application, where hash values, keys and tokens are cut out. A log of raw request
# lines would not be.
accesslog = None
control_socket_disable = True  # one door less; systemd, Kubernetes or our supervisor control it by signals
errorlog = "-"
loglevel = "warning"
# What gunicorn itself says of a request that broke names its whole address; it goes through our filter too.
logconfig_dict = {
    "formatters": {
        "generic": {
            "()": "exchange.logs.CutLines",
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
        }
    },
    "loggers": {"gunicorn.error": {"level": "WARNING", "handlers": ["error_console"], "propagate": False}},
}
limit_request_line = 4094
limit_request_field_size = 8190
forwarded_allow_ips = os.environ.get("HX_PROXY_ADDRESSES", "127.0.0.1")
