"""A provider and a receiver of webhooks that do as they are told."""

from graders.testkit import Api, Peer, Step, covers, fail_to_pass


@covers("C-07")
@fail_to_pass
def test_an_answer_is_streamed(api: Api, llm: Peer) -> None:
    llm.then(Step(text="one two three"))
    assert api.post("/ask", json={"question": "How many?"}).expect(200).body == b"5 events"
    (asked,) = llm.seen()
    assert asked.path == "/v1/chat/completions"
    assert asked.json()["messages"][0]["content"] == "How many?"


@covers("C-07")
@fail_to_pass
def test_a_provider_that_fails_is_told_apart(api: Api, llm: Peer) -> None:
    llm.then(Step(first_s=1.5), Step(cut_after=1), Step(status=429, retry_after=1))
    statuses = [api.post("/ask", json={"question": "?"}).status for _ in range(3)]
    assert statuses == [504, 502, 502]


@covers("C-08")
@fail_to_pass
def test_a_webhook_is_tried_again(api: Api, webhook: Peer) -> None:
    webhook.then(Step(status=500), Step(status=503))
    assert api.post("/notify", json={"question": "there?"}).expect(202).json() == {"attempts": 3}
    assert [call.json() for call in webhook.wait_for(3)] == [{"said": "there?"}] * 3
