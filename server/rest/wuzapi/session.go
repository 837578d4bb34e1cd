package wuzapi

import (
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// Texts for states of the session.
const (
	noSession        = "No session"
	alreadyConnected = "Already Connected"
)

// connectWait is how long a connect that is not immediate waits for the result, in seconds.
const connectWait = 10

func sessionRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/session/connect", "session.getStatus webhook.update session.connect", connect, rest.NeedsBody(), rest.FailText("Failed to Connect")),
		rest.Row("POST", "/session/disconnect", "session.getStatus session.disconnect", disconnect),
		rest.Row("POST", "/session/logout", "session.getStatus session.logout", logout, rest.FailText("Could not perform logout")),
		rest.Pass[rest.None, statusAnswer]("GET", "/session/status", "session.getStatus"),
		rest.Row("GET", "/session/qr", "session.getStatus session.getQrCode", getQR),
	}
}

// status is what the dialect reads of session.getStatus.
type status struct {
	State     string  `json:"state"`
	Reason    *string `json:"reason"`
	Connected bool    `json:"connected"`
	LoggedIn  bool    `json:"logged_in"`
	JID       *string `json:"jid"`
	Pairing   *struct {
		Step string `json:"step"`
	} `json:"pairing"`
}

// running tells whether there is what the document calls a session: a client that works or tries to.
func (s *status) running() bool {
	switch s.State {
	case "created", "logged_out":
		return false
	case "disconnected":
		return s.Reason == nil || *s.Reason != "stopped"
	}
	return true
}

func statusOf(x *rest.Exchange) (s status, err error) {
	return s, x.Call("session.getStatus", nil, &s)
}

// runningStatus is the status of a session that is running; else the document's error.
func runningStatus(x *rest.Exchange) (status, error) {
	s, err := statusOf(x)
	if err == nil && !s.running() {
		err = rest.State(noSession)
	}
	return s, err
}

type connectRequest struct {
	Subscribe []string `enum:"Message|ReadReceipt|HistorySync|ChatPresence|Presence|All" doc:"events for the webhook; none = all"`
	Immediate *bool    `doc:"false waits up to ten seconds for the connection"`
}

type connected struct {
	Details string `json:"details"`
	Events  string `json:"events"`
	JID     string `json:"jid"`
	Webhook string `json:"webhook"`
}

func connect(x *rest.Exchange, in *connectRequest) (*connected, error) {
	before, err := statusOf(x)
	if err != nil {
		return nil, err
	}
	switch before.State {
	case "connecting", "pairing", "connected", "disconnected":
		if before.running() {
			return nil, rest.State(alreadyConnected)
		}
	}
	subscribed := known(in.Subscribe)
	hook, err := updateWebhook(x, rest.Params{"events": native(subscribed)})
	if err != nil {
		return nil, err
	}
	wait := 0
	if in.Immediate != nil && !*in.Immediate {
		wait = connectWait
	}
	var now struct{ Status status }
	if err := x.Call("session.connect", rest.Params{"wait_seconds": wait}, &now); err != nil {
		return nil, err
	}
	if wait > 0 && !now.Status.Connected {
		return nil, rest.State("Failed to Connect")
	}
	return &connected{Details: "Connected!", Events: strings.Join(subscribed, ","), JID: rest.Deref(now.Status.JID), Webhook: hook.URL}, nil
}

// details is the answer of operations that only say that they are done.
type details struct {
	Details string `from:"="`
}

func disconnect(x *rest.Exchange, _ *rest.None) (*details, error) {
	s, err := runningStatus(x)
	if err != nil {
		return nil, err
	}
	if !s.Connected || !s.LoggedIn {
		return nil, rest.State("Cannot disconnect because it is not logged in")
	}
	if err := x.Call("session.disconnect", nil, nil); err != nil {
		return nil, err
	}
	return &details{"Disconnected"}, nil
}

func logout(x *rest.Exchange, _ *rest.None) (*details, error) {
	s, err := runningStatus(x)
	switch {
	case err != nil:
		return nil, err
	case s.JID == nil:
		return nil, rest.State("Could not disconnect as it was not logged in")
	case !s.Connected:
		return nil, rest.State("Could not disconnect as it was not connected")
	}
	return &details{"Logged out"}, x.Call("session.logout", nil, nil)
}

// statusAnswer has the document's keys, and those of later versions.
type statusAnswer struct {
	Connected bool `from:"/connected"`
	LoggedIn  bool `from:"/logged_in"`

	LaterConnected bool   `json:"connected" from:"/connected"`
	LaterLoggedIn  bool   `json:"loggedIn" from:"/logged_in"`
	JID            string `json:"jid" from:"/jid"` // of the account; empty = none is linked
	Status         status `json:"-" from:"/"`
}

// Finish implements rest.Finisher.
func (a *statusAnswer) Finish() error {
	if !a.Status.running() {
		return rest.State(noSession)
	}
	return nil
}

type qrAnswer struct {
	QRCode string `doc:"PNG as data URL; empty while there is no code yet"`
}

func getQR(x *rest.Exchange, _ *rest.None) (*qrAnswer, error) {
	s, err := runningStatus(x)
	switch {
	case err != nil:
		return nil, err
	case s.LoggedIn:
		return nil, rest.State("Already Loggedin")
	case !s.Connected:
		return nil, rest.State("Not connected")
	case s.Pairing != nil && (s.Pairing.Step == "passkey" || s.Pairing.Step == "confirm"):
		return nil, rest.State("There is no QR code: WhatsApp waits for the passkey of the account, which session.submitPasskey takes")
	}
	var code struct{ Image string }
	err = x.Call("session.getQrCode", nil, &code)
	return &qrAnswer{code.Image}, err
}
