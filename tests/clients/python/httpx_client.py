"""The journey by httpx: `python httpx_client.py URL EMAIL PASSWORD IDLE`."""

import json
import sys
import time
from collections.abc import Iterator

import httpx

url, email, password, idle = sys.argv[1:]
credentials = {"email": email, "password": password}


def tell(step: str, answer: httpx.Response) -> httpx.Response:
    """Print what came back."""
    document = answer.json() if answer.content else {}
    print(step, answer.status_code, answer.headers.get("Content-Type", "-"), document.get("code", "-"))
    return answer


def chunks(text: str = "") -> Iterator[bytes]:
    """Yield a text in two pieces: of what has no length, httpx makes a chunked body."""
    yield from (part.encode() for part in (text[:10], text[10:]) if part)


with httpx.Client(base_url=url, timeout=30) as client:
    tell("register", client.post("/auth/register", json={**credentials, "name": "Httpx"}))
    typed = {"Content-Type": "application/json; charset=utf-8"}
    answer = tell("charset", client.post("/auth/login", content=json.dumps(credentials), headers=typed))
    answer = tell("refresh", client.post("/auth/refresh-token", json={"refreshToken": answer.json()["refreshToken"]}))
    renewed = json.dumps({"refreshToken": answer.json()["refreshToken"]})
    answer = tell("refresh-chunked", client.post("/auth/refresh-token", content=chunks(renewed), headers=typed))
    bearer = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    tell("cookie", client.post("/auth/login", json={**credentials, "transport": "cookie"}))
    tell("cookie-refresh", client.post("/auth/refresh-token"))
    tell("cookie-refresh-chunked", client.post("/auth/refresh-token", content=chunks()))
    tell("accept", client.get("/", headers={**bearer, "Accept": "text/html;q=0.9, */*;q=0.1"}))
    tell("post-chunked", client.post("/auth/logout", content=chunks()))
    tell("problem", client.get("/", headers={"Accept-Encoding": "gzip, br"}))
    tell("expect", client.post("/auth/login", json=credentials, headers={"Expect": "100-continue"}))
    time.sleep(float(idle))
    tell("idle", client.get("/", headers=bearer))
    tell("delete", client.delete("/auth/logout", headers=bearer))
    tell("ended", client.get("/", headers=bearer))
