#!/usr/bin/env bash
# A session from nothing to a sent message, with curl alone: see README.md.
set -euo pipefail

url=${WAYSTATION_URL:-http://127.0.0.1:8480}
session=${SESSION:-curl}
to=${TO:?the number to write to, in digits}
webhook=${WEBHOOK_URL:-}
phone=${SANDBOX_PHONE:-}
admin=${WAYSTATION_ADMIN_TOKEN:?the admin token of the server}

say() { printf '\n== %s\n' "$*"; }

# Tokens go to curl by its standard input: arguments can be read by everybody on the machine.
as() { # header, then curl's arguments
	local header=$1
	shift
	curl -sS -K - "$@" <<<"header = \"$header\""
}
rpc() { # method, params
	as "Authorization: Bearer $admin" "$url/v1/rpc" -H 'Content-Type: application/json' \
		-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
}
rest() { # path, then curl's arguments
	local path=$1
	shift
	as "Token: $token" "$url/wuzapi$path" "$@"
}
# The string of a name in JSON on standard input. Enough for tokens and codes; use jq for more.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
fail() {
	printf 'tour: %s\n' "$*" >&2
	exit 1
}

say "create the session $session"
created=$(rpc session.create "{\"session_id\":\"$session\"}")
token=$(field token <<<"$created")
[[ -n $token ]] || fail "the session was not created: $created"
(umask 077 && printf '%s\n' "$token" >token.txt)
echo "its token is in token.txt"

say connect
rest /session/connect -d '{"Subscribe":["Message","ReadReceipt"],"Immediate":true}'

say "wait for the pairing code"
for _ in {1..100}; do
	code=$(rest /session/qr | field QRCode)
	[[ -n $code ]] && break
	sleep 0.2
done
[[ -n $code ]] || fail "there is no pairing code"
base64 -d <<<"${code#data:image/png;base64,}" >qr.png
echo "it is in qr.png"

if [[ -n $phone ]]; then
	say "the simulated phone $phone scans it"
	rpc sandbox.createAccount "{\"number\":\"$phone\"}" >/dev/null
	rpc sandbox.scanQrCode "{\"account\":\"$phone\",\"session\":\"$session\"}"
else
	say "scan it within a minute: Linked devices, Link a device"
fi

say "wait until the session is logged in"
for _ in {1..300}; do
	status=$(rest /session/status)
	[[ $status == *'"LoggedIn":true'* ]] && break
	sleep 0.2
done
echo "$status"
[[ $status == *'"LoggedIn":true'* ]] || fail "nobody scanned the code"

if [[ -n $webhook ]]; then
	say "have events sent to a webhook"
	rest /webhook -d "{\"webhookURL\":\"$webhook\"}"
	rest /webhook
fi

say "send a text to $to"
sent=$(rest /chat/send/text -H "Idempotency-Key: tour-$session" -d "{\"Phone\":\"$to\",\"Body\":\"Hello from curl\"}")
echo "$sent"
[[ $sent == *'"success":true'* ]] || fail "the text was not sent"

say "list the groups"
rest /group/list

say done
echo "The session goes on. POST /wuzapi/session/logout unlinks it from the phone, session.delete removes it."
