package sandbox

import (
	"fmt"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"google.golang.org/protobuf/proto"
)

// Bot returns the phone of a bot by its id, the digits before @bot. The error wraps ErrNoAccount.
func (n *Network) Bot(id string) (*Phone, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.botAccounts[id]; a != nil {
		return a.phone, nil
	}
	return nil, fmt.Errorf("sandbox: %w: bot %s", ErrNoAccount, id)
}

// AnswerAsBot answers a message to a bot and returns the id of the answer. Unlike messages of people, the answer is
// encrypted under the secret of the message, once for all companions of the account; the account's phone gets none.
func (p *Phone) AnswerAsBot(to Received, c Content) (string, error) {
	secret := to.Message.GetMessageContextInfo().GetMessageSecret()
	if p.account.lid.Server != types.BotServer || len(secret) == 0 {
		return "", fmt.Errorf("sandbox: message %s is not a message to a bot", to.ID)
	}
	plain, err := proto.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	id, bot, person := p.random.messageID(), p.account.lid.String(), to.Sender.ToNonAD()
	botSecret := hkdfutil.SHA256(secret, nil, []byte(whatsmeow.EncSecretBotMsg), 32)
	key := hkdfutil.SHA256(botSecret, nil, []byte(id+person.String()+bot), 32)
	iv := p.random.bytes(12)
	sealed, err := gcmutil.Encrypt(key, iv, plain, fmt.Appendf(nil, "%s\x00%s", id, bot))
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	payload, err := proto.Marshal(&waE2E.MessageSecretMessage{Version: proto.Int32(1), EncIV: iv, EncPayload: sealed})
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	target := p.net.find(person)
	if target == nil {
		return "", fmt.Errorf("sandbox: %w: %s", ErrNoAccount, person)
	}
	node := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"from": p.account.lid, "id": id, "type": "text", "t": p.net.unixNow(), "notify": p.account.pushName,
	}, Content: []waBinary.Node{
		{Tag: "bot", Attrs: waBinary.Attrs{"edit": "full"}},
		{Tag: "meta", Attrs: waBinary.Attrs{"target_id": to.ID, "target_sender_jid": target.lid}},
		{Tag: "enc", Attrs: waBinary.Attrs{"v": "2", "type": "msmsg"}, Content: payload},
	}}
	for _, d := range target.otherDevices(target.phone.device) {
		p.net.deliver(d, node)
	}
	return id, nil
}
