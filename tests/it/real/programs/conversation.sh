# A player opens a session, invites a friend, reads the session and leaves: by curl, with no option about proxy or trust.
set -euo pipefail
base=${BASE:-https://sessiondirectory.xboxlive.com}
session=/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/game/sessions/$SESSION
say() {  # say METHOD TARGET BODY curl-options…
  local answer head body
  answer=$(curl -q -sS -i --suppress-connect-headers --max-time 60 -X "$1" -H "Authorization: XBL3.0 x=$HASH;token" \
    -H 'X-Xbl-Contract-Version: 107' ${3:+-H 'Content-Type: application/json' -d "$3"} "${@:4}" "$base$2" | tr -d '\r')
  head=${answer%%$'\n\n'*} body=${answer#*$'\n\n'}
  local outcome=none mine=
  [[ $head =~ tapdeck-outcome:\ ([a-z]*) ]] && outcome=${BASH_REMATCH[1]}
  [[ $1 == GET && $body == *"$XUID"* ]] && mine=' mine'
  [[ $head =~ ^HTTP/[0-9.]+\ ([0-9]+) ]] && echo "$1 ${BASH_REMATCH[1]} $outcome$mine"
}
say PUT "$session" '{"members":{"me":{"constants":{"system":{"xuid":"'"$XUID"'"}},"properties":{"system":{"active":true,"connection":"'"$CONNECTION"'"}}}}}' -H 'If-None-Match: *'
say POST /handles '{"version":1,"type":"invite","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"game","name":"'"$SESSION"'"},"invitedXuid":"'"$FRIEND"'","inviteAttributes":{"titleId":"1234567890","context":"slot2"}}'
say GET "$session" ''
say PUT "$session" '{"members":{"me":null}}' -H 'If-Match: *'
