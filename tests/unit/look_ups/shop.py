"""A shop's stock over real HTTP, which can be slow, broken or lying on demand."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Shop:
    """Answers `/items/<sku>`; the sku says how: `slow` hangs until the shop is `quick`, a number is the status."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.headers: list[str | None] = []
        self.closing = threading.Event()
        self.broken, self.quick = False, False
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.answer(self)

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """As `look_ups.yaml` has it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/items/{{key}}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        sku = unquote(request.path.removeprefix("/items/"))
        self.asked[sku] += 1
        self.headers.append(request.headers.get("Authorization"))
        if sku.startswith("slow") and not self.quick:
            self.closing.wait(30)
            return
        status, body = 200, json.dumps({"stock": {"quantity": len(sku)}, "lies": [1]}).encode()
        if self.broken:
            status = 503
        elif sku.isdigit():
            status = int(sku)
        elif sku == "text":
            body = b"no json"
        elif sku == "wordy":
            body = json.dumps({"stock": {"quantity": "x" * 5_000}}).encode()
        elif sku == "great":
            body = b'{"stock": {"quantity": ' + b"9" * 400 + b"}}"
        elif sku == "long":
            body = b'"' + b"x" * (2 << 20) + b'"'
        request.send_response(status)
        if status == 302:
            request.send_header("Location", "http://127.0.0.1:1/private")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
