"""A webhook endpoint in Python, with nothing but its standard library.

    RUSHES_WEBHOOK_SECRET=whsec_... python3 examples/webhooks_python.py

The rules are those of Standard Webhooks 1.0 (https://www.standardwebhooks.com):
HMAC-SHA256 over "id.timestamp.body", base64, among the signatures of the header.
"""

import base64
import binascii
import hmac
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
BODY_MAX_BYTES = 65_536


class NotGenuine(Exception):
    """The request is not shown to come from the server."""


def key_of(secret: str) -> bytes:
    """The bytes of a secret; raises at start, not at the first webhook."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise SystemExit("RUSHES_WEBHOOK_SECRET is not whsec_ and base64.") from error
    if len(key) < 16:
        raise SystemExit("RUSHES_WEBHOOK_SECRET is not set.")
    return key


def verify(keys: list[bytes], headers, body: bytes, now: float) -> str:
    """Returns the event's id, the same on every attempt. Raises NotGenuine."""
    values = {}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        found = headers.get_all(name) or []
        if len(found) != 1:
            raise NotGenuine(f"{name} came {len(found)} times")
        values[name] = found[0]
    timestamp = values["webhook-timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotGenuine("the timestamp is not whole seconds")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotGenuine("signed too long ago, or in the future")
    signed = f"{values['webhook-id']}.{timestamp}.".encode("latin-1") + body
    for key in keys:
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        for signature in values["webhook-signature"].encode("latin-1").split(b" "):
            if hmac.compare_digest(expected, signature):
                return values["webhook-id"]
    raise NotGenuine("no signature fits")


# During a rotation both secrets, with a blank between them.
KEYS = [key_of(secret) for secret in os.environ.get("RUSHES_WEBHOOK_SECRET", "").split(" ")]
# An event may come more than once. A real receiver keeps these in its database.
seen: set[str] = set()
seen_lock = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            return self.answer(411)
        if int(length) > BODY_MAX_BYTES:
            return self.answer(413)
        body = self.rfile.read(int(length))
        try:
            event_id = verify(KEYS, self.headers, body, time.time())
        except NotGenuine as error:
            print(error, file=sys.stderr, flush=True)
            return self.answer(400)
        event = json.loads(body)
        with seen_lock:
            if event_id not in seen:
                seen.add(event_id)
                print(event["type"], event_id, flush=True)
        # Answer first, work later: after 5 seconds the delivery counts as failed and is repeated.
        return self.answer(204)

    def log_message(self, *_arguments) -> None:
        """What matters is printed above."""


class Server(ThreadingHTTPServer):
    # Several deliveries come at a time; the default turns away the sixth that waits.
    request_queue_size = 128


server = Server(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
signal.signal(signal.SIGTERM, lambda *_arguments: threading.Thread(target=server.shutdown).start())
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
