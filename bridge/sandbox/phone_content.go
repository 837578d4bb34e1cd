package sandbox

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// Content is what a phone can send: a waE2E.Message made by one of the functions below, or one of your own.
type Content = *waE2E.Message

// secretKey names the message whose secret is needed to vote in its poll.
type secretKey struct {
	chat types.JID
	id   string
}

func (p *Phone) noteSecret(Received) {}

func (p *Phone) react(r Received) {
	p.mu.Lock()
	reply := p.autoReply
	p.mu.Unlock()
	if reply == nil || r.FromMe {
		return
	}
	if answer := reply(r); answer != nil {
		if _, err := p.SendMessage(context.Background(), r.Chat, "", answer); err != nil {
			p.net.log.Warn("automatic reply not sent", "error", err)
		}
	}
}

func (p *Phone) tokenFor(types.JID) []byte { return nil }
