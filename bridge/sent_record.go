package bridge

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
)

// RecordPending implements outbound.Recorder: it stores the message as pending together with its event.
func (c conn) RecordPending(ctx context.Context, cli *whatsmeow.Client, out *outbound.Outgoing) (address messages.Address, stored bool, err error) {
	s := c.session
	t := s.inbound.New(ctx, cli)
	data, chats, key, content, err := s.describeOutgoing(t, cli, out)
	if err != nil {
		return address, false, err
	}
	m := &projection.Message{Data: data, Content: content, Info: &types.MessageInfo{}}
	row, err := m.Row()
	if err != nil {
		return address, false, err
	}
	row.Status, row.Recipients, row.MediaID = messages.StatusPending, out.Recipients, out.MediaID
	if err := ctx.Err(); err != nil {
		return address, false, &wa.Error{Reason: wa.ReasonTimeout, Message: "the time ran out before the message left", Err: err}
	}
	begin := func(ctx context.Context) (err error) {
		stored, err = s.b.messages.Begin(ctx, s.owner, row)
		return err
	}
	if !out.Echo {
		if err := begin(ctx); err != nil {
			return address, false, wa.StorageError("the message could not be stored", err)
		}
		return row.Chat, stored, nil
	}
	if err := t.Emit("Message", data.Timestamp, key, chats, data); err != nil {
		return address, false, err
	}
	t.Last().Origin, t.Last().Project = originOfSent(out), begin
	last := t.Len() - 1
	if err := t.StoreFile(data, content, chats, key); err != nil {
		return address, false, err
	}
	results, err := t.AppendOnce()
	if err == nil && results[last].Duplicate {
		err = begin(ctx) // an earlier attempt has failed; its event exists already
	}
	if err != nil {
		return address, false, wa.StorageError("the message could not be stored", err)
	}
	t.Committed()
	return row.Chat, stored, nil
}

// originOfSent returns the origin of the events of a sent message.
func originOfSent(out *outbound.Outgoing) string {
	if out.Automatic {
		return journal.OriginAutomation
	}
	return journal.OriginAPI
}

// describeOutgoing builds the data of the event of an own message.
func (s *Session) describeOutgoing(t *inbound.Translation, cli *whatsmeow.Client, out *outbound.Outgoing) (*message.EventData, []string, string, *waE2E.Message, error) {
	device := cli.Store
	evt := &events.Message{RawMessage: out.Content, Info: types.MessageInfo{
		ID: out.ID, Timestamp: time.Now().UTC().Truncate(time.Second), PushName: s.Status().PushName,
		MessageSource: types.MessageSource{
			Chat: out.To, Sender: device.GetLID().ToNonAD(), SenderAlt: device.GetJID().ToNonAD(), IsFromMe: true,
			IsGroup: out.To.Server == types.GroupServer || out.To.Server == types.BroadcastServer,
		},
	}}
	if evt.Info.Sender.IsEmpty() {
		evt.Info.Sender, evt.Info.SenderAlt = evt.Info.SenderAlt, types.EmptyJID
	}
	evt.UnwrapRaw()
	if out.Shown != nil {
		if _, err := wa.ProtoJSON(out.Shown); err != nil { // replaces texts that a database cannot store, as Describe does in RawMessage
			return nil, nil, "", nil, err
		}
		evt.Message = out.Shown
	}
	data, chats, key, err := t.Describe(evt)
	if err != nil {
		return nil, nil, "", nil, err
	}
	data.AddAct(out.Act)
	pending := messages.StatusPending.String()
	data.FromAPI, data.Status = true, &pending
	data.EchoRequested = out.Asked || s.Settings().EchoToWuzapi
	return data, chats, key, evt.Message, nil
}

// RecordChange implements outbound.Recorder.
func (c conn) RecordChange(ctx context.Context, cli *whatsmeow.Client, out *outbound.Outgoing, sentAt time.Time) error {
	s := c.session
	t := s.inbound.New(ctx, cli)
	data, chats, key, inner, err := s.describeOutgoing(t, cli, out)
	if err != nil {
		return err
	}
	sent := messages.StatusSent.String()
	data.Status, data.Timestamp = &sent, sentAt.UTC()
	m := &projection.Message{Data: data, Content: inner, Info: &types.MessageInfo{}}
	project := func(ctx context.Context) error { return s.b.projection.WriteMessage(ctx, s.owner, m) }
	if !out.Echo {
		err = project(ctx)
	} else if err = t.Emit("Message", data.Timestamp, key, chats, data); err == nil {
		t.Last().Origin, t.Last().Project = originOfSent(out), project
		err = t.Append()
	}
	if err != nil {
		return &wa.Error{Reason: wa.ReasonStorage, Message: "it was sent, and that could not be recorded", Err: err, MessageID: out.ID}
	}
	return nil
}

// RecordStatus implements outbound.Recorder. Without an event, project runs alone.
func (c conn) RecordStatus(ctx context.Context, out *outbound.Outgoing, chat messages.Address, data *outbound.MessageStatusData, project func(context.Context) error) error {
	if !out.Echo {
		return project(ctx)
	}
	data.MessageID, data.Chat = out.ID, out.To.String()
	t := c.session.inbound.New(ctx, nil)
	chats := []string{data.Chat}
	if wa.IsPerson(out.To) {
		p, err := t.Person(jidsOf(chat)...)
		if err != nil {
			return err
		}
		chats = inbound.Addresses(p)
	}
	if err := t.Emit("MessageStatus", data.Timestamp, "", chats, data); err != nil {
		return err
	}
	t.Last().Origin, t.Last().Project = originOfSent(out), project
	return t.Append()
}

// jidsOf returns the addresses of a person in the store.
func jidsOf(a messages.Address) []types.JID {
	var jids []types.JID
	for _, text := range []string{a.JID, a.Alt} {
		if jid, err := types.ParseJID(text); err == nil && text != "" {
			jids = append(jids, jid)
		}
	}
	return jids
}
