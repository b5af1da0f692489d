"""Reads an agent prompt: a Markdown file whose frontmatter names it and the model it was written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.core.digest import sha256
from harness.core.errors import UsageError
from harness.core.plugins import unknown

ALIASES: Mapping[str, str] = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
}
FENCE = "---"


@dataclass(frozen=True)
class Prompt:
    """An agent file in one version."""

    name: str
    description: str
    model: str | None
    """Exact model id; None where the file leaves the choice to whoever starts the agent."""
    body: str
    """The system prompt: everything after the frontmatter."""
    digest: str
    """Over the whole file, since some drivers hand it over whole."""
    path: Path


def load_prompt(path: Path) -> Prompt:
    """Read an agent file; `UsageError` names file and line."""
    data, text = _read(path)
    lines = text.splitlines(keepends=True)
    end = _frontmatter_end(path, lines)
    values, places = _frontmatter(path, "".join(lines[1:end]))
    body = "".join(lines[end + 1 :]).strip("\n")
    if not body.strip():
        raise UsageError("no text after the frontmatter", where=f"{path}:{end + 1}", mend="write the prompt below it")
    model = values.get("model")
    return Prompt(
        name=_required(path, values, "name"),
        description=_required(path, values, "description"),
        model=None if model is None else _model(f"{path}:{places['model']}", str(model)),
        body=body,
        digest=sha256(data),
        path=path,
    )


def _read(path: Path) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
        return data, data.decode("utf-8-sig")
    except OSError as error:
        mend = "name a prompt file (.md)"
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), mend=mend) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 at byte {error.start}", where=str(path), mend="save it as UTF-8") from error


def _frontmatter_end(path: Path, lines: list[str]) -> int:
    """Index of the line that closes the frontmatter."""
    mend = "begin the file with '---', name: and description: lines, and '---'"
    if not lines or lines[0].rstrip() != FENCE:
        raise UsageError("no frontmatter", where=f"{path}:1", mend=mend)
    closing = (index for index, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE)
    end = next(closing, None)
    if end is None:
        raise UsageError("the frontmatter is not closed", where=f"{path}:1", mend="end it with a line '---'")
    return end


def _frontmatter(path: Path, text: str) -> tuple[dict[str, object], dict[str, int]]:
    """Values by key, and the line in the file on which each key stands."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        mend = "quote values that hold ': ' or begin with a special character"
        raise UsageError(f"frontmatter is not YAML: {error.problem}", where=f"{path}:{line}", mend=mend) from error
    if not isinstance(node, yaml.MappingNode):
        raise UsageError("frontmatter has no keys", where=f"{path}:1", mend="write lines 'key: value'")
    return values, {str(key.value): key.start_mark.line + 2 for key, _ in node.value}


def _required(path: Path, values: Mapping[str, object], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"frontmatter: {key} is missing", where=f"{path}:1", mend=f"add a line '{key}: …'")
    return value.strip()


def _model(where: str, model: str) -> str | None:
    if model == "inherit":
        return None
    if model in ALIASES:
        return ALIASES[model]
    if model.startswith("claude-"):
        return model
    raise UsageError(unknown("model alias", model, ALIASES), where=where, mend="use an alias or an exact model id")
