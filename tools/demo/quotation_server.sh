# shellcheck shell=bash
# quotation-service, second half: the server, what guards it, and how it is run.

put quotation/server.py <<'EOF'
"""Answers GET /health and POST /quotes."""
import json
import logging
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from quotation.engine import quote

log = logging.getLogger(__name__)


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            self.answer(200, quote(body["product"], body["quantity"], body["zone"]))
        except (KeyError, ValueError) as error:
            self.answer(400, {"error": str(error)})

    def log_message(self, format, *args):
        log.info(format, *args)


def main():
    logging.basicConfig(level=logging.INFO)
    port = int(os.environ.get("QUOTATION_PORT", "8081"))
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
EOF
put .env.example <<'EOF'
# Port of the quotation service
QUOTATION_PORT=8081
QDRANT_URL=http://localhost:6333
QDRANT_COLLECTION=products
EOF
save ana "Serve quotations over HTTP"
put quotation/knowledge_base.py <<'EOF'
"""Finds products by meaning: the vector store is Qdrant."""
import os


def qdrant_endpoint():
    url = os.environ["QDRANT_URL"].rstrip("/")
    collection = os.environ["QDRANT_COLLECTION"]
    return f"{url}/collections/{collection}/points/search"
EOF
save bruno "Look products up in Qdrant"
put quotation/guard.py <<'EOF'
"""Who may ask, and how often."""
import hmac
import threading
import time


def authorized(header, token):
    """Compares the bearer token in constant time; without a token nobody is let in."""
    given = (header or "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


class RateLimiter:
    """A token bucket for each client: so many requests a minute, bursts included."""

    def __init__(self, per_minute, clock=time.monotonic):
        self.per_minute = per_minute
        self.clock = clock
        self.buckets = {}
        self.lock = threading.Lock()

    def allow(self, client):
        with self.lock:
            now = self.clock()
            left, since = self.buckets.get(client, (self.per_minute, now))
            left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
            self.buckets[client] = (left - 1 if left >= 1 else left, now)
            return left >= 1
EOF
put quotation/metrics.py <<'EOF'
"""Counts answers by status, in the text format of Prometheus."""
import threading
from collections import Counter


class Metrics:
    def __init__(self):
        self.answers = Counter()
        self.lock = threading.Lock()

    def count(self, status):
        with self.lock:
            self.answers[status] += 1

    def text(self):
        with self.lock:
            lines = [
                f'quotation_http_requests_total{{status="{status}"}} {count}'
                for status, count in sorted(self.answers.items())
            ]
        return "\n".join(["# TYPE quotation_http_requests_total counter", *lines, ""])
EOF
put quotation/server.py <<'EOF'
"""Answers GET /health and GET /metrics, and POST /quotes to those who know the token."""
import json
import logging
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from quotation.engine import quote
from quotation.guard import RateLimiter, authorized
from quotation.metrics import Metrics

MAX_BODY_BYTES = 65536
log = logging.getLogger(__name__)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body is not to wait until the headers have arrived

    def do_GET(self):
        if self.path == "/health":
            self.answer_json(200, {"status": "ok"})
        elif self.path == "/metrics":
            self.answer(200, "text/plain; version=0.0.4", self.server.metrics.text().encode())
        else:
            self.answer_json(404, {"error": "not found"})

    def do_OPTIONS(self):
        self.answer(204)

    def do_POST(self):
        body = self.read_body()
        if self.path != "/quotes":
            self.answer_json(404, {"error": "not found"})
        elif body is None:
            self.answer_json(413, {"error": f"at most {MAX_BODY_BYTES} bytes"})
        elif not self.server.rate_limiter.allow(self.client_address[0]):
            self.answer_json(429, {"error": "too many requests"})
        elif not authorized(self.headers.get("Authorization"), self.server.api_token):
            self.answer_json(401, {"error": "a bearer token is needed"})
        else:
            self.answer_quote(body)

    def answer_quote(self, body):
        try:
            wanted = json.loads(body)
            result = quote(wanted["product"], wanted["quantity"], wanted["zone"])
        except (KeyError, TypeError, ValueError) as error:
            self.answer_json(400, {"error": str(error)})
        else:
            self.answer_json(200, result)

    def read_body(self):
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(length)

    def answer_json(self, status, value):
        self.answer(status, "application/json", json.dumps(value).encode())

    def answer(self, status, content_type="", data=b""):
        self.server.metrics.count(status)  # who has the answer may ask for the number at once
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "60")
        self.send_cors_headers()
        self.end_headers()
        self.wfile.write(data)

    def send_cors_headers(self):
        """One origin may call from a browser: the chat front end."""
        allowed = self.server.allowed_origin
        if allowed and self.headers.get("Origin") == allowed:
            self.send_header("Access-Control-Allow-Origin", allowed)
            self.send_header("Access-Control-Allow-Methods", "POST")
            self.send_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
            self.send_header("Vary", "Origin")

    def log_message(self, format, *args):
        log.info(format, *args)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def make_server(address, api_token, allowed_origin="", per_minute=60):
    server = Server(address, Handler)
    server.api_token = api_token
    server.allowed_origin = allowed_origin
    server.rate_limiter = RateLimiter(per_minute)
    server.metrics = Metrics()
    return server


def main():
    logging.basicConfig(level=os.environ.get("QUOTATION_LOG_LEVEL", "WARNING"))
    host = os.environ.get("QUOTATION_HOST", "127.0.0.1")
    port = int(os.environ.get("QUOTATION_PORT", "8081"))
    server = make_server(
        (host, port),
        api_token=os.environ.get("QUOTATION_API_TOKEN", ""),
        allowed_origin=os.environ.get("QUOTATION_ALLOWED_ORIGIN", ""),
        per_minute=int(os.environ.get("QUOTATION_RATE_PER_MINUTE", "60")),
    )
    log.warning("listening on %s:%d", host, port)
    server.serve_forever()


if __name__ == "__main__":
    main()
EOF
put tests/test_server.py <<'EOF'
import http.client
import json
import threading
import unittest

from quotation.server import make_server

WANTED = {"product": "cement-50kg", "quantity": 10, "zone": "north"}


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.server = make_server(("127.0.0.1", 0), "let-me-in", "https://chat.example.com", 3)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(*self.server.server_address)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response, data

    def ask_quote(self, authorization="Bearer let-me-in", **headers):
        body = json.dumps(WANTED)
        return self.ask("POST", "/quotes", body, Authorization=authorization, **headers)

    def test_health_needs_no_token(self):
        response, data = self.ask("GET", "/health")
        self.assertEqual((response.status, json.loads(data)), (200, {"status": "ok"}))

    def test_a_caller_with_the_token_gets_a_quotation(self):
        response, data = self.ask_quote()
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(data)["total_cents"], 16500)

    def test_another_token_is_refused(self):
        self.assertEqual(self.ask_quote("Bearer guess")[0].status, 401)

    def test_the_fourth_request_in_a_minute_waits(self):
        answers = [self.ask_quote()[0].status for _ in range(4)]
        self.assertEqual(answers, [200, 200, 200, 429])

    def test_only_the_front_end_may_call_from_a_browser(self):
        response, _ = self.ask("OPTIONS", "/quotes", Origin="https://chat.example.com")
        self.assertEqual(response.getheader("Access-Control-Allow-Origin"),
                         "https://chat.example.com")
        response, _ = self.ask("OPTIONS", "/quotes", Origin="https://other.example.com")
        self.assertIsNone(response.getheader("Access-Control-Allow-Origin"))

    def test_answers_are_counted(self):
        self.ask("GET", "/health")
        self.assertIn('quotation_http_requests_total{status="200"} 1',
                      self.ask("GET", "/metrics")[1].decode())


if __name__ == "__main__":
    unittest.main()
EOF
put .env.example <<'EOF'
# Where the quotation service listens
QUOTATION_HOST=127.0.0.1
QUOTATION_PORT=8081
QUOTATION_LOG_LEVEL=WARNING
# Callers of POST /quotes send it as a bearer token; empty: nobody is let in
QUOTATION_API_TOKEN=
# The origin of the chat front end
QUOTATION_ALLOWED_ORIGIN=http://localhost:8080
# Requests that a client may make
QUOTATION_RATE_PER_MINUTE=60
QDRANT_URL=http://localhost:6333
QDRANT_COLLECTION=products
EOF
save carla "Ask callers for a token, limit their rate"
put Dockerfile <<'EOF'
FROM python:3.12.7-slim-bookworm
WORKDIR /app
COPY quotation quotation
RUN useradd --system app
USER app
ENV QUOTATION_HOST=0.0.0.0
EXPOSE 8081
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8081/health')"]
CMD ["python", "-m", "quotation.server"]
EOF
put docker-compose.yml <<'EOF'
services:
  quotation:
    build: .
    container_name: bmc-quotation
    restart: unless-stopped
    ports: ["8081:8081"]
    environment:
      QUOTATION_API_TOKEN: "${QUOTATION_API_TOKEN}"
      QUOTATION_ALLOWED_ORIGIN: "${QUOTATION_ALLOWED_ORIGIN}"
      QDRANT_URL: "http://qdrant:6333"
      QDRANT_COLLECTION: "${QDRANT_COLLECTION}"
    depends_on: [qdrant]
    mem_limit: 256m
  qdrant:
    image: qdrant/qdrant:v1.12.1
    container_name: bmc-qdrant
    restart: unless-stopped
    ports: ["6333:6333"]
    healthcheck:
      test: ["CMD-SHELL", "bash -c ':> /dev/tcp/127.0.0.1/6333'"]
    mem_limit: 1g
EOF
put .github/workflows/ci.yml <<'EOF'
name: quotation
on: [push]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: python -m unittest
EOF
save carla "Build an image and test at every push"
put docs/api.md <<'EOF'
# API

`POST /quotes` with `{"product", "quantity", "zone"}` and the header `Authorization: Bearer TOKEN`
answers the quotation; what it must hold is in the [contract](../contracts/quote.schema.json). See
the [README](../README.md#settings) for the settings.
EOF
put README.md <<'EOF'
# Quotation service

Quotes building materials: product, quantity and delivery zone in, a price in cents out.

Run it with `python -m quotation.server`, test it with `python -m unittest`. How to call it is in
[docs/api.md](docs/api.md).

## Settings

| variable | what it is |
|---|---|
| `QUOTATION_HOST`, `QUOTATION_PORT` | where the service listens (127.0.0.1:8081) |
| `QUOTATION_LOG_LEVEL` | DEBUG, INFO, WARNING or ERROR |
| `QUOTATION_API_TOKEN` | the bearer token of those who may ask for quotations |
| `QUOTATION_ALLOWED_ORIGIN` | the origin of the chat front end |
| `QUOTATION_RATE_PER_MINUTE` | requests that a client may make |
| `QDRANT_URL`, `QDRANT_COLLECTION` | where product descriptions are searched |
EOF
save ana "Document the API and the settings"
git checkout -q -b feature/tax
sed -i 's/^VALIDITY_DAYS = 15$/VALIDITY_DAYS = 15\nTAX_RATE_PERCENT = 22/' quotation/engine.py
save bruno "Sketch the tax"
git checkout -q main
cd ..
