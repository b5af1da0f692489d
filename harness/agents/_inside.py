"""The file tools, as they run inside the sandbox: one request in, one JSON answer on standard output.

The driver sends this module's code and a request to the sandbox's own Python; so it needs the standard library only,
and of that only what an interpreter has loaded anyway: `re`, `json` and `pathlib` would take longer to import than most
calls take. No path of an agent is ever opened on the host: what a link points to, or a file's size and kind, is the
sandbox's own affair.
"""

from __future__ import annotations

import os
import stat
from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from typing import Any

    Input = dict[str, Any]

MAX_FILE = 10_000_000
"""Bytes of a file that the tools look at."""
MAX_TEXT = 100_000
"""Characters of one answer."""
MAX_LINE = 2000
LINES = 2000
FOUND = 100
"""Paths that Glob answers with."""
SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv"})
KINDS = {
    "py": (".py", ".pyi"),
    "js": (".js", ".jsx", ".mjs", ".cjs"),
    "ts": (".ts", ".tsx", ".mts", ".cts"),
    "md": (".md", ".markdown"),
    "yaml": (".yaml", ".yml"),
    "sh": (".sh", ".bash"),
    **{name: (f".{name}",) for name in ("json", "toml", "sql", "html", "css", "txt", "po")},
}


class Refused(Exception):
    """The tool cannot do what was asked; the text is the agent's answer."""


def read(given: Input, cwd: str) -> str:
    """Lines of a text file, numbered as `cat -n` does."""
    path = _path(cwd, given["file_path"])
    lines = _text(path, cwd).split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return "Warning: the file exists but its contents are empty."
    start = max(given["offset"] or 1, 1)
    if start > len(lines):
        return f"Warning: the file is shorter than the offset ({start}): it has {len(lines)} lines."
    stop = min(len(lines), start - 1 + (given["limit"] or LINES))
    numbered = [f"{number:>6}\t{lines[number - 1][:MAX_LINE]}" for number in range(start, stop + 1)]
    if given["limit"] is None and stop < len(lines):
        numbered.append(f"... (lines {start} to {stop} of {len(lines)}; use offset and limit for more)")
    return "\n".join(numbered)


def write(given: Input, cwd: str) -> str:
    """Replace a file's whole content."""
    path = _path(cwd, given["file_path"])
    existed = _regular(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _put(path, given["content"].encode("utf-8", "replace"))
    return f"The file {path} has been updated." if existed else f"File created successfully at: {path}"


def edit(given: Input, cwd: str) -> str:
    """Replace a string that stands in the file once, or everywhere."""
    path = _path(cwd, given["file_path"])
    old, new = given["old_string"], given["new_string"]
    if old == new:
        raise Refused("No changes to make: old_string and new_string are exactly the same.")
    if not old and not _regular(path):
        return write({"file_path": path, "content": new}, cwd)
    text = _bytes(path, cwd).decode("utf-8", "surrogateescape")
    if old and old not in text and "\r\n" in text:
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    count = text.count(old) if old else 0
    if count == 0:
        raise Refused(f"String to replace not found in file.\nString: {old}")
    if count > 1 and not given["replace_all"]:
        raise Refused(
            f"Found {count} matches of the string to replace, but replace_all is false. To replace all of them, set "
            f"replace_all to true; to replace one, give more context that makes it unique.\nString: {old}"
        )
    _put(path, text.replace(old, new).encode("utf-8", "surrogateescape"))
    return f"The file {path} has been updated." + (f" {count} occurrences were replaced." if count > 1 else "")


def glob(given: Input, cwd: str) -> str:
    """Paths that match a glob, sorted."""
    root = _path(cwd, given["path"] or "")
    if not os.path.isdir(root):
        raise Refused(f"Directory does not exist: {root}")
    wanted = glob_regex(given["pattern"].removeprefix(f"{root}/"))
    found = [path for path in _files(root) if wanted.fullmatch(_below(root, path))]
    if not found:
        return "No files found"
    more = [f"... ({len(found) - FOUND} more; use a narrower pattern)"] if len(found) > FOUND else []
    return "\n".join([*map(_shown, found[:FOUND]), *more])


def grep(given: Input, cwd: str) -> str:
    """Lines, files or counts that a regular expression finds."""
    import re

    root = _path(cwd, given["path"] or "")
    if not os.path.exists(root):
        raise Refused(f"Path does not exist: {root}")
    try:
        wanted = re.compile(given["pattern"], _flags(given))
    except re.error as error:
        raise Refused(f"The pattern is no regular expression: {error}") from None
    report = {"content": _matching, "count": _counted, "files_with_matches": _named}[given["output_mode"]]
    lines = [line for path, text in _searched(root, given) for line in report(path, text, wanted, given)]
    if not lines:
        return "No matches found"
    limit = given["head_limit"] or len(lines)
    more = (
        [f"... ({len(lines) - limit} more lines; use a narrower pattern or head_limit)"] if len(lines) > limit else []
    )
    return "\n".join([*lines[:limit], *more])


def glob_regex(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression over relative paths; without a slash it matches in every folder."""
    import re

    if "/" not in pattern:
        pattern = "**/" + pattern
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{|\}|,|.", pattern, re.DOTALL)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    braces = pattern.count("{") == pattern.count("}") > 0
    if braces:
        known |= {"{": "(?:", "}": ")", ",": "|"}
    parts = (known.get(token) or _class(token) for token in tokens)
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise Refused(f"The pattern is no glob: {error}") from None


def _class(token: str) -> str:
    import re

    if len(token) == 1:
        return re.escape(token)
    negated = token[1] == "!"
    inner = token[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
    return f"[{'^' if negated else ''}{inner}]"


def _flags(given: Input) -> int:
    import re

    case = re.IGNORECASE if given["-i"] else 0
    return case | (re.MULTILINE | re.DOTALL if given["multiline"] else 0)


def _searched(root: str, given: Input) -> Iterator[tuple[str, str]]:
    wanted = glob_regex(given["glob"]) if given["glob"] else None
    kinds = KINDS[given["type"]] if given["type"] else ("",)
    for path in [root] if os.path.isfile(root) else _files(root):
        inside = os.path.basename(path) if path == root else _below(root, path)
        if not inside.endswith(kinds) or (wanted is not None and not wanted.fullmatch(inside)):
            continue
        try:
            yield path, _text(path, root)
        except (Refused, OSError):
            continue  # Binary, too large, unreadable: nothing to search.


def _matching(path: str, text: str, wanted: re.Pattern[str], given: Input) -> Iterator[str]:
    lines = text.split("\n")
    hits = _hits(text, lines, wanted, given["multiline"])
    before = given["-C"] if given["-C"] is not None else given["-B"] or 0
    after = given["-C"] if given["-C"] is not None else given["-A"] or 0
    shown = sorted({n for hit in hits for n in range(max(0, hit - before), min(len(lines), hit + after + 1))})
    for number in shown:
        mark = ":" if number in hits else "-"
        place = f"{mark}{number + 1}" if given["-n"] else ""
        yield f"{_shown(path)}{place}{mark}{lines[number][:MAX_LINE]}"


def _counted(path: str, text: str, wanted: re.Pattern[str], given: Input) -> Iterator[str]:
    hits = _hits(text, text.split("\n"), wanted, given["multiline"])
    if hits:
        yield f"{_shown(path)}:{len(hits)}"


def _named(path: str, text: str, wanted: re.Pattern[str], given: Input) -> Iterator[str]:
    if given["multiline"]:
        found = wanted.search(text) is not None
    else:
        found = any(wanted.search(line) for line in text.split("\n"))
    if found:
        yield _shown(path)


def _hits(text: str, lines: list[str], wanted: re.Pattern[str], multiline: bool) -> set[int]:
    """Indexes of the lines with a match in them."""
    if not multiline:
        return {number for number, line in enumerate(lines) if wanted.search(line)}
    spans = ((match.start(), max(match.start(), match.end() - 1)) for match in wanted.finditer(text))
    return {n for a, b in spans for n in range(text.count("\n", 0, a), text.count("\n", 0, b) + 1)}


def _files(root: str) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            yield os.path.join(folder, name)


def _path(cwd: str, name: str) -> str:
    """An absolute path without empty parts and single dots; two dots stay, for they may follow a link."""
    parts = [part for part in os.path.join(cwd, name).split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def _below(root: str, path: str) -> str:
    """A path relative to a folder above it."""
    return path[len(root) :].lstrip("/")


def _put(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _regular(path: str) -> bool:
    """Whether there is a regular file; a folder or a special file is refused, for it cannot be read or written."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise Refused(f"EISDIR: illegal operation on a directory: {path}")
    if not stat.S_ISREG(mode):
        raise Refused(f"Not a regular file: {path}")
    return True


def _bytes(path: str, cwd: str) -> bytes:
    if not _regular(path):
        raise Refused(f"File does not exist. Note: your current working directory is {cwd}.")
    with open(path, "rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Refused(f"File is larger than {MAX_FILE} bytes: {path}. Use Bash to look at parts of it.")
    return data


def _text(path: str, cwd: str) -> str:
    data = _bytes(path, cwd)
    if b"\0" in data[:8192]:
        raise Refused(f"This tool cannot read binary files: {path}")
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _shown(path: str) -> str:
    """A path as text, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


TOOLS: dict[str, Callable[[Input, str], str]] = {"Read": read, "Write": write, "Edit": edit, "Glob": glob, "Grep": grep}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request `{tool, input, cwd}`: `{text, is_error, truncated}`."""
    try:
        text, failed = TOOLS[request["tool"]](request["input"], request["cwd"]), False
    except Refused as refused:
        text, failed = str(refused), True
    except (OSError, ValueError) as error:
        text, failed = f"{type(error).__name__}: {error}", True
    if len(text) <= MAX_TEXT:
        return {"text": text, "is_error": failed, "truncated": False}
    cut = f"\n... (cut after {MAX_TEXT} characters of {len(text)})"
    return {"text": text[:MAX_TEXT] + cut, "is_error": failed, "truncated": True}


def main(request: dict[str, Any]) -> None:
    """Print the answer to a request as JSON."""
    said = answer(request)
    failed, cut = (str(said[name]).lower() for name in ("is_error", "truncated"))
    print(f'{{"text": {encode_basestring_ascii(said["text"])}, "is_error": {failed}, "truncated": {cut}}}')
