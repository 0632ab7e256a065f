"""The local server: who is let in, what is understood, and answers as the command line gives them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import QuestionError, RunError, ServerError
from engine.jobs import Event, Job, Token
from engine.records import Answer, Citation
from engine.serving import http_server
from engine.serving.http_server import MAX_BODY_BYTES, LocalServer
from engine.serving.job import AnswerQuestion, Search

REPOSITORY = Path(__file__).parents[3]
TOKEN = "a token of some length"
CITATION = Citation("p:0", "d", "Rivers", 2, 0, 8, "The  Nile")


class Client:
    """Asks the server as another program would."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.asked: list[Any] = []
        self.bugs: list[BaseException] = []
        self.may_go_on = threading.Event()  # for the question "slow"

    def connected(self, sent: bytes) -> socket.socket:
        """A connection over which something was sent so far."""
        host, port = self.server.server_address[:2]
        connection = socket.create_connection((str(host), int(port)), timeout=20)
        connection.sendall(sent)
        return connection

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        host, port = self.server.server_address[:2]
        connection = http.client.HTTPConnection(str(host), int(port), timeout=20)
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        reply = connection.getresponse()
        found = reply.status, reply.read()
        connection.close()
        return found

    def post(self, path: str, value: object) -> tuple[int, dict[str, Any]]:
        status, body = self.send("POST", path, json.dumps(value).encode("utf-8"))
        return status, json.loads(body)

    def refused(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        status, reply = self.send(method, path, body, **headers)
        error = json.loads(reply)["error"]
        assert error["message"].endswith(".") and error["hint"]
        return status, error["type"]


def _whole(connection: socket.socket) -> bytes:
    """All that is answered, to its end."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(http_server, "_LOOK_S", 0.01)
    client: Client

    def run(job: Job[Any], listen: Callable[[Event], None]) -> Any:
        client.asked.append(job)
        if isinstance(job, Search):
            raise RunError(f"There is no run {job.run_name}.", hint="See `status`.")
        assert isinstance(job, AnswerQuestion)
        if job.question == "bug":
            raise ZeroDivisionError
        if job.question == "slow":
            assert client.may_go_on.wait(20)
        if job.question == "empty":
            raise QuestionError("The question is empty.", hint="Type a question.")
        for text in ("In ", "Africa."):
            listen(Token(text))
        if job.question == "late":
            raise QuestionError("It went wrong.", hint="Ask again.")
        return Answer(job.question, "In Africa.", False, 0.9, (CITATION,), (), "all-1", False, {"total": 1.0})

    with LocalServer("127.0.0.1", 0, token=TOKEN, note_bug=lambda error: client.bugs.append(error)) as server:
        client = Client(server)
        server.run = run
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield client
        server.shutdown()
        thread.join()


def test_an_answer_is_the_one_of_the_command_line(client: Client) -> None:
    status, answer = client.post(
        "/ask", {"question": "Where?", "run": "all-1", "top_k": 4, "earlier": ["What?"], "tags": ["map"]}
    )

    assert status == 200
    assert answer["answer"] == "In Africa." and answer["citations"][0]["page"] == 2
    (job,) = client.asked
    assert (job.question, job.run_name, job.asking.top_k, job.asking.earlier) == ("Where?", "all-1", 4, ("What?",))
    assert job.scope.tags == ("map",)


def test_a_chat_program_gets_the_answer_with_its_sources(client: Client) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": "The Nile."},
        {"role": "user", "content": [{"type": "text", "text": "Where?"}]},
    ]

    status, answer = client.post("/v1/chat/completions", {"messages": messages, "temperature": 0.2})

    assert status == 200
    assert answer["choices"][0]["message"]["content"] == "In Africa.\n\n[1] Rivers, page 2: “The Nile”"
    assert client.asked[0].question == "Where?" and client.asked[0].asking.earlier == ("What?",)


def test_a_chat_program_may_leave_model_and_stream_null(client: Client) -> None:
    asked = {"messages": [{"role": "user", "content": "Where?"}], "model": None, "stream": None}

    status, answer = client.post("/v1/chat/completions", asked)

    assert (status, answer["model"], client.asked[0].run_name) == (200, "active", "active")


def test_a_stream_is_the_answer_in_pieces_with_its_sources_last(client: Client) -> None:
    asked = {"messages": [{"role": "user", "content": "Where?"}], "model": "base", "stream": True}

    status, body = client.send("POST", "/v1/chat/completions", json.dumps(asked).encode())

    *events, end = [line.removeprefix("data: ") for line in body.decode("utf-8").split("\n\n") if line]
    deltas = [json.loads(event)["choices"][0] for event in events]
    assert status == 200 and end == "[DONE]"
    assert deltas[0]["delta"]["role"] == "assistant" and deltas[-1]["finish_reason"] == "stop"
    assert [delta["delta"].get("content", "") for delta in deltas] == [
        "In ",
        "Africa.",
        "\n\n[1] Rivers, page 2: “The Nile”",
        "",
    ]


def test_a_stream_that_fails_ends_with_the_sentence(client: Client) -> None:
    asked = {"messages": [{"role": "user", "content": "late"}], "stream": True}

    status, body = client.send("POST", "/v1/chat/completions", json.dumps(asked).encode())

    assert status == 200
    assert json.loads(body.decode().split("\n\n")[-2].removeprefix("data: "))["error"]["message"] == "It went wrong."


@pytest.mark.parametrize("path", ["/ask", "/search", "/v1/chat/completions", "/status"])
@pytest.mark.parametrize(
    "given", ["", TOKEN, f"Basic {TOKEN}", "Bearer wrong", "Bearer ", "Basic abc", "Bearer \u00fc"]
)
def test_nobody_asks_without_the_token(client: Client, path: str, given: str) -> None:
    assert client.refused("POST", path, b"{}", Authorization=given)[0] == 401
    assert client.asked == []


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_how_the_scheme_is_written_does_not_matter(client: Client, scheme: str) -> None:
    assert client.send("POST", "/ask", b'{"question": "Where?"}', Authorization=f"{scheme} {TOKEN}")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.7", "127.0.0.1.evil.example"])
def test_a_page_that_gives_itself_this_machines_address_is_refused(client: Client, host: str) -> None:
    assert client.refused("GET", "/health", Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8642", "127.0.0.1", "[::1]:8642", "[::1]"])
def test_this_machine_has_several_names(client: Client, host: str) -> None:
    assert client.send("GET", "/health", Host=host, Authorization="")[0] == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "QuestionError"),
        (b"\xff", "QuestionError"),
        (b"[]", "QuestionError"),
        (b'{"question": "lat \xe4"}', "QuestionError"),
        (b'{"question": 3}', "QuestionError"),
        (b'{"question": "Where?", "top_k": 0}', "QuestionError"),
        (b'{"question": "Where?", "risk": 2}', "QuestionError"),
        (b'{"question": "Where?", "topk": 5}', "QuestionError"),
        (b'{"question": "\\ud800"}', "QuestionError"),
        (b'{"question": "empty"}', "QuestionError"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(client: Client, body: bytes, kind: str) -> None:
    assert client.refused("POST", "/ask", body) == (400, kind)


def test_a_nesting_without_end_is_a_sentence(client: Client) -> None:
    body = b'{"messages": [], "tools": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert client.refused("POST", "/v1/chat/completions", body) == (400, "QuestionError")


def test_other_refusals_have_their_status(client: Client) -> None:
    assert client.refused("GET", "/nowhere")[0] == 404
    assert client.refused("GET", "/ask")[0] == 405
    assert client.refused("POST", "/ask", b"{}", Content_Type="text/plain")[0] == 415
    assert client.refused("POST", "/ask", b"", Content_Length=str(MAX_BODY_BYTES + 1))[0] == 413
    assert client.refused("POST", "/ask", b"", Content_Length="9" * 5_000)[0] == 413
    assert client.refused("POST", "/ask", b"", Content_Length="-1")[0] == 411
    assert client.refused("POST", "/ask", b"", Content_Length="\u00b2")[0] == 411
    assert client.refused("POST", "/search", b'{"question": "Where?", "run": "none"}') == (404, "RunError")
    assert client.refused("POST", "/v1/chat/completions", b'{"messages": []}') == (400, "QuestionError")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_a_method_that_nothing_takes_is_refused_like_the_rest(client: Client, method: str) -> None:
    assert client.refused(method, "/ask") == (405, "RequestError")


def test_a_head_is_refused_without_a_body(client: Client) -> None:
    with client.connected(b"HEAD /health HTTP/1.1\r\n\r\n") as connection:
        head, body = _whole(connection).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 405") and not body


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"PUT /ask\r\n\r\n", 400),
        (b"GET /health HTTP/x\r\n\r\n", 400),
        (b"GET /health HTTP/2.0\r\n\r\n", 505),
        (b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"x" * 65_532, 414),
    ],
)
def test_what_is_no_request_is_refused_like_the_rest(client: Client, sent: bytes, status: int) -> None:
    with client.connected(sent) as connection:
        head, body = _whole(connection).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 %d" % status)
    assert json.loads(body)["error"]["type"] == "RequestError"


def test_a_bug_is_noted_and_the_next_question_answered(client: Client) -> None:
    assert client.refused("POST", "/ask", b'{"question": "bug"}') == (500, "Bug")
    assert client.post("/ask", {"question": "Where?"})[0] == 200
    assert [type(error) for error in client.bugs] == [ZeroDivisionError]


def test_one_who_sends_slowly_keeps_nobody_waiting(client: Client) -> None:
    with client.connected(b"GET /health HTTP/1.1\r\nX: ") as slow:
        assert client.post("/ask", {"question": "Where?"})[0] == 200
        slow.sendall(b"a\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.0 200"


def test_one_who_sends_nothing_is_let_go(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server._Handler, "timeout", 0.1)
    with client.connected(b"") as silent:
        assert silent.recv(1) == b""


def test_of_too_many_unfinished_requests_the_oldest_goes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_READING_MAX", 2)
    begun = b"GET /health HTTP/1.1\r\nX: "
    with client.connected(begun) as oldest, client.connected(begun) as newer, client.connected(begun):
        assert oldest.recv(1) == b""
        assert client.post("/ask", {"question": "Where?"})[0] == 200  # and now the second has gone
        assert newer.recv(1) == b""
    assert client.bugs == []


def test_requests_wait_for_the_engine_up_to_a_number_and_health_does_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "_WAITING_MAX", 1)
    body = b'{"question": "slow"}'
    head = f"POST /ask HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    ask = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with client.connected(ask) as first:
        while not client.asked:
            threading.Event().wait(0.01)
        with client.connected(ask) as second:
            while not client.server.work.qsize():
                threading.Event().wait(0.01)
            assert client.send("GET", "/health")[0] == 200
            assert client.refused("POST", "/ask", body)[0] == 503
            client.may_go_on.set()
            assert first.recv(12) == second.recv(12) == b"HTTP/1.0 200"


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "example.org", ""])
def test_it_listens_for_this_machine_only(host: str) -> None:
    with pytest.raises(ServerError):
        LocalServer(host, 0, token=TOKEN, note_bug=print)


def test_a_taken_port_is_a_sentence(client: Client) -> None:
    with pytest.raises(ServerError, match="can't be listened on"):
        LocalServer("127.0.0.1", int(client.server.server_address[1]), token=TOKEN, note_bug=print)


def test_an_administrator_can_forbid_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.toml").write_text("allow_server = false", encoding="utf-8")
    monkeypatch.setattr("engine.machine_settings.settings_path", lambda: tmp_path / "rules.toml")
    with pytest.raises(ServerError, match="allow no local server"):
        LocalServer("127.0.0.1", 0, token=TOKEN, note_bug=print)


def test_the_command_listens_with_the_network_closed_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine"]
    subprocess.run([*command, "new", str(tmp_path / "w"), "--no-passphrase"], cwd=REPOSITORY, check=True)
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n", encoding="utf-8")
    serve = [*command, "serve", str(tmp_path / "w"), "--port", "0", "--json", "--token-file", str(file)]
    with subprocess.Popen(serve, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
            connection.request("GET", "/health")
            health = json.loads(connection.getresponse().read())
            connection.request("GET", "/status", headers={"Authorization": f"Bearer {TOKEN}"})
            status = json.loads(connection.getresponse().read())
            sealed = "Seccomp:\t2" in Path(f"/proc/{process.pid}/status").read_text() if os.name == "posix" else False
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
    assert status["documents"] == 0 and status["active"] == "base"
    assert (health["network"] == "denied") == sealed
    assert sealed or sys.platform != "linux"
