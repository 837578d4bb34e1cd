package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waystation/waystation/docs/doctest"
	"github.com/waystation/waystation/rpc"
)

const errorsPage = "docs/reference/errors.md"

// errorMeanings explains each code: when it is returned, and the recommended reaction of a client.
var errorMeanings = map[string]string{
	"parse_error":           "The frame or body is not JSON.",
	"invalid_request":       "The JSON is no request of JSON-RPC 2.0, or is not allowed at this place: a second `conn.hello`, or `conn.hello` and `events.*` in a batch.",
	"method_not_found":      "No method has this name. `sandbox.*` exists only while the server runs on the simulated network.",
	"invalid_params":        "Fields of the params are wrong. `details.fields` lists each with its JSON pointer (`pointer`) and what is wrong (`problem`).",
	"internal":              "The server failed; its log has the cause under `request_id`. With the reason `storage` the database failed, and the call may be repeated.",
	"unauthenticated":       "The credential is missing, unknown or expired.",
	"forbidden":             "The credential does not allow the call, or the account lacks the right inside WhatsApp (for example, only admins change a group).",
	"not_found":             "The session, chat, message, file or entry does not exist.",
	"conflict":              "The state of the object does not allow the call, or the object exists already. `details.outcome` is `unknown` when the server ended during an earlier call with the same idempotency key.",
	"rate_limited":          "A limit of the server or of WhatsApp is reached. Repeat after `retry_after_ms`.",
	"timeout":               "The call took too long. With `details.outcome` `unknown` it may have had an effect; `details.message_id` names the message that may have been sent. Repeat it with the same idempotency key or `message_id`.",
	"cancelled":             "The client cancelled the call with `conn.cancel`.",
	"session_not_connected": "The session is not connected to WhatsApp, or lost its connection during the call. `details.outcome` is `unknown` when a message may have been sent.",
	"owner_unavailable":     "Reserved: the server that owns the session cannot be reached.",
	"whatsapp_error":        "WhatsApp refused the call. `details.wa_code` has its code.",
	"too_large":             "A size limit is exceeded. `details.limit_bytes` names the limit.",
	"idempotency_mismatch":  "The idempotency key was used with other params, or with another method.",
	"position_lost":         "The offset is no longer, or not yet, in the journal.",
	"not_supported":         "The server, the network or the account cannot do this.",
	"shutting_down":         "The server is stopping, or accepts no more connections (reason `unavailable`). Repeat after `retry_after_ms`.",
}

// reasonMeanings explains the values of data.reason that are not the name of a code.
var reasonMeanings = map[string]struct {
	code    int
	meaning string
}{
	"release_feed":          {rpc.CodeInternal, "The feed of releases that the operator set (`-update-feed`) could not be read."},
	"storage":               {rpc.CodeInternal, "The database failed. The call may be repeated."},
	"license_hidden":        {rpc.CodeNotSupported, "The operator switched license reporting off (`-license-reporting`)."},
	"unavailable":           {rpc.CodeShuttingDown, "The server accepts no more connections (`-max-connections`)."},
	"token_expired":         {rpc.CodeUnauthenticated, "The token was valid once: it was replaced, or its session was deleted."},
	"no_passkey_request":    {rpc.CodeConflict, "WhatsApp has not asked this session for a passkey."},
	"passkey_expired":       {rpc.CodeConflict, "The passkey request has ended. Connect and scan again."},
	"passkey_answered":      {rpc.CodeConflict, "An answer to the passkey request was accepted already."},
	"passkey_busy":          {rpc.CodeConflict, "Another call of this step waits for WhatsApp."},
	"passkey_rejected":      {rpc.CodeWhatsApp, "WhatsApp refused the answer. The request stays open: sign again."},
	"passkey_pending":       {rpc.CodeConflict, "Pairing is in the passkey step, which forbids the call."},
	"no_confirmation_due":   {rpc.CodeConflict, "No confirmation is due in this session."},
	"wrong_number":          {rpc.CodeConflict, "The session belongs to another number. See [another number](../passkey.md#another-number)."},
	"send_governor":         {rpc.CodeRateLimited, "The session's send governor permits no message at present; `details.retry_at` has the time of a retry. See [automation](../automation.md#pace)."},
	"reachout_timelock":     {rpc.CodeWhatsApp, "WhatsApp forbids the account to write to new contacts until `details.retry_at`. See [concepts](../concepts.md#messages-to-new-contacts-and-history)."},
	"effect_not_permitted":  {rpc.CodeForbidden, "The API key does not permit calls of this effect (read, write or admin)."},
	"account_not_found":     {rpc.CodeNotFound, "There is no such account."},
	"no_account":            {rpc.CodeForbidden, "The method acts for an account, and the credential is that of none."},
	"login_needed":          {rpc.CodeForbidden, "API keys are managed after a log-in, not with an API key."},
	"registration_disabled": {rpc.CodeForbidden, "People may not create accounts for themselves (`-registration`), or there is no first account yet."},
	"wrong_password":        {rpc.CodeUnauthenticated, "The e-mail address is that of no account, or the password is wrong."},
	"email_taken":           {rpc.CodeConflict, "Another account has the e-mail address."},
	"own_account":           {rpc.CodeConflict, "The caller's own account cannot be deleted."},
	"last_superadmin":       {rpc.CodeConflict, "The last account of the role SUPERADMIN keeps it."},
	"too_many_accounts":     {rpc.CodeConflict, "The server has `-max-accounts` accounts."},
	"too_many_keys":         {rpc.CodeConflict, "The account has `-max-account-keys` API keys."},
	"too_many_grants":       {rpc.CodeConflict, "The session is shared with `-max-session-accounts` accounts."},
	"access_exists":         {rpc.CodeConflict, "The account has access to the session already."},
	"access_of_owner":       {rpc.CodeConflict, "The account owns the session."},
	"access_of_superadmin":  {rpc.CodeConflict, "The account has the role SUPERADMIN, which may use all sessions."},
}

// closeMeanings explains each close code of a socket.
var closeMeanings = map[string]struct{ meaning, client string }{
	"CloseProtocol":        {"The frame violates RFC 6455.", "fix the client or the proxy"},
	"CloseInvalidText":     {"A text frame is not UTF-8.", "fix the client"},
	"CloseRestart":         {"The server restarts. `conn.drain` came before.", "reconnect and resume; a random delay spreads the load"},
	"CloseInternal":        {"The journal or the cursors cannot be read, or the token cannot be checked now.", "reconnect and resume"},
	"CloseStalled":         {"A write was blocked too long because the client did not read, or a frame arrived too slowly.", "read faster or narrow the filters, reconnect and resume"},
	"CloseNoPong":          {"No pong arrived in time.", "reconnect and resume"},
	"CloseRate":            {"Too many calls, control frames, small fragments, connections without `conn.hello` or wrong tokens, or no memory for the frame.", "slow down, reconnect after some seconds"},
	"CloseSuperseded":      {"Another connection of the same `consumer` replaced this one.", "do not reconnect automatically: two programs use one name"},
	"ClosePositionLost":    {"Reserved: the position was lost.", "reconnect and resume"},
	"CloseOwnerLost":       {"Reserved: the owner of the session was lost.", "reconnect and resume"},
	"CloseBadFrame":        {"A binary frame, or a frame far over the limit.", "send text frames within `limits`"},
	"CloseHelloMissing":    {"`conn.hello` was not the first call or did not arrive in time.", "send `conn.hello` first"},
	"CloseAuth":            {"No credential, or a wrong one.", "get a valid token"},
	"CloseTokenExpired":    {"The token expired or was revoked, or its session was deleted.", "get a new token"},
	"CloseProtocolVersion": {"Unknown `protocol`.", "use 1"},
	"CloseConnectionLimit": {"Too many connections on the session, or more sessions than one event stream follows.", "close other connections, or name sessions in the filters"},
	"CloseForbidden":       {"The credential does not reach the socket, or following all sessions is switched off.", "use another credential, or connect for each session"},
	"CloseProtocolErrors":  {"Too many frames that are not JSON-RPC.", "fix the client"},
}

// The page of errors has every code, reason and close code of the code, each with its meaning.
func TestReferenceOfErrors(t *testing.T) {
	s := startServer(t)
	var doc struct {
		Methods []struct {
			Name   string
			Errors []struct {
				Ref string `json:"$ref"`
			}
		}
		Components struct {
			Errors map[string]struct{ Code int }
		}
	}
	raw, err := json.Marshal(s.call("rpc.discover", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	codes := doc.Components.Errors
	for reason := range errorMeanings {
		if _, known := codes[reason]; !known {
			t.Errorf("errorMeanings has %s, which no code is named", reason)
		}
	}
	var out strings.Builder
	for _, reason := range slices.SortedFunc(maps.Keys(codes), func(a, b string) int { return -cmp.Compare(codes[a].Code, codes[b].Code) }) {
		if errorMeanings[reason] == "" {
			t.Errorf("the code %s has no meaning in errorMeanings", reason)
		}
		fmt.Fprintf(&out, "### %s\n\nCode %d, HTTP status %d. %s\n\n", reason, codes[reason].Code, rpc.HTTPStatus(&rpc.Error{Code: codes[reason].Code}), errorMeanings[reason])
	}
	doctest.CheckSection(t, errorsPage, "error codes", out.String())

	sets := map[string][]string{}
	for _, m := range doc.Methods {
		for _, e := range m.Errors {
			sets[m.Name] = append(sets[m.Name], e.Ref[strings.LastIndex(e.Ref, "/")+1:])
		}
	}
	links := func(names []string) string {
		slices.Sort(names)
		for i, name := range names {
			names[i] = fmt.Sprintf("[%s](#%s)", name, name)
		}
		return strings.Join(names, ", ") + "."
	}
	without := func(names, others []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
	}
	public, credential, session := sets["server.ping"], sets["session.list"], sets["message.sendText"]
	doctest.CheckSection(t, errorsPage, "errors of methods", fmt.Sprintf(
		"### Every method\n\n%s\n\n### Methods that need a credential\n\n%s\n\n### Methods of a session\n\n%s\n",
		links(slices.Clone(public)), links(without(credential, public)), links(without(session, credential))))

	writeReasons(t)
	writeCloseCodes(t)
}

// kindsOfFiles are constants of another type Kind.
var kindsOfFiles = []string{"image", "video", "audio", "voice", "document", "sticker"}

// writeReasons compares reasonMeanings with the reasons that the code names, and writes their table.
func writeReasons(t *testing.T) {
	named := map[string]bool{}
	for dir, pattern := range map[string]string{
		"rpc":    `Reason: +"([a-z_]+)"`,
		"server": `(?:Reason: +|reasonExpired += +)"([a-z_]+)"`,
		"bridge": `Kind[A-Z]\w* +(?:wa\.)?Kind += +"([a-z_]+)"`,
	} {
		for _, match := range inSources(t, dir, pattern) {
			if !slices.Contains(kindsOfFiles, match[1]) {
				named[match[1]] = true
			}
		}
	}
	var out strings.Builder
	out.WriteString("| reason | code | meaning |\n|---|---|---|\n")
	for _, reason := range slices.Sorted(maps.Keys(named)) {
		m, ok := reasonMeanings[reason]
		if !ok {
			t.Errorf("the reason %s has no meaning in reasonMeanings (server/docs_errors_test.go)", reason)
		}
		fmt.Fprintf(&out, "| `%s` | %d | %s |\n", reason, m.code, m.meaning)
	}
	for reason := range reasonMeanings {
		if !named[reason] {
			t.Errorf("reasonMeanings has %s, which the code does not name", reason)
		}
	}
	doctest.CheckSection(t, errorsPage, "further reasons", out.String())
}

// writeCloseCodes compares closeMeanings with the constants of package socket, and writes their table.
func writeCloseCodes(t *testing.T) {
	var out strings.Builder
	out.WriteString("| code | meaning | the client should |\n|--:|---|---|\n")
	seen := map[string]bool{}
	for _, match := range inSources(t, "server/socket", `(?m)^\t(Close[A-Z]\w*) += (\d{4})\b`) {
		m, ok := closeMeanings[match[1]]
		if !ok {
			t.Errorf("the close code %s has no meaning in closeMeanings", match[1])
		}
		seen[match[1]] = true
		code, _ := strconv.Atoi(match[2])
		fmt.Fprintf(&out, "| %d | %s | %s |\n", code, m.meaning, m.client)
	}
	for name := range closeMeanings {
		if !seen[name] {
			t.Errorf("closeMeanings has %s, which package socket has not", name)
		}
	}
	doctest.CheckSection(t, errorsPage, "close codes", out.String())
}

// inSources returns the matches of a pattern in the Go files below a directory that are no tests.
func inSources(t *testing.T, dir, pattern string) (matches [][]string) {
	t.Helper()
	return regexp.MustCompile(pattern).FindAllStringSubmatch(sourcesBelow(t, dir), -1)
}

// sourcesBelow returns the text of all Go files below a directory that are no tests.
func sourcesBelow(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(doctest.RepositoryRoot(), filepath.FromSlash(dir)), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil || all.Len() == 0 {
		t.Fatalf("no sources below %s: %v", dir, err)
	}
	return all.String()
}
