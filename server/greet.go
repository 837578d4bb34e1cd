package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/waystation/waystation/bridge"
)

// greet does for a person at a terminal what a first start needs: a session to pair, or the demo.
func (a *app) greet(ctx context.Context) error {
	switch {
	case a.cfg.Demo:
		return a.runDemo(ctx)
	case a.cfg.OnSandbox() || a.cfg.Session == "none":
		return nil
	}
	session, err := a.firstSession(ctx)
	if err != nil || session == nil {
		return err
	}
	if a.cfg.QR == "always" || a.cfg.QR == "auto" && isTerminal(a.out) {
		a.helpers.Go(func() { a.showCodes(ctx, session) })
	}
	return nil
}

// firstSession is the session a first start makes, connected so that it shows codes; nil when there are others and it
// is none of them, or it is paired already.
func (a *app) firstSession(ctx context.Context) (*bridge.Session, error) {
	all := a.bridge.Sessions()
	session, err := a.bridge.Session(a.cfg.Session)
	if err != nil && len(all) > 0 {
		return nil, nil
	}
	if err != nil {
		if session, err = a.bridge.Create(ctx, bridge.CreateParams{ID: a.cfg.Session}); err != nil {
			return nil, fmt.Errorf("first session: %w", err)
		}
	}
	if session.Status().State != bridge.StateCreated {
		return nil, nil
	}
	a.helpers.Go(func() {
		// Without a network the server is still of use, and the bridge has logged why.
		if err := session.Connect(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("the first session did not connect", "session", session.ID(), "error", err)
		}
	})
	return session, nil
}

// showCodes draws the session's pairing codes as they change, until it is paired or the codes have run out.
func (a *app) showCodes(ctx context.Context, session *bridge.Session) {
	colours := wantsColours(a.out, os.Environ())
	shown := ""
	for {
		status, err := session.Wait(ctx, func(st bridge.Status) bool {
			return st.Code.Text != shown && st.Code.Text != "" || st.State == bridge.StateConnected ||
				shown != "" && st.State != bridge.StatePairing && st.State != bridge.StateConnecting
		})
		switch {
		case err != nil:
			return
		case status.State == bridge.StateConnected:
			fmt.Fprintf(a.out, "\nSession %s is connected as %s.\n", session.ID(), status.JID.User)
			return
		case status.State == bridge.StatePairing:
			shown = status.Code.Text
			picture, err := drawQR(shown, colours)
			if err != nil {
				a.log.Warn("pairing code cannot be drawn", "session", session.ID(), "error", err)
				return
			}
			fmt.Fprintf(a.out, "\nOn the phone: WhatsApp, Linked devices, Link a device, then scan this.\n\n%s\nCode %d of %d for session %s, good until %s.\n",
				picture, status.Code.Number, status.Code.Of, session.ID(), status.Code.ExpiresAt.Local().Format(time.TimeOnly))
		default:
			fmt.Fprintf(a.out, "\nNo phone scanned the codes of session %s (%s). Start again, or call session.connect for new ones.\n", session.ID(), status.Reason)
			return
		}
	}
}
