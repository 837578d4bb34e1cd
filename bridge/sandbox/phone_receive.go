package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/signalerror"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// maxRetries is the largest number of retry receipts of a phone for one message.
const maxRetries = 5

// retriesKept bounds the messages whose retries are counted; beyond it all counts restart at 0.
const retriesKept = 4096

func (n *Network) registerPhoneRoutes() {
	n.phoneRoutes[bootstrapTag] = (*Phone).bootstrapCompanion
	n.phoneRoutes["message"] = (*Phone).receiveMessage
	n.phoneRoutes["receipt/read"] = (*Phone).ownReceipt
	n.phoneRoutes["receipt/read-self"] = (*Phone).ownReceipt
	n.phoneRoutes["receipt/retry"] = (*Phone).answerRetry
	n.phoneRoutes["receipt/server-error"] = (*Phone).retryMedia
}

// incoming has the addresses of a received message's stanza.
type incoming struct {
	node         *waBinary.Node
	id           string
	from         types.JID // address of the stanza: device or group
	sender, chat types.JID
	fromMe       bool
}

func (p *Phone) source(node *waBinary.Node) (incoming, bool) {
	in := incoming{node: node, id: text(node, "id")}
	from, ok := jidOf(node, "from")
	in.from, in.sender, in.chat = from, from, from.ToNonAD()
	if from.Server == types.GroupServer || from.Server == types.BroadcastServer {
		in.sender, ok = jidOf(node, "participant")
	} else if from.User == p.account.lid.User {
		if recipient, found := jidOf(node, "recipient"); found {
			in.chat = recipient
		}
	}
	in.fromMe = in.sender.User == p.account.lid.User
	return in, ok
}

// receiveMessage decrypts, handles, records and acknowledges a message.
func (p *Phone) receiveMessage(node *waBinary.Node) {
	in, ok := p.source(node)
	if !ok {
		return
	}
	p.mu.Lock()
	message, err := p.decryptAll(context.Background(), in)
	p.mu.Unlock()
	switch {
	case errors.Is(err, signalerror.ErrOldCounter):
		p.sendReceipt(in, "") // duplicate delivery
		return
	case err != nil:
		p.net.log.Debug("phone cannot read a message", "error", err)
		p.requestRetry(in)
		return
	}
	p.sendReceipt(in, "")
	if message == nil {
		return
	}
	if text(node, "category") == "peer" {
		p.handlePeer(in, message)
		return
	}
	if sent := message.GetDeviceSentMessage(); sent != nil {
		if context := message.GetMessageContextInfo(); context != nil && sent.GetMessage().GetMessageContextInfo() == nil && sent.Message != nil {
			sent.Message.MessageContextInfo = context
		}
		message = sent.GetMessage()
	}
	seconds, _ := strconv.ParseInt(text(node, "t"), 10, 64)
	received := Received{ID: in.id, Chat: in.chat, Sender: in.sender, FromMe: in.fromMe, PushName: text(node, "notify"), Time: time.Unix(seconds, 0), Message: message}
	if reason := hiddenReason(node, received.Chat, message); reason != "" && !in.fromMe {
		p.net.mu.Lock()
		p.net.recordViolation(&request{net: p.net, device: p.device, node: node}, reason)
		p.net.mu.Unlock()
	}
	p.mu.Lock()
	p.noteSecret(received.Chat, received.ID, message)
	p.mu.Unlock()
	p.noteOrder(message)
	p.messages.add(received)
	p.noteTimer(received)
	p.sendAutoReply(received)
}

// decryptAll decrypts every ciphertext of a stanza and returns the message in it, nil when there were only keys. Call under p.mu.
func (p *Phone) decryptAll(ctx context.Context, in incoming) (*waE2E.Message, error) {
	var result *waE2E.Message
	for _, enc := range in.node.GetChildrenByTag("enc") {
		message, err := p.open(ctx, in.sender, in.chat, &enc)
		if err != nil {
			return nil, err
		}
		if key := message.GetSenderKeyDistributionMessage(); key != nil {
			if err = p.storeSenderKey(ctx, in.sender, in.chat, key.GetAxolotlSenderKeyDistributionMessage()); err != nil {
				return nil, err
			}
			message.SenderKeyDistributionMessage = nil
			if proto.Size(message) == 0 {
				continue
			}
		}
		result = message
	}
	return result, nil
}

// sendReceipt sends a receipt to a message's sender; the empty kind is delivery.
func (p *Phone) sendReceipt(in incoming, kind string, children ...waBinary.Node) {
	attrs := waBinary.Attrs{"id": in.id, "to": in.from}
	for _, key := range []string{"participant", "recipient"} {
		if jid, ok := jidOf(in.node, key); ok {
			attrs[key] = jid
		}
	}
	if kind == "" && in.fromMe {
		kind = "sender"
	}
	if kind != "" {
		attrs["type"] = kind
	}
	node := waBinary.Node{Tag: "receipt", Attrs: attrs}
	if len(children) > 0 {
		node.Content = children
	}
	if err := p.submit(node); err != nil {
		p.net.log.Debug("phone could not send a receipt", "error", err)
	}
}

// requestRetry sends a retry receipt, so that the sender encrypts a message again; from the second one on with the keys for a new session.
func (p *Phone) requestRetry(in incoming) {
	p.mu.Lock()
	if len(p.retries) >= retriesKept {
		clear(p.retries)
	}
	p.retries[in.id]++
	count := p.retries[in.id]
	p.mu.Unlock()
	if count > maxRetries {
		return
	}
	var registration [4]byte
	binary.BigEndian.PutUint32(registration[:], p.store.RegistrationID)
	children := []waBinary.Node{
		{Tag: "retry", Attrs: waBinary.Attrs{"count": strconv.Itoa(count), "id": in.id, "t": text(in.node, "t"), "v": "1"}},
		leaf("registration", registration[:]),
	}
	if count > 1 {
		signed, id := p.store.SignedPreKey, id24(p.store.SignedPreKey.KeyID)
		children = append(children, waBinary.Node{Tag: "keys", Content: []waBinary.Node{
			leaf("type", []byte{ecc.DjbType}),
			leaf("identity", p.identity.Pub[:]),
			{Tag: "skey", Content: []waBinary.Node{leaf("id", id[:]), leaf("value", signed.Pub[:]), leaf("signature", signed.Signature[:])}},
		}})
	}
	p.sendReceipt(in, "retry", children...)
}

// answerRetry encrypts a sent message again for the device that sent a retry receipt.
func (p *Phone) answerRetry(node *waBinary.Node) {
	in, ok := p.source(node)
	retry := node.GetChildByTag("retry")
	if !ok || retry.Tag != "retry" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	sent, known := p.sent[in.id]
	if !known {
		return
	}
	if err := p.resend(context.Background(), in, sent, &retry); err != nil {
		p.net.log.Debug("phone could not answer a retry receipt", "error", err)
	}
}

// resend encrypts a message in a new session from a new bundle, because the old session may be broken. Call under p.mu.
func (p *Phone) resend(ctx context.Context, in incoming, sent sentMessage, retry *waBinary.Node) error {
	message := proto.CloneOf(sent.message)
	group := sent.chat.Server == types.GroupServer || sent.chat.Server == types.BroadcastServer
	if group {
		distribution, err := p.senderKey(ctx, sent.chat)
		if err != nil {
			return err
		}
		message.SenderKeyDistributionMessage = distribution
	} else if in.fromMe {
		message = sentByOther(sent.chat, message)
	}
	plain, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	_ = p.store.Sessions.DeleteSession(ctx, in.sender.SignalAddress().String())
	list := p.recipients(func() []*device {
		if d := p.net.findDevice(in.sender); d != nil {
			return []*device{d}
		}
		return nil
	})
	if len(list) == 0 {
		return ErrNoDevice
	}
	enc, err := p.encryptFor(ctx, in.sender, plain, list[0].bundle)
	if err != nil {
		return err
	}
	enc.Attrs["count"] = text(retry, "count")
	if sent.kind.mediaType != "" {
		enc.Attrs["mediatype"] = sent.kind.mediaType
	}
	answer := p.messageNode(in.sender, sent.kind, enc)
	answer.Attrs["id"] = in.id
	if group {
		answer.Attrs["to"], answer.Attrs["participant"] = sent.chat, in.sender
	} else {
		answer.Attrs["device_fanout"] = "false"
		if in.fromMe {
			answer.Attrs["recipient"] = sent.chat
		}
	}
	return p.submit(answer)
}
