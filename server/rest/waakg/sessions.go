package waakg

import (
	"cmp"
	"errors"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// Texts of errors with forms of their own.
const (
	alreadyConnected = "Already connected"
	noQRCode         = "QR code not available. Session may be connecting..."
	noPhoneNumber    = "Phone number required for pairing"
)

func sessionRoutes() []rest.Route {
	action := func(method, says string) rest.Route {
		return rest.Pass[idRequest, outcome]("", "", method, rest.Says(says))
	}
	settings := []rest.Option{rest.Says("Session settings updated successfully"), rest.FailText("Failed to update settings")}
	return []rest.Route{
		rest.Row("GET", "/sessions", "session.list session.get"+storedMethods, listSessions, storedReads(rest.FailText("Failed to fetch sessions"),
			rest.Reads[sessionPage]("session.list"), rest.Reads[ownPage]("session.get"))...),
		rest.Pass[createSessionRequest, lifted[sessionRow]]("POST", "/sessions", "session.create", rest.From("/session"), rest.With(rest.Params{"connect": true}),
			rest.Says("Session created successfully"), rest.FailText("Failed to create session")),
		rest.Row("GET", "/sessions/{id}", "session.get"+storedMethods, showSession, storedReads(rest.FailText("Internal Server Error"), rest.Reads[oneSession]("session.get"))...),
		rest.Pass[idRequest, lifted[qrShown]]("GET", "/sessions/{id}/qr", "session.getQrCode", rest.Says("QR code generated"), rest.FailText("Failed to get QR code")),
		rest.Pass[idRequest, enveloped[configShown]]("GET", "/sessions/{id}/settings", "session.getSettings",
			rest.Says("Session settings fetched successfully"), rest.FailText("Failed to get settings")),
		rest.Row("PATCH", "/sessions/{id}/settings", "session.updateSettings session.get", updateConfig, append(settings, rest.Reads[oneSessionRow]("session.get"))...),
		rest.Pass[idRequest, outcome]("DELETE", "/sessions/{id}/settings", "session.delete", rest.Family(familyDelete), rest.IgnoresBody(), rest.Adjust(ownSession),
			rest.With(rest.Params{"logout": true}), rest.Says("Session deleted successfully"), rest.FailText("Failed to delete session")),
		rest.OneOf("POST", "/sessions/{id}/{action}", "action", map[string]rest.Route{
			// The texts are those of the server: the name of the action with "ed".
			"start":   action("session.connect", "Session started successfully"),
			"stop":    action("session.disconnect", "Session stoped successfully"),
			"restart": action("session.restart", "Session restarted successfully"),
			"logout":  action("session.logout", "Session logouted successfully"),
		}, rest.Family(familyAction), rest.Says("Invalid action"), rest.IgnoresBody()),
		rest.Pass[pairRequest, enveloped[pairingCode]]("POST", "/sessions/{id}/pair", "session.requestPairingCode", rest.Family(familyAction), rest.Says("Pairing code generated")),
	}
}

type idRequest struct {
	Session string `rest:"id,path" doc:"id of the session"`
}

// ownSession adds the session of the path, which the method does not take from the credential.
func ownSession(x *rest.Exchange, p rest.Params) error {
	p["session"] = x.Session
	return nil
}

type pairRequest struct {
	idRequest
	Number string `rest:"phoneNumber,required,param=/phone" bad:"Phone number required for pairing" doc:"for pair: international number"`
}

type pairingCode struct {
	Code string `json:"pairingCode" from:"/code"`
}

type createSessionRequest struct {
	Name string `rest:"name,required,param=/name" missing:"Session name is required" max:"255" doc:"at most 255 characters"`
	ID   string `rest:"sessionId,param=/session_id" max:"64" doc:"default: made by the server"`
}

// sessionWord is the state of a session in the words of the server.
type sessionWord string

var sessionWords = map[sessionWord]sessionWord{
	"created": "STOPPED", "pairing": "SCAN_QR", "connecting": "CONNECTING", "connected": "CONNECTED", "logged_out": "LOGGED_OUT",
}

// documentedWords are the words of the document, which only the list of sessions shows.
var documentedWords = map[sessionWord]sessionWord{"CONNECTED": "Connected", "CONNECTING": "Connecting", "SCAN_QR": "Connecting"}

// sessionRow is a session as the server's database has it.
type sessionRow struct {
	ID        string      `json:"id" from:"/session_id"`
	UserID    *string     `json:"userId" from:"/account_id"`
	Name      string      `json:"name" from:"/name"`
	SessionID string      `json:"sessionId" from:"/session_id"`
	Status    sessionWord `json:"status" from:"/status/state"`
	Reason    string      `json:"-" from:"/status/reason"`
	QR        *string     `json:"qr" from:"/qr_code/code"`
	Config    config      `json:"config" from:"/settings"`
	CreatedAt time.Time   `json:"createdAt" from:"/created_at"`
	UpdatedAt time.Time   `json:"updatedAt" from:"/updated_at"`
}

// FinishAnswer implements rest.Finisher.
func (s *sessionRow) FinishAnswer() error {
	s.Status = wordOf(s.Status, s.Reason)
	return nil
}

// wordOf returns the word for a state that has a reason.
func wordOf(state sessionWord, reason string) sessionWord {
	if state == "disconnected" && reason == "stopped" {
		return "STOPPED"
	}
	return cmp.Or(sessionWords[state], "DISCONNECTED")
}

// config has the switches that the document knows.
type config struct {
	ReadReceipts bool `json:"readReceipts" from:"/send_read_receipts"`
	RejectCalls  bool `json:"rejectCalls" from:"/reject_calls"`
}

// listedSession is a session with its webhooks and counts.
type listedSession struct {
	sessionRow
	BotConfig any           `json:"botConfig" doc:"settings of the assistant; null = never set"`
	Webhooks  []webhookRow  `json:"webhooks" from:"/webhooks"`
	Count     sessionCounts `json:"_count"`
}

// sessionCounts are the numbers of what is stored for a session; of scheduled messages the first thousand.
type sessionCounts struct {
	Contacts  int `json:"contacts"`
	Messages  int `json:"messages"`
	Groups    int `json:"groups"`
	Rules     int `json:"autoReplies"`
	Scheduled int `json:"scheduledMessages"`
}

// shownSession is a session with its connection.
type shownSession struct {
	listedSession
	Uptime      int     `json:"uptime" from:"/status/uptime_seconds" doc:"seconds"`
	Messages    int     `json:"messageCount"`
	HasInstance bool    `json:"hasInstance"`
	PairingCode *string `json:"pairingCode" doc:"always null: POST /sessions/{id}/pair answers it"`
	Me          *struct {
		ID   *string `json:"id" from:"/jid"`
		Name *string `json:"name" from:"/push_name"`
	} `json:"me" from:"/"`
}

type sessionPage struct {
	Sessions []listedSession `from:"/sessions"`
	Next     *int            `from:"/next_offset"`
}

type ownPage struct {
	Session listedSession `from:"/session"`
}

type oneSession struct {
	Session shownSession `from:"/session"`
}

type oneSessionRow struct {
	Session sessionRow `from:"/session"`
}

type (
	storedCounts struct {
		Messages int `from:"/total"`
	}
	contactCount struct {
		Contacts int `from:"#/contacts"`
	}
	groupCount struct {
		Groups int `from:"#/groups"`
	}
	ruleCount struct {
		Rules int `from:"#/auto_replies"`
	}
	scheduleCount struct {
		Schedules int `from:"#/schedules"`
	}
	assistant struct {
		Settings botConfig `from:"/settings"`
	}
)

// storedMethods are the methods that countStored and showAssistant call, and storedReads describes them.
const storedMethods = " message.search contact.list group.list automation.listAutoReplies schedule.list automation.getSettings"

func storedReads(more ...rest.Option) []rest.Option {
	return append(more, rest.Reads[storedCounts]("message.search"), rest.Reads[contactCount]("contact.list"), rest.Reads[groupCount]("group.list"),
		rest.Reads[ruleCount]("automation.listAutoReplies"), rest.Reads[scheduleCount]("schedule.list"), rest.Reads[assistant]("automation.getSettings"))
}

// showAssistant returns the settings of the assistant of the session of the exchange; nil = they were never set.
func showAssistant(x *rest.Exchange) (any, error) {
	var a assistant
	err := x.Read("automation.getSettings", nil, &a)
	if has(err, rpc.CodeOwnerUnavailable) {
		err = nil
	}
	if err != nil || a.Settings.UpdatedAt == nil {
		return nil, err
	}
	return &a.Settings, a.Settings.FinishAnswerOf(x)
}

// countStored returns the counts of the session of the exchange. They are zeros if another server runs the session and does not answer.
func countStored(x *rest.Exchange) (n sessionCounts, err error) {
	var messages storedCounts
	var contacts contactCount
	var groups groupCount
	var rules ruleCount
	var schedules scheduleCount
	err = x.Read("message.search", rest.Params{"limit": 1}, &messages)
	if err == nil {
		err = x.Read("contact.list", nil, &contacts)
	}
	if err == nil {
		err = x.Read("group.list", rest.Params{"refresh": false, "include_participants": false}, &groups)
	}
	if err == nil {
		err = x.Read("automation.listAutoReplies", nil, &rules)
	}
	if err == nil {
		err = x.Read("schedule.list", nil, &schedules)
	}
	if has(err, rpc.CodeOwnerUnavailable) {
		err = nil
	}
	return sessionCounts{contacts.Contacts, messages.Messages, groups.Groups, rules.Rules, schedules.Schedules}, err
}

// has reports whether an error has a code.
func has(err error, code int) bool {
	var problem *rpc.Error
	return errors.As(err, &problem) && problem.Code == code
}

// listSessions returns the sessions that the caller may use.
func listSessions(x *rest.Exchange, _ *rest.None) ([]listedSession, error) {
	if x.Session != "" { // the token of a session lists this one
		var own ownPage
		if err := x.Read("session.get", rest.Params{"include_qr_code": true}, &own); err != nil {
			return nil, err
		}
		err := completeListed(x, &own.Session)
		return []listedSession{own.Session}, err
	}
	all := []listedSession{}
	defer func() { x.Session = "" }()
	for offset := 0; ; {
		var page sessionPage
		x.Session = ""
		if err := x.Read("session.list", rest.Params{"full": true, "include_qr_code": true, "limit": 200, "offset": offset}, &page); err != nil {
			return nil, err
		}
		for i := range page.Sessions {
			s := &page.Sessions[i]
			x.Session = s.SessionID
			if err := completeListed(x, s); err != nil {
				return nil, err
			}
		}
		all = append(all, page.Sessions...)
		if page.Next == nil || *page.Next <= offset {
			return all, nil
		}
		offset = *page.Next
	}
}

// completeListed adds the counts to a listed session, and the word of the document.
func completeListed(x *rest.Exchange, s *listedSession) (err error) {
	s.Status = cmp.Or(documentedWords[s.Status], "Disconnected")
	if s.Count, err = countStored(x); err == nil {
		s.BotConfig, err = showAssistant(x)
	}
	if has(err, rpc.CodeNotFound) { // deleted since
		return nil
	}
	return err
}

// eachSession calls do with each session that the caller may use as that of the exchange, or with the named one. The route names session.list.
func eachSession(x *rest.Exchange, named string, do func() error) error {
	if named != "" {
		if err := x.AdmitsSession(named); err != nil {
			return &rest.Failure{Err: rpc.Forbidden(noAccess), Text: noAccess}
		}
		x.Session = named
	}
	if x.Session != "" {
		return do()
	}
	defer func() { x.Session = "" }()
	for offset := 0; ; {
		var page struct {
			Sessions []struct {
				ID string `json:"session_id"`
			}
			Next *int `json:"next_offset"`
		}
		x.Session = ""
		if err := x.Call("session.list", rest.Params{"limit": 1000, "offset": offset}, &page); err != nil {
			return err
		}
		for _, s := range page.Sessions {
			x.Session = s.ID
			if err := do(); err != nil {
				return err
			}
		}
		if page.Next == nil || *page.Next <= offset {
			return nil
		}
		offset = *page.Next
	}
}

// showSession returns the session of the path.
func showSession(x *rest.Exchange, _ *idRequest) (*lifted[shownSession], error) {
	var one oneSession
	err := x.Read("session.get", rest.Params{"include_qr_code": true}, &one)
	if err == nil {
		one.Session.Count, err = countStored(x)
	}
	if err == nil {
		one.Session.BotConfig, err = showAssistant(x)
	}
	s := &one.Session
	s.Messages, s.HasInstance = s.Count.Messages, s.Status != "STOPPED" && s.Status != "LOGGED_OUT"
	if s.Me != nil && s.Me.ID == nil {
		s.Me = nil
	}
	return &lifted[shownSession]{enveloped[shownSession]{outcome{true, true, "Session details retrieved successfully"}, *s}}, err
}

// qrShown is a code to scan.
type qrShown struct {
	Success  bool   `json:"success" from:"=true"`
	Code     string `json:"qr" from:"/code"`
	Image    string `json:"base64" from:"/image"`
	LoggedIn bool   `json:"-" from:"/logged_in"`
}

// FinishAnswer implements rest.Finisher.
func (q *qrShown) FinishAnswer() error {
	switch {
	case q.LoggedIn:
		return rest.Bad("", alreadyConnected, "the session is logged in")
	case q.Code == "":
		return &rest.Failure{Err: rpc.NotFound("there is no code yet"), Text: noQRCode}
	}
	return nil
}

type configShown struct {
	Config config `json:"config" from:"/settings"`
}

type configRequest struct {
	idRequest
	Config *configFields `rest:"config,required" doc:"replaces the switches: missing ones are false"`
}

type configFields struct {
	ReadReceipts bool `rest:"readReceipts,param=/send_read_receipts" doc:"tell senders that their messages were read"`
	RejectCalls  bool `rest:"rejectCalls,param=/reject_calls" doc:"reject calls"`
}

// updateConfig replaces the switches that the document knows, and returns the session.
func updateConfig(x *rest.Exchange, in *configRequest) (*enveloped[sessionRow], error) {
	var one oneSessionRow
	err := x.Call("session.updateSettings", rest.Params{"send_read_receipts": in.Config.ReadReceipts, "reject_calls": in.Config.RejectCalls}, nil)
	if err == nil {
		err = x.Read("session.get", nil, &one)
	}
	return &enveloped[sessionRow]{outcome{true, true, "Session settings updated successfully"}, one.Session}, err
}
