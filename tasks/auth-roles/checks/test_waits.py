"""The ends of the waits that `conftest.py` began."""

from waits import BEGUN, a_window, after_retry_after, life_of_refresh_tokens

from graders.testkit import covers, fail_to_pass


@covers("C-27", "C-28", "C-40")
@fail_to_pass
def test_the_window_ends_in_its_time_and_begins_anew() -> None:
    BEGUN[a_window].result()


@covers("C-28")
@fail_to_pass
def test_after_retry_after_a_log_in_is_judged() -> None:
    BEGUN[after_retry_after].result()


@covers("C-22")
@fail_to_pass
def test_refresh_tokens_last_their_time_from_their_issue() -> None:
    BEGUN[life_of_refresh_tokens].result()
