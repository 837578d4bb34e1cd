package account

import (
	"context"
	"errors"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	// maxCallID bounds the id of a call; WhatsApp's have 32 characters.
	maxCallID = 128
	// maxCallText bounds the text sent after a rejection, in characters.
	maxCallText = 65536
)

// RejectedCall is a call that was rejected.
type RejectedCall struct {
	From      string  // the caller's full address
	MessageID *string // of the text sent afterwards; nil = none
}

// RejectCall rejects an incoming call and then sends text to the caller unless it is empty, under messageID if that is not empty. If only
// the text fails, the error says that the call was rejected.
func (s *Service) RejectCall(ctx context.Context, callID, from, text, messageID string) (*RejectedCall, error) {
	if callID == "" || len(callID) > maxCallID {
		return nil, wa.BadParam("call_id", "must have 1 to %d characters", maxCallID)
	}
	jid, err := wa.ParsePerson("from", from)
	if err != nil {
		return nil, err
	}
	if err := wa.CheckText("message", text, 0, maxCallText); err != nil {
		return nil, err
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if err := client.RejectCall(ctx, jid, callID); err != nil {
		return nil, wa.Wrap("reject the call", err)
	}
	rejected := &RejectedCall{From: jid.String()}
	if text == "" {
		return rejected, nil
	}
	id, err := s.conn.SendText(ctx, rejected.From, text, messageID)
	if err != nil {
		var failed *wa.Error
		if errors.As(err, &failed) {
			partial := *failed
			partial.Message = "the call was rejected, the text was not sent: " + failed.Message
			return nil, &partial
		}
		return nil, err
	}
	rejected.MessageID = &id
	return rejected, nil
}
