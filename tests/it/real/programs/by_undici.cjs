// A player opens a session, invites a friend, reads the session and leaves: by undici, with its agent for proxies of the
// environment; or, as `by_undici.cjs fetch`, by the fetch of Node itself. Neither is told about trust.
const env = process.env;
const base = env.BASE ?? "https://sessiondirectory.xboxlive.com";
const scid = "00000000-0000-0000-0000-0000000c0de1";
const session = `/serviceconfigs/${scid}/sessionTemplates/game/sessions/${env.SESSION}`;

function fetcher() {
  if (process.argv[2] === "fetch") return fetch;
  const { EnvHttpProxyAgent, fetch: by, setGlobalDispatcher } = require("undici");
  setGlobalDispatcher(new EnvHttpProxyAgent());
  return by;
}

async function say(by, method, target, body, more) {
  const headers = { Authorization: `XBL3.0 x=${env.HASH};token`, "X-Xbl-Contract-Version": "107", ...more };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await by(base + target, { method, headers, body: body && JSON.stringify(body) });
  const mine = (await answer.text()).includes(env.XUID) && method === "GET" ? " mine" : "";
  console.log(`${method} ${answer.status} ${answer.headers.get("tapdeck-outcome") ?? "none"}${mine}`);
}

async function talk(by) {
  const system = { active: true, connection: env.CONNECTION };
  const me = { constants: { system: { xuid: env.XUID } }, properties: { system } };
  await say(by, "PUT", session, { members: { me } }, { "If-None-Match": "*" });
  const sessionRef = { scid, templateName: "game", name: env.SESSION };
  const inviteAttributes = { titleId: "1234567890", context: "slot2" };
  await say(by, "POST", "/handles", { version: 1, type: "invite", sessionRef, invitedXuid: env.FRIEND, inviteAttributes });
  await say(by, "GET", session);
  await say(by, "PUT", session, { members: { me: null } }, { "If-Match": "*" });
}

talk(fetcher());
