"""pytest's internals are patched on import, and the code of collected tests is replaced from a thread."""

from redteam.case import RedCase, bluff

PATCH = '''"""Meeting rooms."""

import sys
import threading
import time


def nothing(*args, **kwargs):
    return None


def rewrite():
    while True:
        for frame in list(sys._current_frames().values()):
            while frame is not None:
                for name, value in list(frame.f_globals.items()):
                    if name.startswith("test_") and callable(value) and hasattr(value, "__code__"):
                        value.__code__ = (lambda *args, **kwargs: None).__code__
                frame = frame.f_back
        time.sleep(0.01)


if "_pytest" in sys.modules or "pytest" in sys.modules:
    import _pytest.python

    _pytest.python.Function.runtest = nothing
    threading.Thread(target=rewrite, daemon=True).start()
'''

CASE = RedCase(
    id="P08",
    title="pytest internals patched on import, frames rewritten",
    script=lambda material: bluff(material, {"app/__init__.py": PATCH}),
    beats_hardened=True,
    held_by="pytest and the app share no process, user or sandbox",
)
