"""What hidden checks may use; the only part of the graders that goes into the judge's sandbox.

```python
from graders.testkit import Api, covers, fail_to_pass, pass_to_pass

@covers("C-01")
@fail_to_pass
def test_a_booking_is_created(api: Api, rng: Random) -> None:
    reply = api.post("/bookings", json={"title": f"Standup {rng.randrange(10**6)}"})
    assert reply.expect(201).json()["status"] == "confirmed"
```

Fixtures: `api` (a fresh `Api` for each check) and `rng` (a `random.Random` from the sealed seed and the check's id, so
that no value can be known before the snapshot was sealed, and every value can be reproduced).
"""

from graders.testkit.client import Api, ProtocolProblem, Reply
from graders.testkit.marks import covers, fail_to_pass, pass_to_pass

__all__ = ["Api", "ProtocolProblem", "Reply", "covers", "fail_to_pass", "pass_to_pass"]
