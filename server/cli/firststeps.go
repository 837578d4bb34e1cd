package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/server/config"
)

// Sessions are the sessions of a server.
type Sessions interface {
	Sessions() []*bridge.Session
	Session(id string) (*bridge.Session, error)
	Create(ctx context.Context, params bridge.CreateParams) (*bridge.Session, error)
	OwnerOf(id string) string
}

// Tokens sets the token of a session; "" = generate it.
type Tokens interface {
	IssueSessionToken(ctx context.Context, session, owner, token string) (string, error)
}

// FirstSteps prepares the first start of a server: it creates the session to pair, or the demo, and prints the next
// step.
type FirstSteps struct {
	Settings *config.Config
	Sessions Sessions
	Tokens   Tokens
	// Network is the simulation in this process, which the demo needs; nil = there is none.
	Network *sandbox.Network
	// Listener is the address of the server.
	Listener net.Addr
	// AdminTokenFile is the file with the admin token; "" = the operator has set the token.
	AdminTokenFile string
	Out            io.Writer
	Log            *slog.Logger
	// Helpers counts the goroutines that Run starts; they end with its context.
	Helpers *sync.WaitGroup
}

// Run creates the session to pair, or the demo, and prints the next step. It draws pairing codes until its context
// ends.
func (f *FirstSteps) Run(ctx context.Context) error {
	switch {
	case f.Settings.Demo:
		return f.runDemo(ctx)
	case f.Settings.Session == "none":
		return nil
	}
	session, err := f.CreateSession(ctx, f.Settings.Session)
	if err != nil || session == nil {
		return err
	}
	if f.Settings.OnSandbox() {
		f.printSandboxSteps(session.ID())
		if f.Settings.QR != "always" {
			return nil // no camera can scan a code for the simulated phones
		}
	}
	if f.Settings.QR == "always" || f.Settings.QR == "auto" && isTerminal(f.Out) {
		f.Helpers.Go(func() { f.ShowCodes(ctx, session) })
	}
	return nil
}

// CreateSession creates the session id if there are no sessions, and connects it so that it shows codes. It returns
// nil if only other sessions exist, or if it is paired already.
func (f *FirstSteps) CreateSession(ctx context.Context, id string) (*bridge.Session, error) {
	all := f.Sessions.Sessions()
	session, err := f.Sessions.Session(id)
	if err != nil && len(all) > 0 {
		return nil, nil
	}
	if err != nil {
		if session, err = f.Sessions.Create(ctx, bridge.CreateParams{ID: id}); err != nil {
			return nil, fmt.Errorf("first session: %w", err)
		}
	}
	if session.Status().State != bridge.StateCreated {
		return nil, nil
	}
	f.Helpers.Go(func() {
		// The server is useful without a network, and the bridge has logged the reason.
		if err := session.Connect(ctx); err != nil && ctx.Err() == nil {
			f.Log.Warn("the first session did not connect", "session", session.ID(), "error", err)
		}
	})
	return session, nil
}

// ShowCodes draws the session's pairing codes as they change, until it is paired or the codes have expired.
func (f *FirstSteps) ShowCodes(ctx context.Context, session *bridge.Session) {
	colours := wantsColours(f.Out, os.Environ())
	shown, asked := "", false
	for {
		status, err := session.Wait(ctx, func(st bridge.Status) bool {
			return st.Code.Text != shown && st.Code.Text != "" || st.State == bridge.StateConnected || st.Step.Name == bridge.StepPasskey && !asked ||
				shown != "" && st.State != bridge.StatePairing && st.State != bridge.StateConnecting
		})
		switch {
		case err != nil:
			return
		case status.State == bridge.StateConnected:
			fmt.Fprintf(f.Out, "\nSession %s is connected as %s.\n", session.ID(), status.JID.User)
			return
		case status.Step.Name == bridge.StepPasskey:
			asked = true
			fmt.Fprintf(f.Out, "\nThe phone accepted the code. WhatsApp now asks for the passkey of this account, and the code is void.\n"+
				"session.getStatus of session %s shows the request, session.submitPasskey takes the answer; docs/passkey.md says how to make it. Good until %s.\n",
				session.ID(), status.Step.ExpiresAt.Local().Format(time.TimeOnly))
		case status.State == bridge.StatePairing:
			shown, asked = status.Code.Text, false
			picture, err := drawQR(shown, colours)
			if err != nil {
				f.Log.Warn("pairing code cannot be drawn", "session", session.ID(), "error", err)
				return
			}
			fmt.Fprintf(f.Out, "\nOn the phone: WhatsApp, Linked devices, Link a device, then scan this.\n\n%s\nCode %d of %d for session %s, good until %s.\n",
				picture, status.Code.Number, status.Code.Of, session.ID(), status.Code.ExpiresAt.Local().Format(time.TimeOnly))
		case asked:
			fmt.Fprintf(f.Out, "\nSession %s is not linked (%s). Call session.connect for a new code.\n", session.ID(), status.Reason)
			return
		default:
			fmt.Fprintf(f.Out, "\nNo phone scanned the codes of session %s (%s). Start again, or call session.connect for new ones.\n", session.ID(), status.Reason)
			return
		}
	}
}

// printSandboxSteps prints how to pair the session of a first start with a simulated phone.
func (f *FirstSteps) printSandboxSteps(session string) {
	token := "$WAYSTATION_ADMIN_TOKEN"
	if f.AdminTokenFile != "" {
		token = "$(cat " + f.AdminTokenFile + ")"
	}
	fmt.Fprintf(f.Out, `
Waystation runs on a simulated WhatsApp network. Session "%[1]s" is waiting to be paired.

Create an account with a phone, and let the phone scan the session's code:

  curl -s http://%[2]s/v1/rpc -H "Authorization: Bearer %[3]s" -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"sandbox.createAccount","params":{"number":"%[4]s","push_name":"Me"}}'
  curl -s http://%[2]s/v1/rpc -H "Authorization: Bearer %[3]s" -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":2,"method":"sandbox.scanQrCode","params":{"account":"%[4]s","session":"%[1]s"}}'

Codes expire: if the scan is refused, call session.connect for new ones.
With -demo the server does all this by itself and adds an account that answers.

`, session, f.localAddress(), token, demoNumber)
}

// localAddress returns the address of the listener for clients on this machine.
func (f *FirstSteps) localAddress() string {
	address := f.Listener.String()
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
