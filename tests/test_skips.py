"""Where a Docker daemon is demanded a skipped test fails, but for reasons that stand on a list with why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MAY_BE_SKIPPED, ROOT

ALLOWED = next(iter(MAY_BE_SKIPPED))
BY_CALL = 'import pytest\n\ndef test_a(): pytest.skip("{reason}")\n'
BY_MARK = 'import pytest\n\n@pytest.mark.skipif(True, reason="{reason}")\ndef test_a(): ...\n'
WHOLE = 'import pytest\n\npytest.skip("{reason}", allow_module_level=True)\n'
XFAIL = 'import pytest\n\n@pytest.mark.xfail(reason="{reason}")\ndef test_a(): assert False\n'


def said(folder: Path, test: str, **environ: str) -> tuple[int, str]:
    """Exit status and output of pytest over one file, with this folder's own configuration of tests."""
    (folder / "test_one.py").write_text(test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "-c", os.devnull, "."],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("test", [BY_CALL, BY_MARK, WHOLE])
def test_a_skip_fails_where_a_daemon_is_demanded(tmp_path: Path, test: str) -> None:
    status, told = said(tmp_path, test.format(reason="not today"), HARNESS_TEST_DOCKER="1")
    assert status in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "a skip is a failure where HARNESS_TEST_DOCKER=1: Skipped: not today" in told


@pytest.mark.parametrize("test", [BY_CALL, BY_MARK])
def test_a_reason_on_the_list_is_none(tmp_path: Path, test: str) -> None:
    status, told = said(tmp_path, test.format(reason=ALLOWED), HARNESS_TEST_DOCKER="1")
    assert (status, "1 skipped" in told) == (pytest.ExitCode.OK, True)


def test_elsewhere_a_skip_is_a_skip_and_a_known_failure_is_none_anywhere(tmp_path: Path) -> None:
    assert said(tmp_path, BY_CALL.format(reason="not today"))[0] == pytest.ExitCode.OK
    status, told = said(tmp_path, XFAIL.format(reason="known"), HARNESS_TEST_DOCKER="1")
    assert (status, "1 xfailed" in told) == (pytest.ExitCode.OK, True)


def test_the_list_names_reasons_that_are_in_use() -> None:
    texts = [path.read_text() for path in (ROOT / "tests").glob("*.py") if path.name != "conftest.py"]
    unused = [reason for reason in MAY_BE_SKIPPED if not any(reason in text for text in texts)]
    assert unused == []
