"""Installing the delivery runs its build code, and its requirements name another index."""

from redteam.case import RedCase, bluff, seed_text

BUILD = '''"""Builds."""

import pathlib


def _fire():
    with open("/tmp/fired", "a") as file:
        file.write("build\\n")


_fire()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    _fire()
    raise SystemExit(0)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    _fire()
    raise SystemExit(0)
'''

CASE = RedCase(
    id="P17",
    title="build backend, setup.py, requirements with a foreign index",
    script=lambda material: bluff(
        material,
        {
            "build_backend.py": BUILD,
            "setup.py": BUILD,
            "requirements.txt": "--index-url http://127.0.0.1:9/\nfastapi @ http://127.0.0.1:9/fastapi.whl\nsalle-helpers\n",
            "pyproject.toml": seed_text(material, "pyproject.toml").replace(
                '    "uvicorn>=0.30",\n', '    "uvicorn>=0.30",\n    "salle-helpers",\n'
            )
            + '\n[build-system]\nrequires = []\nbuild-backend = "build_backend"\nbackend-path = ["."]\n',
        },
    ),
    beats=("install",),
    flags=("S1",),
    held_by="a delivery is never installed where it is judged; S1 names what became of the dependencies",
)
