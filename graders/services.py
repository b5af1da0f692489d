"""Which commands operate a server or other infrastructure, and which only talk to one or ask about it.

Judged by program and verb, from a parsed command or from a command line that the sandbox saw running.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from graders.launchers import PYTHON, basename, launch, skip_options, unwrap

_ASGI = frozenset({"uvicorn", "hypercorn", "gunicorn", "daphne", "granian", "waitress-serve"})
"""Servers that do nothing without an application to serve."""
_SERVERS = frozenset(
    {"http.server", "nginx", "httpd", "apache2", "postgres", "postmaster", "redis-server", "valkey-server", "memcached"}
    | {"redis-sentinel", "valkey-sentinel", "rabbitmq-server", "mongod", "mysqld", "mariadbd", "minio", "supervisord"}
    | {"dockerd", "containerd", "dramatiq", "huey_consumer", "huey_consumer.py", "arq", "pgserver", "smtpd", "aiosmtpd"}
    | {"webpack-dev-server", "http-server", "live-server", "ngrok"}
)
_NODE = frozenset({"npm", "yarn", "pnpm", "bun"})
_NODE_SCRIPTS = frozenset({"dev", "start", "serve", "preview"})
_SWITCHES = frozenset(
    {"start", "stop", "restart", "reload", "force-reload", "try-restart", "kill", "enable", "disable"}
)
_COMPOSE = frozenset(
    {
        "up",
        "down",
        "start",
        "stop",
        "restart",
        "kill",
        "rm",
        "run",
        "build",
        "pull",
        "push",
        "create",
        "pause",
        "unpause",
    }
    | {"scale", "watch"}
)
_DOCKER = (_COMPOSE - {"down", "scale", "watch"}) | {"prune", "rmi", "update", "load", "import", "stack", "swarm"}
_DOCKER_GROUPS = frozenset({"container", "image", "volume", "network", "system", "builder", "buildx"})
_VERBS: Mapping[str, frozenset[str]] = {
    "fastapi": frozenset({"dev", "run"}),
    "flask": frozenset({"run"}),
    "litestar": frozenset({"run"}),
    "quart": frozenset({"run"}),
    "manage.py": frozenset({"runserver"}),
    "django-admin": frozenset({"runserver"}),
    "celery": frozenset({"worker", "beat", "flower", "multi", "events"}),
    "rq": frozenset({"worker", "worker-pool"}),
    "taskiq": frozenset({"worker", "scheduler"}),
    "caddy": frozenset({"run", "start", "stop", "reload", "file-server", "reverse-proxy"}),
    "pg_ctl": _SWITCHES,
    "systemctl": _SWITCHES,
    "supervisorctl": _SWITCHES | {"shutdown", "update"},
    "next": frozenset({"dev", "start"}),
    "mkdocs": frozenset({"serve"}),
    "jupyter": frozenset({"lab", "notebook", "server"}),
    "streamlit": frozenset({"run"}),
    "honcho": frozenset({"start", "run"}),
    "foreman": frozenset({"start", "run"}),
    "overmind": frozenset({"start", "restart", "stop"}),
    "pm2": frozenset({"start", "stop", "restart", "reload", "kill", "delete"}),
    "kubectl": frozenset({"apply", "create", "delete", "rollout", "scale", "run", "patch"}),
    "redis-cli": frozenset({"shutdown"}),
    "valkey-cli": frozenset({"shutdown"}),
}
_VALUED: Mapping[str, frozenset[str]] = {
    "celery": frozenset({"-A", "--app", "-b", "--broker", "--workdir", "--config", "--loader", "--result-backend"}),
    "flask": frozenset({"-A", "--app", "-e", "--env-file"}),
    "litestar": frozenset({"--app", "--app-dir"}),
    "pg_ctl": frozenset({"-D", "--pgdata", "-l", "--log", "-o", "--options", "-m", "--mode", "-t", "--timeout", "-p"}),
    "redis-cli": frozenset({"-h", "-p", "-s", "-a", "-u", "-n", "--user", "--pass"}),
    "valkey-cli": frozenset({"-h", "-p", "-s", "-a", "-u", "-n", "--user", "--pass"}),
    "systemctl": frozenset({"-H", "-M", "-t", "-p"}),
    "kubectl": frozenset({"-n", "--namespace", "--context", "--kubeconfig"}),
}
_COMPOSE_VALUED = frozenset(
    {"-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory", "--ansi", "--progress"}
)
_DOCKER_VALUED = frozenset({"-H", "--host", "-c", "--context", "--config", "-l", "--log-level"})
_ABOUT = frozenset({"--version", "--help", "-V", "--check-config", "--print-config", "--dry-run", "--describe-config"})
_SHORT_ABOUT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_ASGI, frozenset({"-h"})),
    **dict.fromkeys(("gunicorn", "redis-server", "valkey-server"), frozenset({"-h", "-v"})),
    "nginx": frozenset({"-h", "-v", "-t"}),
}
"""One letter means a question for one program and a volume, a tag or a time limit for another."""
_NAMES = re.compile(
    r"uvicorn|hypercorn|gunicorn|daphne|granian|postgres|postmaster|redis|valkey|celery|nginx|docker|fastapi|memcached"
    r"|rabbitmq|mongod|mysqld|vite\b|http\.server",
    re.IGNORECASE,
)
_LISTENS = re.compile(r"-[a-z]*l[a-z]*$")


def program(argv: tuple[str, ...]) -> tuple[str, ...]:
    """A command line with its interpreter taken off: `python -m uvicorn x` and `/opt/bin/uvicorn x` are `uvicorn x`.

    Processes may rewrite their own title into one word; it is taken apart.
    """
    if not argv:
        return ("",)
    first, *rest = argv
    if " " in first and not rest:
        first, *rest = first.split()
    name = basename(first).rstrip(":")
    wrapped = unwrap((name, *rest)) if name == "coverage" else None
    if wrapped is not None:
        return program(wrapped.argv)
    started = launch((name, *rest)) if name else None
    if started is None or started.kind not in {"module", "script", "source"} or not started.value:
        return (name, *rest)
    if started.kind == "module" or PYTHON.match(name) or started.kind == "source":
        inner = (basename(started.value), *started.args)
        return program(inner) if inner[0] == "coverage" else inner
    return (name, *rest)


def operates(argv: tuple[str, ...]) -> str | None:
    """What a command does to a server or service, in a few words; None where it does nothing of the kind."""
    name, *rest = program(argv)
    words = tuple(rest)
    if _ABOUT.intersection(words) or _SHORT_ABOUT.get(name, frozenset()).intersection(words):
        return None
    if name in _ASGI:
        return f"starts {name}" if words else None
    if name in _SERVERS:
        return f"starts {name}"
    if name in {"docker", "docker-compose", "podman", "podman-compose"}:
        return _containers(name, words)
    if name in _NODE:
        return _node(name, words)
    if name == "vite":
        return None if words[:1] in {("build",), ("optimize",)} else "starts vite"
    if name in {"service", "pg_ctlcluster", "rc-service", "brew"}:
        verb = next((word for word in words[1:] if word in _SWITCHES), None)
        return f"{name} {verb}" if verb else None
    return _verb(name, words) or _signal(name, words) or _listener(name, words)


def _verb(name: str, words: tuple[str, ...]) -> str | None:
    operands = skip_options(words, _VALUED.get(name, frozenset()))
    verb = operands[0].lower() if operands else ""
    return f"{name} {verb}" if verb in _VERBS.get(name, frozenset()) else None


def _containers(name: str, words: tuple[str, ...]) -> str | None:
    if not name.endswith("-compose"):
        words = skip_options(words, _DOCKER_VALUED)
        if words[:1] != ("compose",):
            verb = words[1:2] if words[:1] and words[0] in _DOCKER_GROUPS else words[:1]
            return f"{name} {verb[0]}" if verb and verb[0] in _DOCKER else None
        words = words[1:]
    operands = skip_options(words, _COMPOSE_VALUED)
    return f"{name} compose {operands[0]}" if operands and operands[0] in _COMPOSE else None


def _node(name: str, words: tuple[str, ...]) -> str | None:
    operands = skip_options(words, frozenset({"--prefix", "-C", "--dir", "--cwd", "-w", "--workspace", "--filter"}))
    if operands[:1] in {("run",), ("run-script",)}:
        operands = skip_options(operands[1:], frozenset({"--prefix"}))
    return f"{name} {operands[0]}" if operands and operands[0] in _NODE_SCRIPTS else None


def _signal(name: str, words: tuple[str, ...]) -> str | None:
    if name in {"pkill", "killall"} and any(_NAMES.search(word) and "pytest" not in word for word in words):
        return f"{name} of a service"
    if name == "fuser" and any(re.match(r"-[a-zA-Z]*k", word) for word in words):
        return "kills what listens on a port"
    return None


def _listener(name: str, words: tuple[str, ...]) -> str | None:
    if name in {"nc", "ncat", "netcat"} and any(_LISTENS.match(word) or word == "--listen" for word in words):
        return f"{name} listens"
    if name == "socat" and any("listen" in word.lower() for word in words):
        return "socat listens"
    return "php serves" if name == "php" and "-S" in words else None


def finds_service(argv: tuple[str, ...]) -> bool:
    """Whether a command looks a service's process up, by name or by port, as one does before killing it."""
    name = basename(argv[0])
    if name in {"pgrep", "pidof", "grep", "cat"}:
        return any(_NAMES.search(word) for word in argv[1:])
    return name == "lsof" and any(re.search(r"-[a-zA-Z]*i(\W|$)|:\d{2,5}", word) for word in argv[1:])
