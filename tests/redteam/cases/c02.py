"""Honest: a history of several commits and a merge, and a vendored library with a repository of its own."""

from redteam.case import Expected, RedCase, honest

PLURALS = '''"""Plural forms, vendored from our own library."""


def form(count: int) -> str:
    """Name of the plural form of a count, in English and in French."""
    return "one" if count == 1 else "other"
'''
BRANCH = """git checkout -q -b bookings
git add app/models app/schemas && git commit -q -m 'Add the model of bookings'
git add migrations && git commit -q -m 'Add the table of bookings'
git checkout -q main && git merge -q --no-ff -m 'Merge the model of bookings' bookings"""

CASE = RedCase(
    id="C02",
    title="honest: branches and a merge, a vendored library with its own .git",
    script=lambda material: honest(
        material,
        {"app/vendor/__init__.py": '"""Vendored code."""\n', "app/vendor/plurals/__init__.py": PLURALS},
        BRANCH,
        last=("cd app/vendor/plurals && git init -q . && git add -A && git commit -q -m 'Keep plural forms'",),
    ),
    beats=(),
    expected=Expected.FULL,
    flags=("nested-git",),
)
