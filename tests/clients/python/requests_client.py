"""The journey by requests: `python requests_client.py URL EMAIL PASSWORD IDLE`."""

import json
import sys
import time
from collections.abc import Iterator

import requests

url, email, password, idle = sys.argv[1:]
credentials = {"email": email, "password": password}


def tell(step: str, answer: requests.Response) -> requests.Response:
    """Print what came back."""
    document = answer.json() if answer.content else {}
    print(step, answer.status_code, answer.headers.get("Content-Type", "-"), document.get("code", "-"))
    return answer


def chunks(text: str = "") -> Iterator[bytes]:
    """Yield a text in two pieces: of what has no length, requests makes a chunked body."""
    yield from (part.encode() for part in (text[:10], text[10:]) if part)


with requests.Session() as client:
    tell("register", client.post(f"{url}/auth/register", json={**credentials, "name": "Requests"}))
    typed = {"Content-Type": "application/json; charset=utf-8"}
    answer = tell("charset", client.post(f"{url}/auth/login", data=json.dumps(credentials), headers=typed))
    renewed = {"refreshToken": answer.json()["refreshToken"]}
    answer = tell("refresh", client.post(f"{url}/auth/refresh-token", json=renewed))
    renewed = json.dumps({"refreshToken": answer.json()["refreshToken"]})
    answer = tell("refresh-chunked", client.post(f"{url}/auth/refresh-token", data=chunks(renewed), headers=typed))
    bearer = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    tell("cookie", client.post(f"{url}/auth/login", json={**credentials, "transport": "cookie"}))
    tell("cookie-refresh", client.post(f"{url}/auth/refresh-token"))
    tell("cookie-refresh-chunked", client.post(f"{url}/auth/refresh-token", data=chunks()))
    tell("accept", client.get(f"{url}/", headers={**bearer, "Accept": "text/html;q=0.9, */*;q=0.1"}))
    tell("post-chunked", client.post(f"{url}/auth/logout", data=chunks()))
    tell("problem", client.get(f"{url}/", headers={"Accept-Encoding": "gzip, br"}))
    expecting = {"Expect": "100-continue"}
    tell("expect", client.post(f"{url}/auth/login", json=credentials, headers=expecting))
    time.sleep(float(idle))
    tell("idle", client.get(f"{url}/", headers=bearer))
    tell("delete", client.delete(f"{url}/auth/logout", headers=bearer))
    tell("ended", client.get(f"{url}/", headers=bearer))
