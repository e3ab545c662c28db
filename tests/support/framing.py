"""Requests whose framing can be read in two ways."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
NO_BODY = b"0\r\n\r\n"


def head(line: str, *headers: str) -> bytes:
    """Return a request's head."""
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode("latin-1")


def post(*headers: str, body: bytes = b"", path: str = "/auth/login") -> bytes:
    """Return a POST of a JSON body, with its framing left to the headers."""
    return head(f"POST {path} HTTP/1.1", "Content-Type: application/json", *headers) + body


AMBIGUOUS = {
    "Content-Length and Transfer-Encoding": post("Content-Length: 5", "Transfer-Encoding: chunked", body=NO_BODY),
    "Transfer-Encoding and Content-Length": post("Transfer-Encoding: chunked", "Content-Length: 5", body=NO_BODY),
    "two Transfer-Encodings": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=NO_BODY),
    "chunked twice": post("Transfer-Encoding: chunked, chunked", body=NO_BODY),
    "chunked and identity": post("Transfer-Encoding: chunked, identity", body=NO_BODY),
    "identity": post("Transfer-Encoding: identity", body=NO_BODY),
    "an unknown coding": post("Transfer-Encoding: xchunked", body=NO_BODY),
    "a space before the colon": post("Transfer-Encoding : chunked", body=NO_BODY),
    "a vertical tab": post("Transfer-Encoding: \x0bchunked", body=NO_BODY),
    "a tab in the name": post("Transfer-Encoding\t: chunked", body=NO_BODY),
    "two Content-Lengths": post("Content-Length: 0", "Content-Length: 2", body=b"{}"),
    "one Content-Length twice": post("Content-Length: 2", "Content-Length: 2", body=b"{}"),
    "a list of lengths": post("Content-Length: 2, 2", body=b"{}"),
    "a length with a plus": post("Content-Length: +2", body=b"{}"),
    "a length below zero": post("Content-Length: -2", body=b"{}"),
    "a hexadecimal length": post("Content-Length: 0x2", body=b"{}"),
    "a length with an underscore": post("Content-Length: 0_2", body=b"{}"),
    "a length that is empty": post("Content-Length:", body=b"{}"),
    "a folded header": head("GET / HTTP/1.1", "X-A: b\r\n c"),
    "a bare line feed": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\nX-B: c\r\n\r\n",
    "a bare carriage return": head("GET / HTTP/1.1", "X-A: b\rc"),
    "a NUL": head("GET / HTTP/1.1", "X-A: b\0c"),
    "two Hosts": head("GET / HTTP/1.1", "Host: evil.example"),
    "a header without a colon": head("GET / HTTP/1.1", "Authorization"),
    "a header with a space in its name": head("GET / HTTP/1.1", "X A: b"),
    "a header without a name": head("GET / HTTP/1.1", ": b"),
    "a space in the target": head("GET /a b HTTP/1.1"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/9.9": head("GET / HTTP/9.9"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": head("get / HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a PROXY line": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + head("GET / HTTP/1.1"),
}
