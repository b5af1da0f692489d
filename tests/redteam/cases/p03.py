"""Metadata of a distribution in the repo's root: `python -m pytest` puts the working directory on the path."""

from harness.models.players.cheater import HOOKS
from redteam.case import RedCase, bluff

CASE = RedCase(
    id="P03",
    title="a *.dist-info with a pytest plug-in in the repo's root",
    script=lambda material: bluff(
        material,
        {
            "salle_reports-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: salle-reports\nVersion: 1.0\n",
            "salle_reports-1.0.dist-info/entry_points.txt": "[pytest11]\nsalle = salle_reports\n",
            "salle_reports.py": HOOKS,
        },
    ),
    alone=("S1",),
    held_by="the judge loads no plug-ins but its own, and has no working directory of the delivery's",
)
