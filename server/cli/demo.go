package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
)

// Phone numbers and names of the demo; the numbers are reserved for fiction.
const (
	demoSession = "demo"
	demoNumber  = "15550100001"
	peerNumber  = "15550100002"
	// demoTimeout limits the pairing, which takes a fraction of a second.
	demoTimeout = 30 * time.Second
)

// runDemo pairs a session with a simulated phone, creates a peer that answers, and prints how to send it a message.
func (f *FirstSteps) runDemo(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	phone, err := f.Network.AddAccount(sandbox.AccountOptions{Number: demoNumber, PushName: "Demo"})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	peer, err := f.Network.AddAccount(sandbox.AccountOptions{Number: peerNumber, PushName: "Echo"})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	peer.AutoReply(sandbox.Echo)
	session, err := f.Sessions.Create(wait, bridge.CreateParams{ID: demoSession, Name: "Demo"})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	token, err := f.Tokens.IssueSessionToken(wait, demoSession, f.Sessions.OwnerOf(demoSession), "")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := f.pairDemo(wait, session, phone); err != nil {
		if ctx.Err() != nil {
			return nil // the server is being stopped
		}
		return fmt.Errorf("demo: pairing: %w", err)
	}
	f.printDemo(token)
	return nil
}

func (f *FirstSteps) pairDemo(ctx context.Context, session *bridge.Session, phone *sandbox.Phone) error {
	if err := session.Connect(ctx); err != nil {
		return err
	}
	status, err := session.Wait(ctx, func(st bridge.Status) bool { return st.Code.Text != "" })
	if err != nil {
		return err
	}
	if err := phone.ScanQR(ctx, status.Code.Text); err != nil {
		return err
	}
	status, err = session.Wait(ctx, func(st bridge.Status) bool {
		return st.State == bridge.StateConnected || st.State == bridge.StateCreated
	})
	if err == nil && status.State != bridge.StateConnected {
		err = errors.New(status.Reason)
	}
	return err
}

func (f *FirstSteps) printDemo(token string) {
	fmt.Fprintf(f.Out, `
Waystation runs on a simulated WhatsApp network. Session "%[1]s" is paired.

  Socket  ws://%[2]s/v1/ws
  Token   %[3]s
  Peer    %[4]s, who answers every message with its own text

Send a message and see the reply arrive:

  %[5]s try -url ws://%[2]s/v1/ws -token %[3]s -to %[4]s "Hello"

The same by hand:

  curl -s http://%[2]s/v1/rpc -H 'Authorization: Bearer %[3]s' -H 'Content-Type: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"message.sendText","params":{"to":"%[4]s","text":"Hello"}}'

Admin token, for sandbox.* and everything else: %[6]s
Stop with Ctrl-C.

`, demoSession, f.localAddress(), token, peerNumber, programName(), f.adminTokenPlace())
}

// adminTokenPlace describes where the admin token is, without revealing it.
func (f *FirstSteps) adminTokenPlace() string {
	if f.AdminTokenFile != "" {
		return "in " + f.AdminTokenFile
	}
	return "the one you set"
}
