package outbound

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/labels"
	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/guard"
)

// recorder is the part of a session that sending uses beside its connection. It stores messages like the bridge and
// keeps what becomes an event.
type recorder struct {
	stored *messages.Store

	mu       sync.Mutex
	quiet    bool // messages are no events
	pending  []Outgoing
	changes  []Outgoing
	statuses []MessageStatusData
	reach    Reachout
	next     Reachout // the answer of WhatsApp to RefreshReachout
	err      error    // error of RecordPending
}

func (r *recorder) Explain(err error) error { return err }

func (r *recorder) Addresses() (pn, lid types.JID) { return conntest.Own, types.EmptyJID }

func (r *recorder) PermitSend(context.Context) error { return nil }

func (r *recorder) Echoes(_ types.JID, asked *bool) bool {
	if asked != nil {
		return *asked
	}
	return !r.quiet
}

func (r *recorder) Reachout() Reachout {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reach
}

func (r *recorder) RefreshReachout(context.Context, *whatsmeow.Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reach = r.next
}

func (r *recorder) RecordPending(ctx context.Context, _ *whatsmeow.Client, out *Outgoing) (messages.Address, bool, error) {
	if r.err != nil {
		return messages.Address{}, false, r.err
	}
	raw, err := proto.Marshal(message.Innermost(out.Content))
	if err != nil {
		return messages.Address{}, false, err
	}
	m := &messages.Message{
		Chat: messages.Address{JID: out.To.String()}, ID: out.ID, Sender: messages.Address{JID: conntest.Own.String()}, FromMe: true,
		Time: time.Now(), Type: "text", Text: textOf(out.Content), Raw: raw, Status: messages.StatusPending, Recipients: out.Recipients, MediaID: out.MediaID,
	}
	stored, err := r.stored.Begin(ctx, conntest.Owner, m)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, *out)
	return m.Chat, stored, err
}

func (r *recorder) RecordChange(_ context.Context, _ *whatsmeow.Client, out *Outgoing, sentAt time.Time) error {
	if sentAt.IsZero() {
		return errors.New("a change without WhatsApp's time")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, *out)
	return nil
}

func (r *recorder) RecordStatus(ctx context.Context, out *Outgoing, _ messages.Address, status *MessageStatusData, project func(context.Context) error) error {
	r.mu.Lock()
	status.MessageID = out.ID
	r.statuses = append(r.statuses, *status)
	r.mu.Unlock()
	return project(ctx)
}

func textOf(m *waE2E.Message) string {
	if m.Conversation != nil {
		return m.GetConversation()
	}
	return m.GetExtendedTextMessage().GetText()
}

// offline is a session without a connection.
type offline struct {
	*conntest.Conn
	*recorder
}

// live is a session that is connected to a simulated WhatsApp.
type live struct {
	*conntest.LiveConn
	*recorder
}

// world is the service of a session.
type world struct {
	*Service
	*recorder
	t    *testing.T
	conn *conntest.Conn
	net  *conntest.LiveConn // nil = not connected
	acks int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	conn := conntest.NewConn(t)
	r := &recorder{stored: conn.Messages}
	return build(t, conn, r, offline{conn, r})
}

func connect(t *testing.T) *world {
	t.Helper()
	net := conntest.Connect(t)
	r := &recorder{stored: net.Messages}
	w := build(t, net.Conn, r, live{net, r})
	w.net = net
	return w
}

// session is what the services of the world see.
type session interface {
	Conn
	chats.Conn
	contacts.Conn
	groups.Conn
}

func build(t *testing.T, conn *conntest.Conn, r *recorder, s session) *world {
	t.Helper()
	outgoing, err := guard.New(guard.Config{})
	must(t, err)
	files, err := media.New(t.Context(), conn.DB, outgoing, media.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { _ = files.Close() })
	people := contacts.NewService(s, conntest.Owner, conn.Pairs, conn.DB, nil, conntest.NewLog)
	labeled, err := labels.Open(t.Context(), conn.DB, labels.Limits{})
	must(t, err)
	known := chats.NewService(s, conntest.Owner, conn.Messages, people, groups.NewService(s, conntest.Owner, conn.Pairs, conntest.NewLog), labeled, conntest.NewLog)
	w := &world{t: t, recorder: r, conn: conn}
	w.Service = NewService(Config{
		Conn: s, Owner: conntest.Owner, Stored: conn.Messages, Files: files, Chats: known, Log: conntest.NewLog,
		ObserveAck: func(time.Duration) { w.acks++ },
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err is an Error with this reason and field.
func refused(t *testing.T, err error, reason wa.Reason, field string) *wa.Error {
	t.Helper()
	var e *wa.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Field != field {
		t.Errorf("got %+v, want %s of %q", err, reason, field)
		return &wa.Error{}
	}
	return e
}

// text sends a text to Ada.
func (w *world) text(body string, o SendOptions) *Sent {
	w.t.Helper()
	sent, err := w.Send(w.net.Deadline(), conntest.Ada.String(), &message.Content{Type: message.TypeText, Text: body}, &o)
	must(w.t, err)
	return sent
}

// received waits until Ada has received a message of this id.
func (w *world) received(phone *sandbox.Phone, id string) sandbox.Received {
	w.t.Helper()
	got, err := phone.Await(w.net.Deadline(), func(r sandbox.Received) bool { return r.ID == id })
	must(w.t, err)
	return got
}

// save stores a message of a chat.
func (w *world) save(chat types.JID, id string, sender types.JID, content *waE2E.Message) {
	w.t.Helper()
	raw, err := proto.Marshal(content)
	must(w.t, err)
	must(w.t, w.conn.Messages.Save(w.t.Context(), conntest.Owner, &messages.Message{
		Chat: messages.Address{JID: chat.String()}, ID: id, Sender: messages.Address{JID: sender.String()}, FromMe: sender == conntest.Own,
		Time: time.Now(), Type: "text", Text: textOf(content), Raw: raw, Status: messages.StatusSent,
	}))
}

func hello(body string) *waE2E.Message { return &waE2E.Message{Conversation: &body} }
