"""A file is a plug-in: its name is the file's name and it exports one public class.

Adding one edits nothing else. There is no registry to forget; discovery lists a package's modules, and an unknown name
is answered with the nearest known one.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from types import ModuleType

from harness.core.errors import UsageError


def names(package: str) -> list[str]:
    """Names of the plug-ins in `package`, sorted; modules that begin with an underscore are none."""
    module = importlib.import_module(package)
    return sorted(info.name for info in pkgutil.iter_modules(module.__path__) if not info.name.startswith("_"))


def public_class(module: ModuleType) -> type:
    """The one public class that `module` itself defines."""
    found = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    if len(found) != 1:
        listed = ", ".join(sorted(cls.__name__ for cls in found)) or "none"
        raise UsageError(
            f"a plug-in exports exactly one public class, found: {listed}",
            where=str(module.__file__),
            mend="prefix helpers with an underscore or move them to another module",
        )
    return found[0]


def load(package: str, name: str) -> type:
    """The class of the plug-in `name`; a `UsageError` with the nearest name when there is none."""
    known = names(package)
    if name not in known:
        raise UsageError(unknown(f"plug-in of {package}", name, known))
    return public_class(importlib.import_module(f"{package}.{name}"))


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist, with "did you mean" where something is near."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown {kind} '{name}'{hint} (known: {', '.join(options) or 'none'})"
