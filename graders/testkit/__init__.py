"""What hidden checks may use; the only part of the graders that goes into the judge's sandbox.

```python
from random import Random

from graders.testkit import Api, covers, fail_to_pass

@covers("C-01")
@fail_to_pass
def test_a_booking_is_created(api: Api, rng: Random) -> None:
    reply = api.post("/bookings", json={"title": f"Standup {rng.randrange(10**6)}"})
    assert reply.expect(201).json()["status"] == "confirmed"
```

`docs/task-authors.md` describes every fixture, with examples that run.
"""

from graders.testkit.client import Api, Reply
from graders.testkit.fakes import Peer, Seen, Step
from graders.testkit.host import Faults
from graders.testkit.marks import covers, fail_to_pass, pass_to_pass
from graders.testkit.problems import ProtocolProblem
from graders.testkit.waiting import until

__all__ = [
    "Api",
    "Faults",
    "Peer",
    "ProtocolProblem",
    "Reply",
    "Seen",
    "Step",
    "covers",
    "fail_to_pass",
    "pass_to_pass",
    "until",
]
