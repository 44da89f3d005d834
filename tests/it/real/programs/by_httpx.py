"""By httpx, with no option about proxy or trust."""

import httpx

from conversation import talk

with httpx.Client(timeout=60) as client:
    talk(lambda method, url, headers, body: client.request(method, url, headers=headers, json=body))
