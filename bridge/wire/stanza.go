package wire

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// whatsmeow handles each stanza in a separate goroutine without a recover, and some handlers start further goroutines.
// Guard calls its own function before each handler, so that a panic drops only the stanza. Where a
// handler would start a goroutine that parses input, Guard calls it instead:
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
var backgroundNotifications = map[string]func(*Guard, context.Context, *whatsmeow.Client, *waBinary.Node){
	"encrypt": func(_ *Guard, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().HandleEncryptNotification(ctx, node)
	},
	"account_sync": func(g *Guard, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		// whatsmeow changes its cached privacy settings in place, while the handler of the previous notification may
		// read them.
		g.accountSync.Lock()
		defer g.accountSync.Unlock()
		cli.DangerousInternals().HandleAccountSyncNotification(ctx, node)
	},
	"link_code_companion_reg": func(_ *Guard, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().TryHandleCodePairNotification(ctx, node)
	},
	"crsc_continuation": func(_ *Guard, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		cli.DangerousInternals().TryHandlePasskeyContinuationNotification(ctx, node)
	},
	"server_sync": func(g *Guard, ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node) {
		g.session.SyncAppState(ctx, cli, node)
	},
}

// pairingNotifications are steps of a pairing. In a paired session whatsmeow would restart the pairing and then reject
// the next login.
var pairingNotifications = map[string]bool{"link_code_companion_reg": true, "passkey_prologue_request": true, "crsc_continuation": true}

// wrapStanzas wraps the client's handlers of stanzas.
func (g *Guard) wrapStanzas(cli *whatsmeow.Client) error {
	return wrapStanzaHandlers(cli, func(tag string, next stanzaHandler) stanzaHandler {
		handle := next
		switch tag {
		case "message", "appdata":
			handle = func(ctx context.Context, node *waBinary.Node) { next(signal.WithMessage(ctx, node), node) }
		case "notification":
			handle = func(ctx context.Context, node *waBinary.Node) { g.handleNotification(ctx, cli, node, next) }
		case "iq":
			handle = func(ctx context.Context, node *waBinary.Node) { g.handleServerIQ(ctx, cli, node, next) }
		case "failure", "stream:error":
			handle = func(ctx context.Context, node *waBinary.Node) {
				g.takeEnd()
				next(g.noteEnd(ctx, node), node)
			}
		}
		return func(ctx context.Context, node *waBinary.Node) {
			wa.RepairStanzaTime(node)
			if wa.CatchAndLog(g.log(), "stanza "+tag, func() { handle(ctx, node) }) {
				return
			}
			if unacknowledgedOnPanic[tag] {
				wa.CatchAndLog(g.log(), "acknowledge "+tag, func() { cli.DangerousInternals().SendAck(ctx, node, whatsmeow.NackUnhandledError) })
			}
		}
	})
}

// handleNotification runs the notification types that whatsmeow would handle in a goroutine without a recover in a
// goroutine with a recover.
func (g *Guard) handleNotification(ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node, next stanzaHandler) {
	kind := node.AttrGetter().OptionalString("type")
	if pairingNotifications[kind] && !g.session.Device().IsEmpty() {
		cli.DangerousInternals().SendAck(ctx, node, 0)
		return
	}
	run := backgroundNotifications[kind]
	if run == nil {
		next(ctx, node)
		return
	}
	acknowledge := cli.DangerousInternals().MaybeDeferredAck(ctx, node)
	if g.session.Spawn(func() { wa.CatchAndLog(g.log(), "notification "+kind, func() { run(g, ctx, cli, node) }) }) {
		acknowledge()
	}
}

// handleServerIQ validates the fields in the result of a pairing that whatsmeow uses without a check. Without an id, or
// without the address of the new device, the pairing fails.
func (g *Guard) handleServerIQ(ctx context.Context, cli *whatsmeow.Client, node *waBinary.Node, next stanzaHandler) {
	if !g.session.Device().IsEmpty() {
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
