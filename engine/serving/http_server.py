"""The local server: other programs of this machine search and ask over HTTP. It listens on this machine only."""

from __future__ import annotations

import hmac
import ipaddress
import json
import queue
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, TypeVar

import msgspec

from engine import __version__
from engine.errors import EngineError, RunError, ServerError
from engine.jobs import Event, Job, Token
from engine.machine_settings import machine_settings
from engine.records import Answer
from engine.serving.described import answer_value, cited, found_value
from engine.serving.requests import AskRequest, ChatRequest, SearchRequest, decoded
from engine.workspace.job import ListRuns, ReadStatus

Result = TypeVar("Result")
RunJob = Callable[[Job[Any], Callable[[Event], None]], Any]  # runs a job on the open workspace; events go to the second

MAX_BODY_BYTES = 1 << 20
_READING_MAX = 32  # connections whose request is not whole yet, each with a thread
_WAITING_MAX = 64  # requests that wait for the engine, each with a thread
_READ_TIMEOUT_S = 10.0  # for one who says that something comes and sends nothing
_LOOK_S = 0.2  # how long a wait takes no notice of Ctrl-C (on Windows) or of the server's end
_GONE = (ConnectionError, TimeoutError)  # who asked went away


class LocalServer(ThreadingMixIn, TCPServer):
    """Listens from the moment it is made; answers once `run` is set.

    Requests are read in threads of their own, so that nobody who sends slowly, or nothing, keeps others waiting; what
    the engine does for them is done one after the other.

    The socket stands before the network is closed (engine.offline): afterwards this process can take what comes to it,
    and can't begin anything.
    """

    allow_reuse_address = sys.platform != "win32"  # there it would let a second program take the same port
    request_queue_size = 64
    daemon_threads = True  # who still sends something keeps no program from its end

    def __init__(self, host: str, port: int, *, token: str, note_bug: Callable[[BaseException], object]) -> None:
        """Port 0 is any free one. Raises ServerError when `host` is not this machine's own, the port is taken, or the
        administrator allows no server.
        """
        if not machine_settings().allow_server:
            raise ServerError("This machine's settings allow no local server.", hint="Ask whoever administers it.")
        self.address_family = _family(host)
        self.token = token
        self.note_bug = note_bug
        self.sealed = False  # whether the kernel keeps this process from the network
        self.run: RunJob | None = None
        self.reading: OrderedDict[Any, None] = OrderedDict()  # connections whose request is not whole yet, oldest first
        self.work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ServerError(
                f"{host}:{port} can't be listened on: {error}.", hint="Choose another --port, or 0 for any free one."
            ) from error

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def serve(self) -> None:
        """Answer until `shutdown`. The engine works in the calling thread, where Ctrl-C reaches it."""
        listener = threading.Thread(target=self.serve_forever, args=(_LOOK_S,), name="listener", daemon=True)
        listener.start()
        try:
            while listener.is_alive():
                with suppress(queue.Empty):
                    self.work.get(timeout=_LOOK_S)()
        finally:
            self.shutdown()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Read a request in a thread of its own. When too many come at once, the one that takes longest has to go."""
        if len(self.reading) >= _READING_MAX:
            with suppress(KeyError, OSError):  # it may have ended this moment
                self.reading.popitem(last=False)[0].shutdown(socket.SHUT_RDWR)
        self.reading[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self.reading.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client go that has gone, and note anything else."""
        error = sys.exception()
        if error is not None and not isinstance(error, _GONE):
            self.note_bug(error)


class RequestError(EngineError):
    """A request that is not even looked at."""

    def __init__(self, status: int, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """One request. HTTP/1.0: the connection ends with the answer, so that nobody holds the place."""

    server: LocalServer
    server_version = "Vademecum"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # of a line that says none: its refusal has a status too
    timeout = _READ_TIMEOUT_S
    _streaming = False

    def do_GET(self) -> None:
        self._answer(_GET)

    def do_POST(self) -> None:
        self._answer(_POST)

    def _answer(self, routes: dict[str, Callable[[_Handler], None]]) -> None:
        path = self.path.partition("?")[0]
        try:
            self._check_sender(path)
            route = routes.get(path)
            if route is None:
                raise self._unknown(405 if path in _GET or path in _POST else 404)
            route(self)
        except EngineError as error:
            self._refuse(error)
        except _GONE:
            raise
        except Exception:
            self._fail(500, "Bug", "Something went wrong that should not have.", hint="The log has more.")
            raise

    def _check_sender(self, path: str) -> None:
        """Refuse pages of a browser that only pretend to be this machine, and whoever has no token."""
        named = self.headers.get("Host", "").rpartition(":")
        host = named[0] if named[2].isdigit() else self.headers.get("Host", "")
        if host and not _is_own(host):
            raise RequestError(403, f"This server is not {host}.", hint="Ask for it as 127.0.0.1.")
        if path == "/health":
            return
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        known = hmac.compare_digest(given.encode("utf-8"), self.server.token.encode("utf-8"))
        if scheme.lower() != "bearer" or not known:
            raise RequestError(
                401, "The token is missing or wrong.", hint="Send the header Authorization: Bearer TOKEN."
            )

    def health(self) -> None:
        sealed = "denied" if self.server.sealed else "open"
        self._send(200, {"status": "ok", "version": __version__, "network": sealed})

    def status(self) -> None:
        self._send(200, msgspec.to_builtins(self._run(ReadStatus())))

    def models(self) -> None:
        found = self._run(ListRuns())
        names = ["active", "base", *(run.id for run in found.runs if run.state == "finished")]
        data = [{"id": name, "object": "model", "owned_by": "vademecum"} for name in names]
        self._send(200, {"object": "list", "data": data})

    def search(self) -> None:
        self._send(200, found_value(self._run(decoded(self._body(), SearchRequest).job())))

    def ask(self) -> None:
        self._send(200, answer_value(self._run(decoded(self._body(), AskRequest).job())))

    def chat(self) -> None:
        request = decoded(self._body(), ChatRequest)
        job = request.job()
        head = {"id": f"chatcmpl-{time.time_ns():x}", "created": int(time.time()), "model": request.run}
        if not request.stream:
            answer = self._run(job)
            message = {"role": "assistant", "content": answer.answer + _sources(answer)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {**head, "object": "chat.completion", "choices": [choice], "vademecum": answer_value(answer)}
            self._send(200, whole)
            return
        head["object"] = "chat.completion.chunk"
        streamed = ""

        def pass_on(event: Event) -> None:
            nonlocal streamed
            if isinstance(event, Token):
                self._chunk(head, {"content": event.text}, begins=not streamed)
                streamed += event.text

        answer = self._run(job, pass_on)
        whole = answer.answer.startswith(streamed)  # it is not where what was written is taken back
        rest = answer.answer[len(streamed) :] if whole else f"\n\n{answer.answer}"
        self._chunk(head, {"content": rest + _sources(answer)}, begins=not streamed)
        self._chunk(head, {}, finish="stop", vademecum=answer_value(answer))
        self.wfile.write(b"data: [DONE]\n\n")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse in our form what the library refuses: a method that nothing here takes, or what is no request."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._refuse(self._unknown(405))
            return
        phrase = HTTPStatus(code).phrase
        self._refuse(RequestError(code, f"The request can't be understood: {phrase}.", hint="Send HTTP/1.0 or 1.1."))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing is logged: not who asked, nor what."""

    def _run(self, job: Job[Result], listen: Callable[[Event], None] = lambda event: None) -> Result:
        """Have the engine do a job, after those that came before."""
        self.server.reading.pop(self.connection, None)
        if self.server.work.qsize() >= _WAITING_MAX:
            raise RequestError(503, "Too many requests wait already.", hint="Ask again when some are answered.")
        done: Future[Result] = Future()

        def work() -> None:
            assert self.server.run is not None
            try:
                done.set_result(self.server.run(job, listen))
            except Exception as error:  # noqa: BLE001 - it is raised where the job was asked for
                done.set_exception(error)

        self.server.work.put(work)
        return done.result()

    def _body(self) -> bytes:
        if self.headers.get_content_type() != "application/json":
            raise RequestError(415, "The request is not JSON.", hint="Send the header Content-Type: application/json.")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RequestError(411, "The request does not say how long it is.", hint="Send the header Content-Length.")
        if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            raise RequestError(413, f"The request is over {MAX_BODY_BYTES:,} bytes.", hint="Send a shorter one.")
        return self.rfile.read(int(length))

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _unknown(self, status: int) -> RequestError:
        known = ", ".join([*(f"GET {one}" for one in _GET), *(f"POST {one}" for one in _POST)])
        path = self.path.partition("?")[0]
        return RequestError(status, f"There is no {self.command} {path}.", hint=f"There are: {known}.")

    def _refuse(self, error: EngineError) -> None:
        self._fail(_status(error), type(error).__name__, error.message, hint=error.hint)

    def _fail(self, status: int, kind: str, message: str, *, hint: str) -> None:
        value = {"error": {"type": kind, "message": message, "hint": hint}}
        if self._streaming:
            self._event(value)
        else:
            self._send(status, value)

    def _chunk(
        self,
        head: dict[str, Any],
        delta: dict[str, str],
        *,
        begins: bool = False,
        finish: str | None = None,
        **more: Any,
    ) -> None:
        """Write one event of a stream; the first one begins it."""
        if begins:
            delta = {"role": "assistant", **delta}
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self._streaming = True
        self._event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(value, ensure_ascii=False, allow_nan=False)}\n\n".encode())


_GET = {"/health": _Handler.health, "/status": _Handler.status, "/v1/models": _Handler.models}
_POST = {"/search": _Handler.search, "/ask": _Handler.ask, "/v1/chat/completions": _Handler.chat}


def _sources(answer: Answer) -> str:
    lines = [f"[{place}] {cited(citation)}" for place, citation in enumerate(answer.citations, start=1)]
    return "".join(f"\n\n{line}" if place == 0 else f"\n{line}" for place, line in enumerate(lines))


def _status(error: EngineError) -> int:
    if isinstance(error, RequestError):
        return error.status
    return 404 if isinstance(error, RunError) else 400


def _is_own(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    if not _is_own(host):
        raise ServerError(
            f"{host} is not this machine's own address.",
            hint="Use 127.0.0.1 or ::1. For other machines, put your own server with TLS and accounts before it.",
        )
    return socket.AF_INET6 if ":" in host else socket.AF_INET
