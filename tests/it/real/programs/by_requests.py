"""By requests, with no option about proxy or trust."""

import requests

from conversation import talk

with requests.Session() as client:
    talk(lambda method, url, headers, body: client.request(method, url, headers=headers, json=body, timeout=60))
