"""The worker process: what its client hears, and what happens when it hangs, dies or is shouted over."""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import Cancelled, DocumentError, PassphraseError, WorkerError, WorkspaceError
from engine.jobs import Event, Measured, Progress, Skipped, Token
from engine.worker.catalogue import JOBS, job_class, result_type
from engine.worker.client import WorkerClient
from engine.worker.lane import Reporter
from engine.worker.protocol import Opened, Opening
from engine.worker.ticket import BugError, Started, Ticket
from tests.engine.worker.fake_jobs import (
    FAKE_JOBS,
    Count,
    Crash,
    Deaf,
    DeafEstimate,
    DeafTalk,
    Echo,
    Large,
    Noise,
    Refuse,
    Stagger,
    Stumble,
    Talk,
)

FAKE_WORKER = [sys.executable, "-m", "tests.engine.worker.fake_worker"]


@pytest.fixture
def reopenings() -> queue.SimpleQueue[Ticket]:
    return queue.SimpleQueue()


@pytest.fixture
def client(reopenings: queue.SimpleQueue[Ticket]) -> Iterator[WorkerClient]:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS, on_reopening=reopenings.put)
    client.open_workspace(Opening("/somewhere")).result()
    yield client
    client.close()


def wait_for_progress(ticket: Ticket) -> None:
    while not isinstance(ticket.next(timeout_s=10), Progress):
        pass


def test_a_workspace_is_opened() -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS)
    assert client.open_workspace(Opening("/somewhere", passphrase="right")).result() == Opened(
        "/somewhere", "w", "Ward", True
    )
    client.close()


def test_a_wrong_passphrase_is_an_error_and_may_be_typed_again() -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS)
    with pytest.raises(PassphraseError) as caught:
        client.open_workspace(Opening("/somewhere", passphrase="wrong")).result()
    assert (caught.value.message, caught.value.hint) == ("The passphrase is wrong.", "Type it again.")
    assert client.open_workspace(Opening("/somewhere", passphrase="right")).result().protected
    client.close()


def test_a_passphrase_is_not_in_the_representation() -> None:
    assert "secret" not in repr(Opening("/somewhere", passphrase="secret"))


@pytest.mark.skipif(os.name != "posix", reason="rights as Unix has them")
def test_its_log_is_its_owners(tmp_path: Path) -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS, log_path=tmp_path / "worker.log")
    client.open_workspace(Opening("/somewhere")).result()
    client.close()
    assert (tmp_path / "worker.log").stat().st_mode & 0o777 == 0o600


def test_a_job_returns_its_result(client: WorkerClient) -> None:
    assert client.submit(Echo("ä 中")).result() == "ä 中"


def test_a_job_before_a_workspace_is_open_is_an_error() -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS)
    with pytest.raises(WorkerError, match="No workspace is open"):
        client.submit(Echo("early")).result()
    client.close()


def test_a_large_result_arrives_whole(client: WorkerClient) -> None:
    assert client.submit(Large(200_000)).result() == ("passage " * 10,) * 200_000


def test_noise_on_stdout_cannot_corrupt_the_protocol(client: WorkerClient) -> None:
    assert client.submit(Noise()).result() == "quiet"
    assert client.submit(Echo("still here")).result() == "still here"


def test_an_engine_error_keeps_its_class_sentence_and_hint(client: WorkerClient) -> None:
    with pytest.raises(DocumentError) as caught:
        client.submit(Refuse()).result()
    assert (caught.value.message, caught.value.hint) == ("scan.pdf contains no text.", "It may be a scan.")


def test_a_bug_brings_its_traceback(client: WorkerClient) -> None:
    with pytest.raises(BugError, match="ZeroDivisionError"):
        client.submit(Stumble()).result()


@pytest.mark.timeout(60)  # unreported, it would be waited for in vain
def test_a_panic_is_a_bug_and_the_lane_goes_on(client: WorkerClient) -> None:
    with pytest.raises(BugError, match="Panic"):
        client.submit(Stagger()).result()
    assert client.submit(Echo("still here")).result() == "still here"


def test_events_arrive_without_values_that_are_no_number(client: WorkerClient) -> None:
    heard: list[Event] = []
    ticket = client.submit(Count())

    def listen(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Skipped):
            ticket.cancel()

    with pytest.raises(Cancelled):
        ticket.result(listen)
    assert Measured(5, {"train_loss": 1.5}) in heard
    assert Skipped("one.pdf", "It is damaged.") in heard


def test_a_cancelled_job_ends_and_the_worker_lives(client: WorkerClient) -> None:
    worker = client.process_id
    ticket = client.submit(Count())
    wait_for_progress(ticket)
    ticket.cancel()
    with pytest.raises(Cancelled):
        ticket.result()
    assert client.process_id == worker


def test_a_waiting_job_is_cancelled_without_running(client: WorkerClient) -> None:
    running, waiting = client.submit(Count()), client.submit(Count())
    wait_for_progress(running)
    waiting.cancel()
    with pytest.raises(Cancelled):
        waiting.result()
    assert not running.ended
    running.cancel()


def test_chat_and_queries_do_not_wait_for_heavy_work(client: WorkerClient) -> None:
    heavy = client.submit(Count())
    wait_for_progress(heavy)
    assert client.submit(Talk("hello")).result() == "hello"
    assert client.submit(Echo("list")).result() == "list"
    assert not heavy.ended
    heavy.cancel()


def test_a_paused_job_reports_nothing_until_resumed(client: WorkerClient) -> None:
    ticket = client.submit(Count(pause_s=0.0))
    wait_for_progress(ticket)
    ticket.pause()
    client.submit(Echo("the pause was read before this")).result()
    while ticket.next(timeout_s=0.3) is not None:  # what was on its way
        pass
    assert ticket.next(timeout_s=0.3) is None
    ticket.resume()
    wait_for_progress(ticket)
    ticket.cancel()


def test_a_worker_that_does_not_obey_is_ended_within_three_seconds_and_replaced(client: WorkerClient) -> None:
    worker = client.process_id
    ticket = client.submit(Deaf())
    wait_for_progress(ticket)
    started_s = time.monotonic()
    ticket.cancel()
    with pytest.raises(Cancelled):
        ticket.result()
    assert time.monotonic() - started_s < 3
    assert client.submit(Echo("again")).result() == "again"
    assert client.process_id != worker


def test_a_stopped_answer_does_not_end_the_training_beside_it(client: WorkerClient) -> None:
    worker = client.process_id
    training, answer = client.submit(Count()), client.submit(DeafTalk())
    wait_for_progress(training)
    wait_for_progress(answer)
    answer.cancel()
    with pytest.raises(Cancelled):
        answer.result()
    wait_for_progress(training)
    assert client.process_id == worker
    training.cancel()


def test_a_dead_worker_is_replaced_and_its_job_reported_as_interrupted(
    client: WorkerClient, reopenings: queue.SimpleQueue[Ticket]
) -> None:
    ticket = client.submit(Crash())
    with pytest.raises(WorkerError, match=r"SIGKILL.*interrupted and can be resumed"):
        ticket.result()
    assert reopenings.get(timeout=10).result().path == "/somewhere"
    assert client.submit(Echo("the workspace is open again")).result() == "the workspace is open again"


def test_a_reopening_that_fails_says_why(tmp_path: Path, reopenings: queue.SimpleQueue[Ticket]) -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS, on_reopening=reopenings.put)
    client.open_workspace(Opening(str(tmp_path), passphrase="there")).result()
    tmp_path.rmdir()
    with pytest.raises(WorkerError):
        client.submit(Crash()).result()
    with pytest.raises(WorkspaceError, match="is no workspace"):
        reopenings.get(timeout=10).result()
    with pytest.raises(WorkerError, match="No workspace is open"):
        client.submit(Echo("?")).result()
    client.close()


def test_a_reopening_that_a_worker_dies_over_is_tried_again(
    tmp_path: Path, reopenings: queue.SimpleQueue[Ticket]
) -> None:
    client = WorkerClient(FAKE_WORKER, jobs=FAKE_JOBS, on_reopening=reopenings.put)
    client.open_workspace(Opening(str(tmp_path), passphrase="shaky")).result()
    with pytest.raises(WorkerError):
        client.submit(Crash()).result()
    assert reopenings.get(timeout=10).result().path == str(tmp_path)
    assert not tmp_path.exists() and reopenings.empty()
    client.close()


@pytest.mark.parametrize(("passphrase", "error"), [("wrong", PassphraseError), ("deadly", WorkerError)])
def test_an_opening_that_fails_leaves_open_what_was(
    client: WorkerClient, reopenings: queue.SimpleQueue[Ticket], passphrase: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.open_workspace(Opening("/elsewhere", passphrase=passphrase)).result()
    assert reopenings.get(timeout=10).result().path == "/somewhere"
    assert client.submit(Echo("still open")).result() == "still open"
    assert client.open_workspace(Opening("/elsewhere")).result().path == "/elsewhere"


def test_what_is_asked_for_while_an_opening_fails_is_done_in_the_workspace_that_stays(client: WorkerClient) -> None:
    opening, echo = client.open_workspace(Opening("/elsewhere", passphrase="wrong")), client.submit(Echo("here"))
    with pytest.raises(PassphraseError):
        opening.result()
    assert echo.result() == "here"


def test_what_waits_for_one_workspace_is_not_done_in_the_next(client: WorkerClient) -> None:
    client.open_workspace(Opening("/one"))
    waiting = client.submit(Echo("for one"))
    assert client.open_workspace(Opening("/two")).result().path == "/two"
    with pytest.raises(Cancelled):
        waiting.result()


def test_of_two_openings_at_once_the_later_counts(client: WorkerClient) -> None:
    first, second = client.open_workspace(Opening("/one")), client.open_workspace(Opening("/two"))
    assert second.result().path == "/two"
    assert first.ended


def test_a_job_that_waits_outlives_the_worker_ended_before_its_turn(client: WorkerClient) -> None:
    deaf, waiting = client.submit(Deaf()), client.submit(Count())
    wait_for_progress(deaf)
    deaf.cancel()
    wait_for_progress(waiting)
    waiting.cancel()


def test_a_deaf_estimate_does_not_end_the_answer_beside_it(client: WorkerClient) -> None:
    worker = client.process_id
    estimate, answer = client.submit(DeafEstimate()), client.submit(DeafTalk())
    wait_for_progress(estimate)
    wait_for_progress(answer)
    estimate.cancel()
    with pytest.raises(Cancelled):
        estimate.result()
    assert client.submit(Echo("still there")).result() == "still there"
    assert client.process_id == worker and not answer.ended


def test_an_estimate_never_ends_the_worker() -> None:
    assert [name for name, entry in JOBS.items() if entry.lane == "heavy" and not entry.ends_worker] == [
        "EstimateTraining"
    ]


def test_a_worker_that_dies_at_every_start_is_given_up() -> None:
    client = WorkerClient([sys.executable, "-c", "raise SystemExit(3)"], jobs=FAKE_JOBS)
    for _ in range(4):
        with pytest.raises(WorkerError):
            client.submit(Echo("?")).result()
    with pytest.raises(WorkerError, match="ends as soon as it is started"):
        client.submit(Echo("?")).result()
    client.close()


def test_a_missing_program_is_an_error() -> None:
    client = WorkerClient(["/nowhere/worker"], jobs=FAKE_JOBS)
    with pytest.raises(WorkerError, match="can't be started"):
        client.submit(Echo("?")).result()
    client.close()


def test_another_workspace_gets_another_process(client: WorkerClient) -> None:
    worker = client.process_id
    client.open_workspace(Opening("/elsewhere", name="Law", create=True)).result()
    assert client.process_id != worker


def test_the_worker_ends_when_its_window_is_killed() -> None:
    source = f"""
import time
from engine.worker.client import WorkerClient
from engine.worker.protocol import Opening
from tests.engine.worker.fake_jobs import FAKE_JOBS
client = WorkerClient({FAKE_WORKER!r}, jobs=FAKE_JOBS)
client.open_workspace(Opening("/somewhere")).result()
print(client.process_id, flush=True)
time.sleep(60)
"""
    window = psutil.Popen([sys.executable, "-c", source], stdout=-1)
    worker = psutil.Process(int(window.stdout.readline()))
    window.send_signal(signal.SIGKILL)
    window.wait(10)
    window.stdout.close()
    worker.wait(5)
    assert not worker.is_running()


def test_closing_leaves_no_process(client: WorkerClient) -> None:
    worker = client.process_id
    assert worker is not None
    client.submit(Deaf())
    client.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_progress_is_thinned_and_tokens_are_joined() -> None:
    now_s = 0.0
    sent: list[Event] = []
    reporter = Reporter(sent.append, clock=lambda: now_s)
    for number in range(100):
        reporter.report(Progress("Reading", number, 100))
        reporter.report(Token("a"))
    reporter.flush()
    assert sent == [Progress("Reading", 0, 100), Token("a"), Token("a" * 99), Progress("Reading", 99, 100)]


def test_a_started_job_says_so(client: WorkerClient) -> None:
    assert client.submit(Echo("x")).next(timeout_s=10) == Started()


@pytest.mark.parametrize("name", sorted(JOBS))
def test_every_job_of_the_catalogue_is_there_with_its_result(name: str) -> None:
    assert result_type(job_class(name, JOBS[name])) is not None
