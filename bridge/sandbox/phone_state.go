package sandbox

import (
	"crypto/sha256"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"
)

// maxPins is the number of pinned messages of a chat; a further one replaces the oldest.
const maxPins = 3

// MessageState is a message as a phone shows it: with what later messages of the chat did to it.
type MessageState struct {
	Message Received
	Pinned  bool
	Kept    bool
	// Votes are the numbers of votes by the options of a poll, Responses those of answers to an event, Guests the people who come along.
	Votes     map[string]int
	Responses map[string]int
	Guests    int
	// Children are the pictures and videos of an album, in the order of arrival.
	Children []Received
	// Comments are the comments on the message, decrypted.
	Comments []Received
	// Position is the newest position of a live location.
	Position *waE2E.LiveLocationMessage
}

// MessageState returns a message of the phone with the effects of the later messages that the phone still has. Acts that WhatsApp's apps ignore have no
// effect: votes for unknown options, pins of unknown messages, and keeping a message that does not disappear.
func (p *Phone) MessageState(m Received) MessageState {
	s := MessageState{Message: m, Pinned: slices.Contains(p.Pinned(m.Chat), m.ID), Votes: map[string]int{}, Responses: map[string]int{}}
	votes, responses := map[types.JID][]string{}, map[types.JID]*waE2E.EventResponseMessage{}
	content := unwrapMessage(m.Message)
	for _, later := range p.messages.list() {
		if later.Chat != m.Chat {
			continue
		}
		act, by := unwrapMessage(later.Message), later.Sender.ToNonAD()
		switch {
		case act.GetKeepInChatMessage().GetKey().GetID() == m.ID && lifetime(m.Message) > 0:
			s.Kept = act.GetKeepInChatMessage().GetKeepType() == waE2E.KeepType_KEEP_FOR_ALL
		case act.GetPollUpdateMessage().GetPollCreationMessageKey().GetID() == m.ID:
			if chosen, err := p.Votes(m, later); err == nil && mayChoose(pollOf(content), len(chosen)) {
				votes[by] = chosen
			}
		case act.GetEncEventResponseMessage().GetEventCreationMessageKey().GetID() == m.ID:
			if answer := p.responseTo(m, later); answer != nil {
				responses[by] = answer
			}
		case act.GetEncCommentMessage().GetTargetMessageKey().GetID() == m.ID:
			if comment := p.commentOn(m, later); comment != nil {
				later.Message = comment
				s.Comments = append(s.Comments, later)
			}
		case isChild(later, m):
			s.Children = append(s.Children, later)
		case content.GetLiveLocationMessage() != nil && by == m.Sender.ToNonAD():
			if place := act.GetLiveLocationMessage(); place != nil && place.GetSequenceNumber() >= s.Position.GetSequenceNumber() {
				s.Position = place
			}
		}
	}
	for _, chosen := range votes {
		for _, option := range chosen {
			s.Votes[option]++
		}
	}
	for name, kind := range eventResponses {
		for _, answer := range responses {
			if answer.GetResponse() == kind {
				s.Responses[name]++
				s.Guests += int(answer.GetExtraGuestCount())
			}
		}
	}
	return s
}

// Pinned returns the ids of the pinned messages of a chat, the oldest pin first.
func (p *Phone) Pinned(chat types.JID) []string {
	type pin struct {
		id    string
		until time.Time
	}
	var pins []pin
	known := map[string]bool{}
	for _, m := range p.messages.list() {
		if m.Chat != chat {
			continue
		}
		act := unwrapMessage(m.Message)
		target := act.GetPinInChatMessage().GetKey().GetID()
		known[m.ID] = true
		if act.GetPinInChatMessage() == nil || !known[target] {
			continue
		}
		pins = slices.DeleteFunc(pins, func(p pin) bool { return p.id == target })
		if act.GetPinInChatMessage().GetType() == waE2E.PinInChatMessage_PIN_FOR_ALL {
			seconds := act.GetMessageContextInfo().GetMessageAddOnDurationInSecs()
			pins = append(pins, pin{target, m.Time.Add(time.Duration(seconds) * time.Second)})
			pins = pins[max(0, len(pins)-maxPins):]
		}
	}
	var ids []string
	for _, pin := range pins {
		if p.net.now().Before(pin.until) {
			ids = append(ids, pin.id)
		}
	}
	return ids
}

// lifetime returns the seconds after which a message disappears; 0 = it stays.
func lifetime(m *waE2E.Message) (seconds uint32) {
	m = unwrapMessage(m)
	for _, about := range []*waE2E.ContextInfo{
		m.GetExtendedTextMessage().GetContextInfo(), m.GetImageMessage().GetContextInfo(), m.GetVideoMessage().GetContextInfo(),
		m.GetAudioMessage().GetContextInfo(), m.GetDocumentMessage().GetContextInfo(), m.GetStickerMessage().GetContextInfo(),
		m.GetLocationMessage().GetContextInfo(), m.GetContactMessage().GetContextInfo(),
	} {
		seconds = max(seconds, about.GetExpiration())
	}
	return seconds
}

func mayChoose(poll *waE2E.PollCreationMessage, count int) bool {
	most := int(poll.GetSelectableOptionsCount())
	return most == 0 || count <= most
}

// isChild reports whether a message is a picture or video of an album of the same sender.
func isChild(m, album Received) bool {
	of := m.Message.GetMessageContextInfo().GetMessageAssociation()
	return of.GetAssociationType() == waE2E.MessageAssociation_MEDIA_ALBUM && of.GetParentMessageKey().GetID() == album.ID &&
		m.Sender.ToNonAD() == album.Sender.ToNonAD() && unwrapMessage(album.Message).GetAlbumMessage() != nil
}

// responseTo decrypts an answer to an event; nil if it cannot be read.
func (p *Phone) responseTo(event, m Received) *waE2E.EventResponseMessage {
	sealed := unwrapMessage(m.Message).GetEncEventResponseMessage()
	key, bound := answerKey(whatsmeow.EncSecretEventResponse, p.secretOf(event), event.ID, event.Sender, m.Sender)
	answer := &waE2E.EventResponseMessage{}
	if !unseal(key, bound, sealed.GetEncIV(), sealed.GetEncPayload(), answer) {
		return nil
	}
	return answer
}

// commentOn decrypts a comment on a message; nil if it cannot be read.
func (p *Phone) commentOn(of, m Received) *waE2E.Message {
	sealed := unwrapMessage(m.Message).GetEncCommentMessage()
	key, _ := answerKey(whatsmeow.EncSecretComment, p.secretOf(of), of.ID, of.Sender, m.Sender)
	comment := &waE2E.Message{}
	if !unseal(key, nil, sealed.GetEncIV(), sealed.GetEncPayload(), comment) {
		return nil
	}
	return comment
}

func unseal(key, bound, iv, sealed []byte, to proto.Message) bool {
	plain, err := gcmutil.Decrypt(key, iv, sealed, bound)
	return err == nil && proto.Unmarshal(plain, to) == nil
}

func pollOf(m *waE2E.Message) *waE2E.PollCreationMessage {
	for _, poll := range []*waE2E.PollCreationMessage{m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3()} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

// hashesOf returns the hashes by which votes name options.
func hashesOf(options []string) [][]byte {
	hashes := make([][]byte, len(options))
	for i, option := range options {
		hash := sha256.Sum256([]byte(option))
		hashes[i] = hash[:]
	}
	return hashes
}
