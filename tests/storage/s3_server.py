"""An S3 server on loopback, moto's, with faults: requests refused, cut off or delayed, the server gone."""

from __future__ import annotations

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from superpos.storage import ObjectPlace

Fault = Callable[[str, str], int]
"""From method and path of a request to what happens: 0 for an answer, `CUT`, or the status of a refusal."""
CUT = -1
CODES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


class Server:
    """Answers on a free port of its own; what is stored outlives `stop` and `start`."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request otherwise
        self._app = DomainDispatcherApplication(create_backend_app)
        self.fault: Fault = lambda *_: 0
        self.done: Callable[[str, str], object] = lambda *_: None
        """Told what has been done before the client hears of it."""
        self.seen: Counter[str] = Counter()
        """Requests by method, those with a fault too."""
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        from werkzeug.serving import make_server

        self._server = make_server("127.0.0.1", self.port, self._answer, threaded=True)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.seen[method] += 1
        status = self.fault(method, path)
        if status == CUT:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError(path)
        if status:
            body = f"<?xml version='1.0'?><Error><Code>{CODES[status]}</Code><Message>no</Message></Error>"
            start_response(f"{status} no", [("Content-Type", "application/xml")])
            return [body.encode()]
        body = list(self._app(environ, start_response))
        self.done(method, path)
        return body


def all_objects(place: ObjectPlace) -> dict[str, bytes]:
    """Every object below a place, by its name there."""
    found: dict[str, bytes] = {}
    for name in place.names():
        below = place / name
        content = below.read() if "." in name else None
        if content is not None:
            found[name] = content
        else:
            found |= {f"{name}/{rest}": value for rest, value in all_objects(below).items()}
    return found


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
