package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// whatsmeow handles each stanza in a separate goroutine without a recover, and some handlers start further goroutines.
// guardStanzas calls the session's own function before each handler, so that a panic drops only the stanza. Where a
// handler would start a goroutine that parses input, the session calls it instead:
//
//   - notifications of the types in backgroundNotifications run in a goroutine of the bridge;
//   - app state is read by the package statesync, also for reads that whatsmeow starts;
//   - the result of a pairing is checked before whatsmeow reads it.
//
// The goroutines that whatsmeow still starts (acknowledgements, receipts, push and business names, privacy tokens,
// prekeys after the login, retry receipts, which have a recover) read only content that has been checked.

// unacknowledgedOnPanic are the stanzas that whatsmeow has not acknowledged when their handler panics. For other
// stanzas the acknowledgement is deferred or does not exist. Without an acknowledgement WhatsApp would deliver the
// stanza again with each connection.
var unacknowledgedOnPanic = map[string]bool{"message": true, "status": true, "appdata": true}

// backgroundNotifications are the types of notifications that whatsmeow handles in a goroutine in parallel with the
// following stanzas.
var backgroundNotifications = map[string]func(*Session, context.Context, *whatsmeow.Client, *waBinary.Node){
	"encrypt": func(_ *Session, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().HandleEncryptNotification(ctx, node)
	},
	"account_sync": func(s *Session, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		// whatsmeow changes its cached privacy settings in place, while the handler of the previous notification may
		// read them.
		s.accountSync.Lock()
		defer s.accountSync.Unlock()
		cli.DangerousInternals().HandleAccountSyncNotification(ctx, node)
	},
	"link_code_companion_reg": func(_ *Session, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().TryHandleCodePairNotification(ctx, node)
	},
	"crsc_continuation": func(_ *Session, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().TryHandlePasskeyContinuationNotification(ctx, node)
	},
	"server_sync": func(s *Session, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		s.states.HandleNotification(ctx, cli, node)
	},
}

// pairingNotifications are steps of a pairing. In a paired session whatsmeow would restart the pairing and then reject
// the next login.
var pairingNotifications = map[string]bool{"link_code_companion_reg": true, "passkey_prologue_request": true, "crsc_continuation": true}

// guardStanzas wraps the client's handlers of stanzas. Call it before the client connects.
func (s *Session) guardStanzas(cli *whatsmeow.Client) error {
	return wrapStanzaHandlers(cli, func(tag string, next stanzaHandler) stanzaHandler {
		handle := next
		switch tag {
		case "message", "appdata":
			handle = func(ctx context.Context, node *waBinary.Node) { next(signal.WithMessage(ctx, node), node) }
		case "notification":
			handle = func(ctx context.Context, node *waBinary.Node) { s.handleNotification(ctx, cli, node, next) }
		case "iq":
			handle = func(ctx context.Context, node *waBinary.Node) { s.handleServerIQ(ctx, cli, node, next) }
		case "failure", "stream:error":
			handle = func(ctx context.Context, node *waBinary.Node) {
				s.takeEnd(cli)
				next(s.noteEnd(ctx, cli, node), node)
			}
		}
		return func(ctx context.Context, node *waBinary.Node) {
			wa.RepairStanzaTime(node)
			if wa.CatchAndLog(s.log(), "stanza "+tag, func() { handle(ctx, node) }) {
				return
			}
			if unacknowledgedOnPanic[tag] {
				wa.CatchAndLog(s.log(), "acknowledge "+tag, func() { cli.DangerousInternals().SendAck(ctx, node, whatsmeow.NackUnhandledError) })
			}
		}
	})
}

// handleNotification runs the notification types that whatsmeow would handle in a goroutine without a recover in a
// goroutine with a recover.
func (s *Session) handleNotification(ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node, next stanzaHandler) {
	kind := node.AttrGetter().OptionalString("type")
	if pairingNotifications[kind] && !s.device().IsEmpty() {
		cli.DangerousInternals().SendAck(ctx, node, 0)
		return
	}
	run := backgroundNotifications[kind]
	if run == nil {
		next(ctx, node)
		return
	}
	acknowledge := cli.DangerousInternals().MaybeDeferredAck(ctx, node)
	if s.b.spawn(func() { wa.CatchAndLog(s.log(), "notification "+kind, func() { run(s, ctx, cli, node) }) }) {
		acknowledge()
	}
}

// handleServerIQ validates the fields in the result of a pairing that whatsmeow uses without a check. Without an id, or
// without the address of the new device, the pairing fails.
func (s *Session) handleServerIQ(ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node, next stanzaHandler) {
	if !s.device().IsEmpty() {
		return // all requests of the server are steps of a pairing, and would make whatsmeow discard its pairing
	}
	success, ok := node.GetOptionalChildByTag("pair-success")
	if !ok || node.Attrs["from"] != types.ServerJID {
		next(ctx, node)
		return
	}
	_, hasID := node.Attrs["id"].(string)
	device := success.GetChildByTag("device")
	jid, _ := device.Attrs["jid"].(types.JID)
	if hasID && jid.Server == types.DefaultUserServer && jid.User != "" && jid.Device != 0 {
		next(ctx, node)
		return
	}
	cli.Disconnect()
	cli.DangerousInternals().DispatchEvent(&events.PairError{ID: jid, Error: errors.New("WhatsApp's confirmation of the pairing has no id or no device")})
}

// streamEnd is WhatsApp's reason for ending a connection or refusing a login.
type streamEnd struct {
	code    int
	login   bool // a failure of the login, not an error of the stream
	message string
}

type endKey struct{}

// endOf reads a failure or stream:error stanza.
func endOf(node *waBinary.Node) streamEnd {
	ag := node.AttrGetter()
	if node.Tag == "failure" {
		return streamEnd{code: ag.OptionalInt("reason"), login: true, message: ag.OptionalString("message")}
	}
	code, _ := strconv.Atoi(ag.OptionalString("code"))
	return streamEnd{code: code}
}

// reason returns the Reason of the resulting state.
func (e streamEnd) reason() string {
	switch {
	case e.login:
		return "refused: " + refusalText(e.code)
	case e.code != 0:
		return "stream error " + strconv.Itoa(e.code)
	}
	return ""
}

// refusalTexts extends whatsmeow's texts for the codes of refused logins.
var refusalTexts = map[int]string{
	400: "bad request", 415: "account not found", 418: "client is unknown", 500: "internal server error", 501: "feature not implemented",
	503: "service unavailable",
}

// refusalText returns the code of a refused login and its meaning, as "503: service unavailable".
func refusalText(code int) string {
	if text := refusalTexts[code]; text != "" {
		return fmt.Sprintf("%d: %s", code, text)
	}
	return events.ConnectFailureReason(code).String()
}

// noteEnd stores the reason in the last stanza of the connection and returns ctx with it for the stanza's handler.
func (s *Session) noteEnd(ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) context.Context {
	end := endOf(node)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli == cli {
		s.endReason = end.reason()
	}
	return context.WithValue(ctx, endKey{}, end)
}

// messengerLoginError is WhatsApp's request for the credentials of a Messenger client, which sessions do not have
// (codes 413 and 414).
type messengerLoginError struct{ end streamEnd }

func (e *messengerLoginError) Error() string {
	return "WhatsApp asks for the credentials of a Messenger client: " + e.end.reason()
}

// refuseMessengerLogin is the client's RefreshCAT. whatsmeow calls RefreshCAT without checking it for nil.
func refuseMessengerLogin(ctx context.Context) error {
	end, _ := ctx.Value(endKey{}).(streamEnd)
	return &messengerLoginError{end: end}
}
