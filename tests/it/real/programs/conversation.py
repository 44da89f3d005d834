"""A player opens a session, invites a friend, reads the session and leaves: the calls, whoever makes them."""

import os

BASE = os.environ.get("BASE", "https://sessiondirectory.xboxlive.com")
SCID = "00000000-0000-0000-0000-0000000c0de1"


def talk(request):
    """Calls `request(method, url, headers, json)` for each call, and prints how each went."""
    session, xuid = os.environ["SESSION"], os.environ["XUID"]
    target = f"{BASE}/serviceconfigs/{SCID}/sessionTemplates/game/sessions/{session}"
    system = {"active": True, "connection": os.environ["CONNECTION"]}
    member = {"constants": {"system": {"xuid": xuid}}, "properties": {"system": system}}
    reference = {"scid": SCID, "templateName": "game", "name": session}
    attributes = {"titleId": "1234567890", "context": "slot2"}
    invite = {"version": 1, "type": "invite", "sessionRef": reference}
    invite |= {"invitedXuid": os.environ["FRIEND"], "inviteAttributes": attributes}
    for method, url, more, body in [
        ("PUT", target, {"If-None-Match": "*"}, {"members": {"me": member}}),
        ("POST", f"{BASE}/handles", {}, invite),
        ("GET", target, {}, None),
        ("PUT", target, {"If-Match": "*"}, {"members": {"me": None}}),
    ]:
        headers = {"Authorization": f"XBL3.0 x={os.environ['HASH']};token", "X-Xbl-Contract-Version": "107"}
        answer = request(method, url, headers | more, body)
        outcome = answer.headers.get("tapdeck-outcome", "none")
        mine = " mine" if method == "GET" and xuid in answer.text else ""
        print(f"{method} {answer.status_code} {outcome}{mine}")
