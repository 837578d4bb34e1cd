package sandbox

import (
	"context"
	"fmt"
	"strconv"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// sentKept is the number of sent messages that a phone keeps to answer retry receipts.
const sentKept = 512

// SendError is the network's refusal of a message, with its code.
type SendError struct{ Code int }

func (e *SendError) Error() string { return "message refused with code " + strconv.Itoa(e.Code) }

// sentMessage is a sent message, kept to answer retry receipts.
type sentMessage struct {
	chat    types.JID
	message *waE2E.Message
	kind    messageKind
}

// SendMessage sends any message to a user (JID or LID), a group or status@broadcast and returns its id. An empty id is replaced by a new one. The error
// is a *SendError when the network refuses the message, or wraps ErrNoAccount.
func (p *Phone) SendMessage(ctx context.Context, to types.JID, id string, message *waE2E.Message) (string, error) {
	if id == "" {
		id = p.random.messageID()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	chat, err := p.chatOf(to)
	if err != nil {
		return "", err
	}
	message = p.withSecret(chat, message)
	kind := kindOf(message)
	var node waBinary.Node
	if chat.Server == types.GroupServer || chat.Server == types.BroadcastServer {
		node, err = p.sealMessageForGroup(ctx, chat, message, kind)
	} else {
		node, err = p.sealMessageForUser(ctx, chat, message, kind)
	}
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	node.Attrs["id"] = id
	p.rememberSent(id, sentMessage{chat, message, kind})
	if err = p.submit(node); err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	p.issueTokenTo(chat)
	p.noteSecret(chat, id, message)
	own := Received{ID: id, Chat: chat, Sender: p.account.lid, FromMe: true, Time: p.net.now(), Message: message}
	p.messages.add(own)
	p.noteTimerLocked(own)
	return id, nil
}

// chatOf returns the address of a recipient on the wire: the LID of a user, or the group. Call without n.mu.
func (p *Phone) chatOf(to types.JID) (types.JID, error) {
	if to.Server == types.GroupServer || to.Server == types.BroadcastServer {
		return to, nil
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	target := p.net.find(to)
	if target == nil {
		return to, fmt.Errorf("sandbox: %w: %s", ErrNoAccount, to)
	}
	return target.lid, nil
}

// recipient is a device to encrypt for.
type recipient struct {
	jid    types.JID
	bundle *prekey.Bundle // set when there is no session yet
	own    bool
}

// recipients returns the devices except the phone itself, with bundles for devices without a session. Call under p.mu, not n.mu.
func (p *Phone) recipients(devices func() []*device) []recipient {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	var list []recipient
	for _, d := range devices() {
		if d == p.device {
			continue
		}
		if d.account != p.account {
			d.account.followers[p.account] = struct{}{}
		}
		target := recipient{jid: d.lid(), own: d.account == p.account}
		address := target.jid.SignalAddress().String()
		// A device number may belong to another companion than before; then its identity key differs.
		if p.memory.sessions[address] == nil || p.memory.identities[address] != d.keys.identity {
			target.bundle = p.net.signalBundle(d)
		}
		list = append(list, target)
	}
	return list
}

func devicesOf(accounts ...*account) []*device {
	var list []*device
	for _, a := range accounts {
		list = append(list, a.sortedDevices()...)
	}
	return list
}

func (p *Phone) sealMessageForUser(ctx context.Context, chat types.JID, message *waE2E.Message, kind messageKind) (waBinary.Node, error) {
	plain, err := proto.Marshal(message)
	if err != nil {
		return waBinary.Node{}, err
	}
	forOwn, err := proto.Marshal(sentByOther(chat, message))
	if err != nil {
		return waBinary.Node{}, err
	}
	list := p.recipients(func() []*device {
		if target := p.net.find(chat); target != p.account {
			return devicesOf(target, p.account)
		}
		return devicesOf(p.account)
	})
	children, err := p.sealAll(ctx, list, kind.mediaType, kind.hidden, func(r recipient) []byte {
		if r.own {
			return forOwn
		}
		return plain
	})
	if err != nil {
		return waBinary.Node{}, err
	}
	node := p.messageNode(chat, kind, waBinary.Node{Tag: "participants", Content: children})
	if token := p.tokenFor(chat); token != nil {
		node.Content = append(node.GetChildren(), leaf("tctoken", token))
	}
	return node, nil
}

// sentByOther wraps a message for the sender's own other devices.
func sentByOther(chat types.JID, message *waE2E.Message) *waE2E.Message {
	return &waE2E.Message{
		DeviceSentMessage:  &waE2E.DeviceSentMessage{DestinationJID: proto.String(chat.String()), Message: message},
		MessageContextInfo: message.GetMessageContextInfo(),
	}
}

func (p *Phone) sealMessageForGroup(ctx context.Context, chat types.JID, message *waE2E.Message, kind messageKind) (waBinary.Node, error) {
	plain, err := proto.Marshal(message)
	if err != nil {
		return waBinary.Node{}, err
	}
	distribution, err := p.senderKey(ctx, chat) // before encryption ratchets the key
	if err != nil {
		return waBinary.Node{}, err
	}
	enc, err := p.encryptForGroup(ctx, chat, plain)
	if err != nil {
		return waBinary.Node{}, err
	}
	if kind.mediaType != "" {
		enc.Attrs["mediatype"] = kind.mediaType
	}
	keyMessage, err := proto.Marshal(&waE2E.Message{SenderKeyDistributionMessage: distribution})
	if err != nil {
		return waBinary.Node{}, err
	}
	list := p.recipients(func() []*device { return devicesOf(p.audience(chat)...) })
	children, err := p.sealAll(ctx, list, "", kind.hidden, func(recipient) []byte { return keyMessage })
	if err != nil {
		return waBinary.Node{}, err
	}
	all := []types.JID{p.account.lid}
	for _, r := range list {
		all = append(all, r.jid)
	}
	node := p.messageNode(chat, kind, waBinary.Node{Tag: "participants", Content: children}, enc)
	node.Attrs["phash"], node.Attrs["addressing_mode"] = deviceHash(all), "lid"
	return node, nil
}

// audience returns the members of a group, or the recipients of a status update. Call under n.mu.
func (p *Phone) audience(chat types.JID) []*account {
	if chat.Server == types.BroadcastServer {
		return append(p.net.followersOf(p.account), p.account)
	}
	if p.net.groups == nil {
		return nil
	}
	members, _ := p.net.groups.members(chat)
	return members
}

func (p *Phone) sealAll(ctx context.Context, list []recipient, mediaType string, hidden bool, plain func(recipient) []byte) ([]waBinary.Node, error) {
	children := make([]waBinary.Node, 0, len(list))
	for _, r := range list {
		enc, err := p.encryptFor(ctx, r.jid, plain(r), r.bundle)
		if err != nil {
			return nil, err
		}
		if mediaType != "" {
			enc.Attrs["mediatype"] = mediaType
		}
		if hidden {
			enc.Attrs["decrypt-fail"] = "hide"
		}
		children = append(children, waBinary.Node{Tag: "to", Attrs: waBinary.Attrs{"jid": r.jid}, Content: []waBinary.Node{enc}})
	}
	return children, nil
}

func (p *Phone) messageNode(chat types.JID, kind messageKind, children ...waBinary.Node) waBinary.Node {
	if kind.poll != "" {
		children = append(children, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"polltype": kind.poll}})
	}
	if kind.thread != nil {
		author := kind.thread.GetParticipant()
		if kind.thread.GetFromMe() {
			author = p.account.lid.String()
		}
		children = append(children, waBinary.Node{Tag: "meta", Attrs: waBinary.Attrs{"thread_msg_id": kind.thread.GetID(), "thread_msg_sender_jid": author}})
	}
	if kind.flow {
		children = append(children, flowNodes(chat)...)
	}
	attrs := waBinary.Attrs{"to": chat, "type": kind.stanza}
	if kind.edit != "" {
		attrs["edit"] = kind.edit
	}
	if kind.viewOnce {
		attrs[viewOnceMark] = "true"
	}
	return waBinary.Node{Tag: "message", Attrs: attrs, Content: children}
}

// submit sends a message to the network and checks its acknowledgement. Call without n.mu.
func (p *Phone) submit(node waBinary.Node) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.net.closed {
		return ErrClosed
	}
	r := &request{net: p.net, device: p.device, node: &node}
	p.net.dispatch(r)
	for i := range r.replies {
		if code, _ := strconv.Atoi(text(&r.replies[i], "error")); code != 0 {
			return &SendError{Code: code}
		}
	}
	return nil
}

// rememberSent keeps a sent message for retries. Call under p.mu.
func (p *Phone) rememberSent(id string, m sentMessage) {
	if len(p.sentOrder) >= sentKept {
		delete(p.sent, p.sentOrder[0])
		p.sentOrder = p.sentOrder[1:]
	}
	p.sent[id] = m
	p.sentOrder = append(p.sentOrder, id)
}

// sendPeer sends a protocol message to one companion. Call under p.mu.
func (p *Phone) sendPeer(ctx context.Context, companion types.JID, message *waE2E.ProtocolMessage) error {
	return p.sendPeerAs(ctx, companion, p.random.messageID(), message)
}

// sendPeerAs is sendPeer with a given id. Call under p.mu.
func (p *Phone) sendPeerAs(ctx context.Context, companion types.JID, id string, message *waE2E.ProtocolMessage) error {
	plain, err := proto.Marshal(&waE2E.Message{ProtocolMessage: message})
	if err != nil {
		return err
	}
	list := p.recipients(func() []*device {
		if d := p.net.findDevice(companion); d != nil {
			return []*device{d}
		}
		return nil
	})
	if len(list) == 0 {
		return fmt.Errorf("%w: %s", ErrNoDevice, companion)
	}
	enc, err := p.encryptFor(ctx, companion, plain, list[0].bundle)
	if err != nil {
		return err
	}
	return p.submit(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"to": companion, "id": id, "type": "text", "category": "peer",
	}, Content: []waBinary.Node{{Tag: "meta", Attrs: waBinary.Attrs{"appdata": "default"}}, enc}})
}
