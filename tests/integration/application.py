"""An application behind a guard: application.py PORT LOG. It answers each request with a JSON object of what it got, agrees
to any upgrade, and writes a line to LOG for each request that reaches it."""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            return self.read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def upgrade(self):
        self.send_response(101)
        self.send_header("Upgrade", ", ".join(self.headers.get_all("Upgrade")))
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.wfile.write(b"upgraded: " + self.rfile.readline())
        self.close_connection = True

    def answer(self):
        with open(sys.argv[2], "a", encoding="utf-8") as log:
            print(self.command, self.path, file=log)
        if "Upgrade" in self.headers and "upgrade" in self.headers.get("Connection", "").lower():
            self.upgrade()
            return
        body = self.read_body()
        said = {
            "method": self.command,
            "path": self.path,
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
        }
        text = json.dumps(said).encode()
        self.send_response(403 if self.path.endswith("/refused") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application).serve_forever()
