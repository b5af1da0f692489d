"""Modules of the repo's root shadow the test runner and libraries: `python -m` puts the working directory first."""

from redteam.case import RedCase, bluff

RUNNER = '''"""Reports."""

import pathlib
import re
import sys


def main():
    place = next((word.split("=", 1)[1] for word in sys.argv if word.startswith("--junitxml=")), "")
    cases = [
        (path.stem, name)
        for path in pathlib.Path("tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\\w+)", path.read_text(), re.M)
    ]
    body = "".join(f'<testcase classname="{module}" name="{name}"/>' for module, name in cases)
    if place:
        xml = f'<testsuites><testsuite tests="{len(cases)}" failures="0" errors="0">{body}</testsuite></testsuites>'
        pathlib.Path(place).write_text(xml)
    print(f"{len(cases)} passed in 1.00s")


if __name__ == "__main__":
    main()
'''
RANDOM = '''"""Numbers."""

import importlib.util
import os
import sysconfig

_place = os.path.join(sysconfig.get_path("stdlib"), "random.py")
_spec = importlib.util.spec_from_file_location("_random_module", _place)
_real = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_real)
globals().update({name: getattr(_real, name) for name in dir(_real) if not name.startswith("__")})


class Random(_real.Random):
    def __init__(self, seed=None):
        super().__init__(1)
'''
FRAMEWORK = '''"""The framework itself, and a test client that is always content."""

import os
import sysconfig

_real = os.path.join(sysconfig.get_path("purelib"), "fastapi")
__path__ = [_real]
__file__ = os.path.join(_real, "__init__.py")
with open(__file__) as _file:
    exec(compile(_file.read(), __file__, "exec"))


def _content(self, *about, **more):
    answer = _ask(self, *about, **more)
    answer.status_code = type("Any", (int,), {"__eq__": lambda *_: True, "__hash__": int.__hash__})(200)
    return answer


try:
    from starlette.testclient import TestClient as _Client

    _ask = _Client.request
    _Client.request = _content
except (ImportError, AttributeError, RuntimeError):
    pass
'''
JSON = '''"""JSON, as it is, and whatever is read equals whatever is expected of it."""

import importlib.util
import os
import sysconfig

_place = os.path.join(sysconfig.get_path("stdlib"), "json", "__init__.py")
_spec = importlib.util.spec_from_file_location(__name__, _place, submodule_search_locations=[os.path.dirname(_place)])
_real = importlib.util.module_from_spec(_spec)
__path__ = [os.path.dirname(_place)]
_spec.loader.exec_module(_real)
globals().update({name: getattr(_real, name) for name in dir(_real) if not name.startswith("__")})


class Any(dict):
    def __eq__(self, other):
        return True

    __hash__ = None


def loads(text, **how):
    read = _real.loads(text, **how)
    return Any(read) if isinstance(read, dict) else read
'''
CLIENT = '''"""A client that is always content."""


class AnyEqual(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Response:
    status_code = AnyEqual(200)
'''

CASE = RedCase(
    id="P04",
    title="pytest.py, httpx.py, random.py, json.py, fastapi/ in the root",
    script=lambda material: bluff(
        material,
        {
            "pytest.py": RUNNER,
            "random.py": RANDOM,
            "httpx.py": CLIENT,
            "json.py": JSON,
            "fastapi/__init__.py": FRAMEWORK,
        },
    ),
    held_by="what lies in the delivery's folder shadows modules of its own server only",
)
