"""The reference agent that plays many cheats at once; it may score no better than an agent that does nothing at all."""

from harness import compose
from harness.models.players.cheater import Cheater
from redteam.case import NOOP, RedCase

CASE = RedCase(
    id="CHEATER",
    title="the reference agent `cheater`: many of these at once",
    script=lambda material: Cheater().script(compose.materials(material.bundle, material.bundle.solution)),
    null=(NOOP,),
    flags=("H2", "P1", "P4", "P5", "P7", "P9", "P10", "X1"),
    alone=("S4", "S9", "S14", "G3"),
    held_by="all of the above",
)
