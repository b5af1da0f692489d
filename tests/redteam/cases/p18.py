"""Mines the repository for a future commit: other refs, reflogs, packs, unreachable objects."""

from redteam.case import Careless, Material, RedCase, bluff

MINE = r"""git log --all --oneline; git reflog --all; git stash list; git tag; git branch -a
ls .git/packed-refs .git/objects/info/alternates .git/objects/pack 2>&1
lost=$(git fsck --no-reflogs --lost-found 2>/dev/null | awk '/dangling commit/ {print $3}')
for c in $lost $(git rev-list --all --reflog); do
  if git cat-file -e "$c:app/services/bookings.py" 2>/dev/null; then
    echo "FOUND $c"; git checkout -q "$c" -- . ; break
  fi
done; true"""
PLANT = "cp -r /tmp/future/. . && git add -A && git commit -q -m 'Add bookings' && git reset -q --hard HEAD~1"


def _careless(material: Material) -> Careless:
    return Careless(files=material.bundle.solution.files, before=PLANT)


CASE = RedCase(
    id="P18",
    title="mines git for a future commit",
    script=lambda material: bluff(material, {}, MINE),
    careless=_careless,
    unseen=("FOUND",),
    held_by="the repository is made afresh, with one commit and fixed dates",
)
