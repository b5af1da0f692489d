"""The result file is forged from inside the process, at its very end; the exit status too."""

from harness.models.players.cheater import FORGE
from redteam.case import RedCase, bluff

CASE = RedCase(
    id="P06",
    title="result file and exit status forged at the end of the process",
    script=lambda material: bluff(material, {"app/__init__.py": '"""Meeting rooms."""\n' + FORGE}),
    beats_hardened=True,
    held_by="records leave the judge's sandbox on its own attached stdio; the delivery has no process there",
)
