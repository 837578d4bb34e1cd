package digigo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/waystation/waystation/server/rest"
)

// connectWait is how long a connect that is not immediate waits for the result, in seconds.
const connectWait = 10

// refreshFailed is the text of a refresh after which the session is not connected.
const refreshFailed = "Failed to refresh connection"

func sessionRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/session/connect", "webhook.update session.connect", connectSession, rest.NeedsBody(), rest.Reads[connected]("session.connect")),
		rest.Pass[rest.None, done]("POST", "/session/disconnect", "session.disconnect", rest.IgnoresBody(), rest.Says("Disconnected")),
		rest.Pass[rest.None, done]("POST", "/session/logout", "session.logout", rest.IgnoresBody(), rest.Says("Logged out")),
		rest.Pass[rest.None, sessionShown]("GET", "/session/status", "session.get", rest.With(rest.Params{"include_qr_code": true}), rest.From("/session")),
		rest.Pass[rest.None, qrShown]("GET", "/session/qr", "session.getQrCode", rest.First[canScan]("session.getStatus", nil, nil)),
		rest.Pass[pairingRequest, pairingCode]("POST", "/session/pairphone", "session.requestPairingCode", rest.NeedsBody()),
		rest.Pass[proxyRequest, proxySet]("POST", "/session/proxy", "session.setProxy", rest.Family(familyEcho), rest.NeedsBody()),
		rest.Pass[refreshRequest, refreshed]("POST", "/session/refresh", "session.restart", rest.Family(familyRefresh), rest.FailText(refreshFailed), rest.First[paired]("session.getStatus", nil, nil)),
	}
}

type connectRequest struct {
	Subscribe rest.Strings `rest:",param=/events" doc:"names of events for the webhook, or All, which is the default"`
	Immediate bool         `doc:"false waits up to ten seconds for the connection"`
}

type connected struct {
	Details   string `json:"details" from:"=Connected!"`
	Events    string `json:"events"`
	JID       string `json:"jid" from:"/status/jid" doc:"empty while the session waits to be paired"`
	Webhook   string `json:"webhook"`
	Connected bool   `json:"-" from:"/status/connected"`
}

func connectSession(x *rest.Exchange, in *connectRequest) (*connected, error) {
	events := []string{nativeEvents}
	if len(in.Subscribe) > 0 {
		events = nativeNames(in.Subscribe)
	}
	var changed struct {
		Webhook struct{ URL string }
	}
	if err := x.Call("webhook.update", rest.Params{"events": events}, &changed); err != nil {
		return nil, err
	}
	wait := connectWait
	if in.Immediate {
		wait = 0
	}
	answer := &connected{}
	if err := x.Read("session.connect", rest.Params{"wait_seconds": wait}, answer); err != nil {
		return nil, err
	}
	if !in.Immediate && !answer.Connected {
		return nil, brokenOperation("failed to connect", fmt.Sprintf("the session is not connected after %d seconds", connectWait))
	}
	answer.Events, answer.Webhook = strings.Join(documentedNames(events), ","), changed.Webhook.URL
	return answer, nil
}

type qrShown struct {
	QRCode string `from:"/image" doc:"PNG as data URL; empty if there is nothing to scan"`
}

// canScan is the condition of a QR code: a pairing that waits for a passkey has none.
type canScan struct {
	Step string `from:"/pairing/step"`
}

// FinishAnswer implements rest.Finisher.
func (s *canScan) FinishAnswer() error {
	if s.Step == "passkey" || s.Step == "confirm" {
		return rest.State("there is no QR code: WhatsApp waits for the passkey of the account, which session.submitPasskey accepts")
	}
	return nil
}

type pairingRequest struct {
	Phone string `rest:",required,param=/phone" doc:"international number of the account"`
}

type pairingCode struct {
	LinkingCode string `from:"/code"`
}

type proxyRequest struct {
	URL    *string `rest:"proxy_url,required,param=/url" doc:"http or socks5 address; also required to switch the proxy off"`
	Enable *bool   `rest:"enable,required,param=/enabled"`
}

type proxySet struct {
	Details  string `from:"=Proxy configured successfully"`
	ProxyURL string `from:"/url" doc:"the password is masked"`
}

type refreshRequest struct {
	AppState *bool `rest:"sync_app_state,param=/sync_app_state" doc:"default true"`
	Prekeys  *bool `rest:"refresh_prekeys,param=/check_prekeys" doc:"default true"`
	Privacy  *bool `rest:"refresh_privacy,param=/refresh_privacy" doc:"default true"`
	Recovery *bool `rest:"auto_recovery,param=/request_recovery" doc:"request a snapshot from the phone for a part that cannot be read; default true"`
}

// CompleteParams implements rest.Completer: absent options are on.
func (in *refreshRequest) CompleteParams(p rest.Params) error {
	for name, option := range map[string]**bool{"sync_app_state": &in.AppState, "check_prekeys": &in.Prekeys, "refresh_privacy": &in.Privacy, "request_recovery": &in.Recovery} {
		if *option == nil {
			*option = new(true)
			p[name] = true
		}
	}
	return nil
}

// paired is the condition of a refresh.
type paired struct {
	JID string `from:"/jid"`
}

// FinishAnswer implements rest.Finisher.
func (p *paired) FinishAnswer() error {
	if p.JID == "" {
		return rest.Bad("", "no JID found, QR scan required for initial pairing", "the session is not paired")
	}
	return nil
}

// refreshStates are the states of a session before and after a refresh.
type refreshStates struct {
	Success      bool `json:"refreshSuccess" from:"/status/connected"`
	WasConnected bool `json:"wasConnected" from:"/was_connected"`
	WasLoggedIn  bool `json:"wasLoggedIn" from:"/was_logged_in"`
	Connected    bool `json:"newConnected" from:"/status/connected"`
	LoggedIn     bool `json:"newLoggedIn" from:"/status/logged_in"`
}

type refreshed struct {
	Details string `from:"=Connection refresh completed"`
	refreshStates
	JID     string `json:"jid" from:"/status/jid"`
	Options struct {
		AppState bool `json:"sync_app_state" from:"<sync_app_state"`
		Prekeys  bool `json:"refresh_prekeys" from:"<refresh_prekeys"`
		Privacy  bool `json:"refresh_privacy" from:"<refresh_privacy"`
		Recovery bool `json:"auto_recovery" from:"<auto_recovery"`
	} `json:"sync_options"`
	Sync refreshSync `json:"sync"`
}

// refreshSync are the results of the parts that a refresh reads again; those that were not requested are absent.
type refreshSync struct {
	AppState []struct {
		Name     string  `json:"name" from:"/name"`
		Success  bool    `json:"success" from:"/ok"`
		Error    *string `json:"error,omitempty" from:"/error"`
		Duration seconds `json:"duration" from:"/duration_seconds"`
		Recovery bool    `json:"recovery_requested" from:"/recovery_requested"`
	} `json:"app_state" from:"/app_state"`
	AppStateSuccess bool `json:"app_state_success"`
	Prekeys         *struct {
		Checked  bool    `json:"checked" from:"/checked"`
		Count    int     `json:"server_count" from:"/server_count"`
		Uploaded bool    `json:"upload_triggered" from:"/upload_triggered"`
		Error    *string `json:"error,omitempty" from:"/error"`
	} `json:"prekeys,omitempty" from:"/prekeys"`
	Privacy *struct {
		Fetched bool    `json:"fetched" from:"/fetched"`
		Error   *string `json:"error,omitempty" from:"/error"`
	} `json:"privacy_settings,omitempty" from:"/privacy"`
	Total seconds `json:"total_duration" from:"/duration_seconds" doc:"with the time of the new connection"`
}

// FinishAnswer implements rest.Finisher.
func (s *refreshSync) FinishAnswer() error {
	s.AppStateSuccess = true
	for i := range s.AppState {
		s.AppStateSuccess = s.AppStateSuccess && s.AppState[i].Success
	}
	return nil
}

// ToReply implements rest.Replier: the error of a session that did not connect again has the states.
func (r *refreshed) ToReply() (*rest.Reply, error) {
	if r.Success {
		return &rest.Reply{Body: r}, nil
	}
	failed := struct {
		Code  int    `json:"code"`
		Error string `json:"error"`
		refreshStates
	}{http.StatusInternalServerError, refreshFailed, r.refreshStates}
	return &rest.Reply{Status: failed.Code, Body: failed}, nil
}

// seconds is a time in seconds with three decimals, such as 1.234s.
type seconds string

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(raw []byte) error {
	var value float64
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	*s = seconds(fmt.Sprintf("%.3fs", value))
	return nil
}
