package sandbox

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"
)

const (
	// autoReplyWindow is the period to which Options.AutoReplies applies.
	autoReplyWindow = time.Minute
	// autoReplyRepeats is how many messages in a row may repeat the phone's own last automatic reply, as the messages of a program that answers
	// every message do, before the phone stops answering the chat. A pause of autoReplyWindow or another text resets it.
	autoReplyRepeats = 25
	// autoReplyChats bounds the chats whose automatic replies are counted; beyond it all counts restart at 0.
	autoReplyChats = 4096
)

// replyCount counts the automatic replies of one phone in one chat. Guarded by Phone.mu.
type replyCount struct {
	windowStart time.Time
	inWindow    int
	lastAt      time.Time
	lastText    string
	repeats     int // consecutive messages that repeated lastText
}

// AutoReply answers every received message with the content that reply returns; nil content sends no answer, and a nil function ends automatic replies.
// Echo is a ready function. Three rules end loops: a message that a phone sent automatically is never answered, a chat gets at most Options.AutoReplies
// answers a minute, and a counterpart that keeps repeating the phone's own answers gets 25 of them. reply runs in the phone's worker and must not wait
// for the phone.
func (p *Phone) AutoReply(reply func(Received) Content) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.autoReply = reply
	p.replies = nil
}

// sendAutoReply sends the automatic reply to a message, if the phone has one and the limits against loops allow it.
func (p *Phone) sendAutoReply(r Received) {
	p.mu.Lock()
	reply := p.autoReply
	p.mu.Unlock()
	if reply == nil || r.FromMe || r.Chat.Server == types.BroadcastServer || p.net.isAutomatic(r.ID) {
		return
	}
	answer := reply(r)
	if answer == nil {
		return
	}
	if !p.mayAutoReply(r, Received{Message: answer}.Text()) {
		p.net.log.Warn("automatic reply suppressed: the chat reached its limit", "chat", r.Chat.String())
		return
	}
	id := p.random.messageID()
	p.net.markAutomatic(id)
	if _, err := p.SendMessage(context.Background(), r.Chat, id, answer); err != nil {
		p.net.log.Warn("automatic reply not sent", "error", err)
	}
}

// mayAutoReply counts an automatic reply with the given text and reports whether the chat's limits allow it.
func (p *Phone) mayAutoReply(r Received, text string) bool {
	now := p.net.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replies == nil || len(p.replies) >= autoReplyChats {
		p.replies = map[types.JID]*replyCount{}
	}
	count := p.replies[r.Chat]
	if count == nil {
		count = &replyCount{windowStart: now}
		p.replies[r.Chat] = count
	}
	if now.Sub(count.windowStart) >= autoReplyWindow {
		count.windowStart, count.inWindow = now, 0
	}
	if count.lastText != "" && strings.Contains(r.Text(), count.lastText) && now.Sub(count.lastAt) < autoReplyWindow {
		count.repeats++
	} else {
		count.repeats = 0
	}
	count.lastAt = now
	if count.repeats >= autoReplyRepeats || count.inWindow >= p.net.options.AutoReplies {
		return false
	}
	count.inWindow++
	count.lastText = text
	return true
}

// markAutomatic remembers the id of an automatic reply. The latest 4096 are kept.
func (n *Network) markAutomatic(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.automatic.add(id)
}

// isAutomatic reports whether the message is an automatic reply.
func (n *Network) isAutomatic(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.automatic.has(id)
}
