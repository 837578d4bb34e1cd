package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/waystation/waystation/bridge"
)

// printFirstSteps prepares a first start: it creates the session to pair, or the demo, and prints the next step.
func (a *app) printFirstSteps(ctx context.Context) error {
	switch {
	case a.cfg.Demo:
		return a.runDemo(ctx)
	case a.cfg.Session == "none":
		return nil
	}
	session, err := a.firstSession(ctx, a.cfg.Session)
	if err != nil || session == nil {
		return err
	}
	if a.cfg.OnSandbox() {
		a.printSandboxSteps(session.ID())
		if a.cfg.QR != "always" {
			return nil // no camera can scan a code for the simulated phones
		}
	}
	if a.cfg.QR == "always" || a.cfg.QR == "auto" && isTerminal(a.out) {
		a.helpers.Go(func() { a.showCodes(ctx, session) })
	}
	return nil
}

// firstSession creates the session id if there are no sessions, and connects it so that it shows codes. It returns
// nil if only other sessions exist, or if it is paired already.
func (a *app) firstSession(ctx context.Context, id string) (*bridge.Session, error) {
	all := a.bridge.Sessions()
	session, err := a.bridge.Session(id)
	if err != nil && len(all) > 0 {
		return nil, nil
	}
	if err != nil {
		if session, err = a.bridge.Create(ctx, bridge.CreateParams{ID: id}); err != nil {
			return nil, fmt.Errorf("first session: %w", err)
		}
	}
	if session.Status().State != bridge.StateCreated {
		return nil, nil
	}
	a.helpers.Go(func() {
		// The server is useful without a network, and the bridge has logged the reason.
		if err := session.Connect(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("the first session did not connect", "session", session.ID(), "error", err)
		}
	})
	return session, nil
}

// showCodes draws the session's pairing codes as they change, until it is paired or the codes have expired.
func (a *app) showCodes(ctx context.Context, session *bridge.Session) {
	colours := wantsColours(a.out, os.Environ())
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
			fmt.Fprintf(a.out, "\nSession %s is connected as %s.\n", session.ID(), status.JID.User)
			return
		case status.Step.Name == bridge.StepPasskey:
			asked = true
			fmt.Fprintf(a.out, "\nThe phone accepted the code. WhatsApp now asks for the passkey of this account, and the code is void.\n"+
				"session.getStatus of session %s shows the request, session.submitPasskey takes the answer; docs/passkey.md says how to make it. Good until %s.\n",
				session.ID(), status.Step.ExpiresAt.Local().Format(time.TimeOnly))
		case status.State == bridge.StatePairing:
			shown, asked = status.Code.Text, false
			picture, err := drawQR(shown, colours)
			if err != nil {
				a.log.Warn("pairing code cannot be drawn", "session", session.ID(), "error", err)
				return
			}
			fmt.Fprintf(a.out, "\nOn the phone: WhatsApp, Linked devices, Link a device, then scan this.\n\n%s\nCode %d of %d for session %s, good until %s.\n",
				picture, status.Code.Number, status.Code.Of, session.ID(), status.Code.ExpiresAt.Local().Format(time.TimeOnly))
		case asked:
			fmt.Fprintf(a.out, "\nSession %s is not linked (%s). Call session.connect for a new code.\n", session.ID(), status.Reason)
			return
		default:
			fmt.Fprintf(a.out, "\nNo phone scanned the codes of session %s (%s). Start again, or call session.connect for new ones.\n", session.ID(), status.Reason)
			return
		}
	}
}

// printSandboxSteps prints how to pair the session of a first start with a simulated phone.
func (a *app) printSandboxSteps(session string) {
	token := "$WAYSTATION_ADMIN_TOKEN"
	if a.adminTokenFile != "" {
		token = "$(cat " + a.adminTokenFile + ")"
	}
	fmt.Fprintf(a.out, `
Waystation runs on a simulated WhatsApp network. Session "%[1]s" is waiting to be paired.

Create an account with a phone, and let the phone scan the session's code:

  curl -s http://%[2]s/v1/rpc -H "Authorization: Bearer %[3]s" -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"sandbox.createAccount","params":{"number":"%[4]s","push_name":"Me"}}'
  curl -s http://%[2]s/v1/rpc -H "Authorization: Bearer %[3]s" -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":2,"method":"sandbox.scanQrCode","params":{"account":"%[4]s","session":"%[1]s"}}'

Codes expire: if the scan is refused, call session.connect for new ones.
With -demo the server does all this by itself and adds an account that answers.

`, session, a.localAddress(), token, demoNumber)
}

// localAddress returns the address of the listener for clients on this machine.
func (a *app) localAddress() string {
	address := a.listener.Addr().String()
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}
