package sandbox

import (
	"fmt"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Read sends read receipts for messages. Messages of one chat and sender share a receipt.
func (p *Phone) Read(messages ...Received) error { return p.mark("read", messages) }

// Played sends the receipts for played voice messages.
func (p *Phone) Played(messages ...Received) error { return p.mark("played", messages) }

func (p *Phone) mark(kind string, messages []Received) error {
	type target struct{ chat, participant types.JID }
	ids := map[target][]string{}
	var order []target
	for _, m := range messages {
		t := target{chat: m.Chat}
		if m.Chat.Server == types.GroupServer || m.Chat.Server == types.BroadcastServer {
			t.participant = m.Sender.ToNonAD()
		}
		if ids[t] == nil {
			order = append(order, t)
		}
		ids[t] = append(ids[t], m.ID)
	}
	for _, t := range order {
		p.noteRead(t.chat, ids[t]...)
		node := waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": ids[t][0], "type": kind, "to": t.chat, "t": p.net.unixNow()}}
		if !t.participant.IsEmpty() {
			node.Attrs["participant"] = t.participant
		}
		if len(ids[t]) > 1 {
			var items []waBinary.Node
			for _, id := range ids[t][1:] {
				items = append(items, waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"id": id}})
			}
			node.Content = []waBinary.Node{{Tag: "list", Content: items}}
		}
		if err := p.submit(node); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	return nil
}

// Typing sends the chat state of a user who is typing, or stopped.
func (p *Phone) Typing(chat types.JID, active bool) error { return p.chatState(chat, active, "") }

// Recording sends the chat state of a user who is recording a voice message, or stopped.
func (p *Phone) Recording(chat types.JID, active bool) error {
	return p.chatState(chat, active, "audio")
}

func (p *Phone) chatState(chat types.JID, active bool, media string) error {
	chat, err := p.chatOf(chat)
	if err != nil {
		return err
	}
	state := waBinary.Node{Tag: "paused"}
	if active {
		state = waBinary.Node{Tag: "composing"}
		if media != "" {
			state.Attrs = waBinary.Attrs{"media": media}
		}
	}
	return p.sendVolatile(waBinary.Node{Tag: "chatstate", Attrs: waBinary.Attrs{"to": chat}, Content: []waBinary.Node{state}})
}

// SetAvailable announces the phone's user as online or offline.
func (p *Phone) SetAvailable(available bool) error {
	kind := "unavailable"
	if available {
		kind = "available"
	}
	return p.sendVolatile(waBinary.Node{Tag: "presence", Attrs: waBinary.Attrs{"type": kind}})
}

// Watch subscribes to a user's presence; it arrives among Stanzas.
func (p *Phone) Watch(user types.JID) error {
	return p.sendVolatile(waBinary.Node{Tag: "presence", Attrs: waBinary.Attrs{"type": "subscribe", "to": user}})
}

func (p *Phone) sendVolatile(node waBinary.Node) error {
	if err := p.submit(node); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// Call offers a call to a user and returns the id of the call for EndCall.
func (p *Phone) Call(to types.JID, video bool) (string, error) {
	id := strings.ToUpper(fmt.Sprintf("%x", p.random.bytes(16)))
	offer := waBinary.Node{Tag: "offer", Content: []waBinary.Node{{Tag: "audio", Attrs: waBinary.Attrs{"enc": "opus", "rate": "16000"}}}}
	if video {
		offer.Content = append(offer.GetChildren(), waBinary.Node{Tag: "video", Attrs: waBinary.Attrs{"enc": "vp8"}})
	}
	return id, p.signalCall(to, id, offer)
}

// EndCall ends a call or withdraws its offer.
func (p *Phone) EndCall(to types.JID, id, reason string) error {
	return p.signalCall(to, id, waBinary.Node{Tag: "terminate", Attrs: waBinary.Attrs{"reason": reason}})
}

func (p *Phone) signalCall(to types.JID, id string, signal waBinary.Node) error {
	signal = withAttrs(signal, waBinary.Attrs{"call-id": id, "call-creator": p.account.lid, "caller_pn": p.account.pn})
	return p.sendVolatile(waBinary.Node{Tag: "call", Attrs: waBinary.Attrs{"to": to, "id": p.random.messageID()}, Content: []waBinary.Node{signal}})
}

// Companions returns the phone number addresses of the linked devices.
func (p *Phone) Companions() []types.JID {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return p.account.pns()[1:]
}

// Unlink removes a linked device from the account; its client is logged out. The error wraps ErrNoDevice.
func (p *Phone) Unlink(companion types.JID) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	d := p.net.findDevice(companion)
	if d == nil || d.isPhone() || d.account != p.account {
		return fmt.Errorf("sandbox: %w: %s", ErrNoDevice, companion)
	}
	p.net.unlinkDevice(d, true)
	return nil
}

// tokenFor returns the trusted contact token that a contact issued to this account. Call without n.mu.
func (p *Phone) tokenFor(chat types.JID) []byte {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if token := p.net.tokens[tokenKey{issuer: p.net.find(chat), holder: p.account}]; token != nil {
		return token.value
	}
	return nil
}

// IssueToken issues a contact a token with a time of issue, which may be in the past. Tokens expire some weeks after it. Each token has a new value.
func (p *Phone) IssueToken(contact types.JID, at time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	holder := p.net.find(contact)
	if holder == nil {
		return fmt.Errorf("sandbox: %w: %s", ErrNoAccount, contact)
	}
	delete(p.net.tokens, tokenKey{p.account, holder})
	p.net.issueToken(p.account, holder, at)
	return nil
}

// issueTokenTo issues a contact a token, with which it may reply while first contacts are restricted. Call without n.mu.
func (p *Phone) issueTokenTo(chat types.JID) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	holder := p.net.find(chat)
	if holder == nil || holder == p.account {
		return
	}
	if token := p.net.tokens[tokenKey{p.account, holder}]; token == nil || token.expired(p.net.now()) {
		p.net.issueToken(p.account, holder, p.net.now())
	}
}
