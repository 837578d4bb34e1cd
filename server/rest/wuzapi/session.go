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
		rest.Pass[rest.None, details]("POST", "/session/disconnect", "session.disconnect", rest.First[canDisconnect]("session.getStatus", nil, nil), rest.Says("Disconnected")),
		rest.Pass[rest.None, details]("POST", "/session/logout", "session.logout", rest.First[canLogOut]("session.getStatus", nil, nil), rest.Says("Logged out"),
			rest.FailText("Could not perform logout")),
		rest.Pass[rest.None, statusAnswer]("GET", "/session/status", "session.getStatus"),
		rest.Pass[pairingRequest, pairingCode]("POST", "/session/pairphone", "session.requestPairingCode", rest.NeedsBody()),
		rest.Pass[rest.None, passkeyStatus]("GET", "/session/passkey-status", "session.getStatus"),
		rest.Pass[rest.None, qrAnswer]("GET", "/session/qr", "session.getQrCode", rest.First[canPair]("session.getStatus", nil, nil)),
	}
}

// status is the part of session.getStatus that the dialect uses.
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

// running reports whether the document has a session in this state: a client that is connected or connecting.
func (s *status) running() bool {
	switch s.State {
	case "created", "logged_out":
		return false
	case "disconnected":
		return s.Reason == nil || *s.Reason != "stopped"
	}
	return true
}

// runningStatus is the status of a session that must be running.
type runningStatus struct {
	Status status `from:"/"`
}

// FinishAnswer implements rest.Finisher.
func (s *runningStatus) FinishAnswer() error {
	if !s.Status.running() {
		return rest.State(noSession)
	}
	return nil
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
	var before status
	if err := x.Call("session.getStatus", nil, &before); err != nil {
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

// details is the answer of operations without a result.
type details struct {
	Details string `from:"="`
}

// canDisconnect is the condition of a disconnect.
type canDisconnect struct{ runningStatus }

// FinishAnswer implements rest.Finisher.
func (s *canDisconnect) FinishAnswer() error {
	if err := s.runningStatus.FinishAnswer(); err != nil {
		return err
	}
	if !s.Status.Connected || !s.Status.LoggedIn {
		return rest.State("Cannot disconnect because it is not logged in")
	}
	return nil
}

// canLogOut is the condition of a logout.
type canLogOut struct{ runningStatus }

// FinishAnswer implements rest.Finisher.
func (s *canLogOut) FinishAnswer() error {
	switch err := s.runningStatus.FinishAnswer(); {
	case err != nil:
		return err
	case s.Status.JID == nil:
		return rest.State("Could not disconnect as it was not logged in")
	case !s.Status.Connected:
		return rest.State("Could not disconnect as it was not connected")
	}
	return nil
}

// statusAnswer has the document's keys, and those of later versions.
type statusAnswer struct {
	Connected bool `from:"/connected"`
	LoggedIn  bool `from:"/logged_in"`

	LaterConnected bool   `json:"connected" from:"/connected"`
	LaterLoggedIn  bool   `json:"loggedIn" from:"/logged_in"`
	JID            string `json:"jid" from:"/jid"` // of the account; empty = none is linked
	runningStatus  `json:"-"`
}

type qrAnswer struct {
	QRCode string `from:"/image" doc:"PNG as data URL; empty while there is no code yet"`
}

// canPair is the condition of a QR code.
type canPair struct{ runningStatus }

// FinishAnswer implements rest.Finisher.
func (s *canPair) FinishAnswer() error {
	pairing := s.Status.Pairing
	switch err := s.runningStatus.FinishAnswer(); {
	case err != nil:
		return err
	case s.Status.LoggedIn:
		return rest.State("Already Loggedin")
	case !s.Status.Connected:
		return rest.State("Not connected")
	case pairing != nil && (pairing.Step == "passkey" || pairing.Step == "confirm"):
		return rest.State("There is no QR code: WhatsApp waits for the passkey of the account, which session.submitPasskey takes")
	}
	return nil
}

type pairingRequest struct {
	Phone string `rest:",required,param=/phone" bad:"Could not parse Phone" doc:"international number of the account"`
}

type pairingCode struct {
	LinkingCode string `from:"/code"`
}

// passkeyStatus has the challenge of a pairing that waits for the passkey of the account.
type passkeyStatus struct {
	Pending   bool            `json:"passkeyPending"`
	PublicKey *map[string]any `json:"publicKey" from:"/pairing/public_key" doc:"null if none is waited for"`
}

// FinishAnswer implements rest.Finisher.
func (s *passkeyStatus) FinishAnswer() error {
	s.Pending = s.PublicKey != nil
	return nil
}
