package wire

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// Session has the methods of a session that the guard of its connection uses.
type Session interface {
	// Device returns the address of the paired device, empty without one.
	Device() types.JID
	// Spawn runs fn in a goroutine unless the bridge is closed; it returns false then.
	Spawn(fn func()) bool
	// SyncAppState handles a notification about changed app state.
	SyncAppState(ctx context.Context, cli *whatsmeow.Client, notification *waBinary.Node)
}

// Guard checks the input of one client before whatsmeow handles it.
type Guard struct {
	session Session
	log     func() *slog.Logger
	limits  Limits
	sockets socketGuard

	// accountSync is locked by the handler of an account_sync notification; one runs at a time.
	accountSync sync.Mutex

	mu     sync.Mutex
	last   *waBinary.Node // the last stanza of the connection, read and not yet handled
	reason string         // WhatsApp's reason for the end of the connection, from its last stanza
}

// NewGuard returns the guard of a client. Install puts it into effect.
func NewGuard(session Session, limits Limits, log func() *slog.Logger) *Guard {
	return &Guard{session: session, limits: limits, log: log}
}

// Install wraps the client's handlers of stanzas and the transports of its WebSockets. Call it before the client
// connects, and after its HTTP clients have been set.
func (g *Guard) Install(cli *whatsmeow.Client) error {
	if err := g.wrapStanzas(cli); err != nil {
		return err
	}
	return wrapSocketTransports(cli, func(next http.RoundTripper) http.RoundTripper { return g.sockets.wrapTransport(next) })
}

// Hold pauses reading until Release. Call it in GetClientPayload, which whatsmeow calls after it has received the
// server's part of the handshake and before it sends the last part of its own.
func (g *Guard) Hold() { g.sockets.holdReads() }

// Release resumes reading.
func (g *Guard) Release() { g.sockets.releaseReads() }

// Cut aborts a handshake in progress and returns true. It returns false if there is none.
func (g *Guard) Cut() bool { return g.sockets.cutHandshake() }

// InstallFrames wraps the handler of decrypted frames of the connection that has just been opened. It drops frames that
// whatsmeow's decoder cannot read or that would exceed the limits of memory and stack. Call it before Release.
func (g *Guard) InstallFrames(cli *whatsmeow.Client) error {
	return wrapFrameHandler(cli, func(next socket.FrameHandler) socket.FrameHandler {
		return func(ctx context.Context, data []byte) {
			err := wa.CatchPanic("frame", func() error {
				checked, err := g.limits.CheckFrame(data)
				if err == nil {
					g.RememberEnd(checked)
					next(ctx, checked)
				}
				return err
			})
			if err != nil {
				wa.LogPanic(g.log(), err)
				g.log().Warn("a frame of WhatsApp was dropped", "bytes", len(data), "error", err)
			}
		}
	})
}

// Forget clears the end of the previous connection.
func (g *Guard) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last, g.reason = nil, ""
}

// RememberEnd stores the stanza of a checked frame if it is the last one of the connection.
func (g *Guard) RememberEnd(frame []byte) {
	if !isEndFrame(frame) {
		return
	}
	node, err := waBinary.Unmarshal(frame[1:])
	if err != nil {
		return // whatsmeow logs the error
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = node
}

// takeEnd returns the remembered stanza, or nil, and clears it.
func (g *Guard) takeEnd() *waBinary.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	node := g.last
	g.last = nil
	return node
}

// noteEnd stores the reason in the last stanza of the connection and returns ctx with it for the stanza's handler.
func (g *Guard) noteEnd(ctx context.Context, node *waBinary.Node) context.Context {
	end := endOf(node)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reason = end.Reason()
	return context.WithValue(ctx, endKey{}, end)
}

// TakeReason returns WhatsApp's reason for the end of the connection, or "", and clears it.
func (g *Guard) TakeReason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	reason := g.reason
	g.reason = ""
	return reason
}

// HandleMissedEnd handles the last stanza of an ended connection if whatsmeow dropped it.
func (g *Guard) HandleMissedEnd(ctx context.Context, cli *whatsmeow.Client) {
	node := g.takeEnd()
	if node == nil {
		return
	}
	ctx = g.noteEnd(ctx, node)
	wa.CatchAndLog(g.log(), "stanza "+node.Tag, func() {
		if node.Tag == "failure" {
			cli.DangerousInternals().HandleConnectFailure(ctx, node)
		} else {
			cli.DangerousInternals().HandleStreamError(ctx, node)
		}
	})
}
