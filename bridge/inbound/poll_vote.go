package inbound

import (
	"crypto/sha256"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

// readVote decrypts a vote and adds the chosen answers to the data. A vote in a poll that is not stored stays
// encrypted.
func (t *Translation) readVote(evt *events.Message, data *message.EventData) {
	if evt.Message.GetPollUpdateMessage() == nil || data.Target == nil {
		return
	}
	var vote *waE2E.PollVoteMessage
	err := wa.CatchPanic("decrypt a vote", func() (err error) { vote, err = t.cli.DecryptPollVote(t.ctx, evt); return err })
	if err != nil {
		wa.LogPanic(t.service.log(), err)
		t.service.log().Debug("a vote could not be decrypted", "error", err)
		return
	}
	chat := messages.Address{JID: data.Chat, Alt: wa.OtherAddress(data.Chat, data.ChatPN, data.ChatLID)}
	row, err := t.service.shared.Messages.Message(t.ctx, t.service.owner, chat, data.Target.MessageID)
	if err != nil {
		return
	}
	poll, err := message.FromRow(row, false)
	if err != nil || poll.Poll == nil {
		return
	}
	data.Target.Options = []string{}
	for _, option := range poll.Poll.Options {
		hash := sha256.Sum256([]byte(option.Text))
		for _, chosen := range vote.GetSelectedOptions() {
			if string(chosen) == string(hash[:]) {
				data.Target.Options = append(data.Target.Options, option.Text)
			}
		}
	}
}
