package outbound

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/signal"
	"github.com/waystation/waystation/bridge/wa"
)

// Transmit sends through whatsmeow; all sends of a session use it. If the keys of a device cannot be read, fetched or
// stored, whatsmeow sends the message to the other devices only, or to none; Transmit returns an error in this case,
// before anything has been sent.
func Transmit(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	if nodes := message.BusinessNodes(to, m); nodes != nil {
		extra.AdditionalNodes = &nodes
	}
	ctx, encryption, cancel := signal.NewEncryption(ctx)
	defer cancel()
	resp, err := cli.SendMessage(ctx, to, m, extra)
	if failed := encryption.Err(); failed != nil {
		return resp, failed
	}
	return resp, err
}

// transmit calls Transmit and reports the time until WhatsApp's acknowledgement to Config.ObserveAck.
func (s *Service) transmit(ctx context.Context, cli *whatsmeow.Client, to types.JID, m *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	began := time.Now()
	resp, err := Transmit(ctx, cli, to, m, extra)
	if err == nil && s.observeAck != nil {
		s.observeAck(time.Since(began))
	}
	return resp, err
}

// deliver stores a message as pending, sends it and records the outcome.
func (s *Service) deliver(ctx context.Context, cli *whatsmeow.Client, out *Outgoing) (*Sent, error) {
	if out.ID == "" {
		out.ID = cli.GenerateMessageID()
	}
	if err := s.mayReach(ctx, cli, out.To); err != nil {
		return nil, err
	}
	out.Recipients = s.countRecipients(ctx, out.To)
	address, stored, err := s.conn.RecordPending(ctx, cli, out)
	if err != nil {
		return nil, err
	}
	if !stored {
		// A receipt may meanwhile have shown that an earlier attempt was sent.
		if sent, err := s.sentBefore(ctx, out.To, out.ID); err != nil || sent != nil {
			return sent, err
		}
		return nil, &wa.Error{Reason: wa.ReasonConflict, Field: "message_id", Message: "a message of this id is there already", MessageID: out.ID}
	}
	resp, err := s.transmit(ctx, cli, out.To, out.Content, whatsmeow.SendRequestExtra{ID: out.ID, MediaHandle: out.Handle, Meta: out.Meta})
	// The outcome is recorded even if the caller has cancelled.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterSendTime)
	defer cancel()
	if err != nil {
		failure := wa.SendError(out.ID, err)
		if explained := (*wa.Error)(nil); errors.As(s.conn.Explain(failure), &explained) {
			failure = explained
		}
		failure = s.explainRefusedReachout(after, cli, out.To, failure)
		if !failure.OutcomeUnknown {
			if err := s.recordFailure(after, out, address, failure); err != nil {
				s.log().Error("the failure of a message could not be recorded", "error", err)
			}
		}
		return nil, failure
	}
	if err := s.recordAck(after, out, address, &resp); err != nil {
		return nil, &wa.Error{Reason: wa.ReasonStorage, Message: "the message went out, and that could not be recorded", Err: err, MessageID: out.ID}
	}
	row, err := s.stored.Message(after, s.owner, address, out.ID)
	if err != nil {
		return nil, wa.StorageError("the message went out, and could not be read back", err)
	}
	return sentOf(row)
}

// countRecipients returns the number of people that a message is sent to; 0 = not known.
func (s *Service) countRecipients(ctx context.Context, to types.JID) int {
	switch {
	case wa.IsPerson(to):
		return 1
	case to.Server != types.GroupServer:
		return 0
	}
	group, err := s.chats.FindGroup(ctx, to)
	if err != nil || group == nil {
		s.log().Debug("the number of recipients is not known", "error", err)
		return 0
	}
	return max(0, group.ParticipantCount-1)
}
