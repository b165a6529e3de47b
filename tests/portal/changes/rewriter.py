"""An HTTP proxy in front of the gateway that can rewrite requests and answers, or lose answers."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Rewriter:
    """`rules` maps an operation to a function of the proxied exchange; `writes` counts forwarded writes.

    A rule gets the request's body and a function that sends a body on to the gateway and returns its answer;
    it returns the answer for the portal, or None to break the connection.
    """

    def __init__(self, base_url: str, auth: tuple[str, str]) -> None:
        self.base_url, self.auth = base_url, auth
        self.rules: dict[str, Callable] = {}
        self.writes = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/provisioning"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def send_on(self, method: str, path: str, body: dict | None) -> dict:
        if method != "GET":
            self.writes += 1
        address = self.base_url + path.removeprefix("/api/provisioning")
        answer = requests.request(method, address, json=body, auth=self.auth, timeout=30)
        return answer.json()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        rewriter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                operation = self.path.removeprefix("/api/provisioning/").split("/")[0]

                def send(changed: dict | None) -> dict:
                    return rewriter.send_on(self.command, self.path, changed)

                rule = rewriter.rules.get(operation)
                answer = rule(body, send) if rule else send(body)
                if answer is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler
