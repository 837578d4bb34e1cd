package history

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/store"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/groups"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/people"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/journal"
	"github.com/waystation/waystation/transports/kit/database"
)

var (
	at    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	group = "120363000000000001@g.us"
)

// world is a session without a connection whose history is read.
type world struct {
	*conntest.Conn
	t        *testing.T
	own      *dbutil.Database
	request  string // that blobs answer
	pointers *Pointers
	requests *Requests
	history  *Service
	cli      *whatsmeow.Client
	settings inbound.Settings
	deleted  bool
	progress []Progress
	started  []func() // goroutines
	records  []journal.Record
	refused  error // by the journal
}

// eventsConn is the session for the translation of events.
type eventsConn struct {
	inbound.Conn // methods that history does not use
	w            *world
}

func (c eventsConn) EventSettings() inbound.Settings { return c.w.settings }

func (c eventsConn) Paired(ctx context.Context) (*store.Device, error) { return c.w.Conn.Paired(ctx) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, Conn: conntest.NewConn(t), request: "R1"}
	var err error
	if w.own, err = database.Migrate(t.Context(), w.DB, "bridge", os.DirFS("../../migrations")); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"session", "other"} {
		if _, err = w.own.Exec(t.Context(), `INSERT INTO bridge_sessions (id, name, settings, created_at, updated_at) VALUES ($1, $1, '{}', 1, 1)`, id); err != nil {
			t.Fatal(err)
		}
	}
	w.pointers, w.requests, w.cli = NewPointers(w.own), NewRequests(w.own), whatsmeow.NewClient(w.Keys, nil)
	writer := projection.NewWriter(w.Messages, nil)
	known := contacts.NewService(w, conntest.Owner, w.Pairs, w.DB, nil, conntest.NewLog)
	joined := groups.NewService(w, conntest.Owner, w.Pairs, conntest.NewLog)
	stored := chats.NewService(w, conntest.Owner, w.Messages, known, joined, nil, conntest.NewLog)
	events := inbound.NewService(eventsConn{w: w}, "session", conntest.Owner, &inbound.Shared{
		Journal: w, Keys: people.NewKeys(w.own), Directory: w.Pairs, Messages: w.Messages, Projection: writer, DataLimit: 1 << 20,
	}, conntest.NewLog)
	w.history = NewService(w, "session", conntest.Owner, &Shared{
		DB: w.own, Pointers: w.pointers, Requests: w.requests, Projection: writer, Workers: semaphore.NewWeighted(1), Timeout: time.Minute, MaxRequests: 2,
	}, events, stored, conntest.NewLog)
	return w
}

func (w *world) EventSettings() inbound.Settings { return w.settings }

func (w *world) Deleted() bool { return w.deleted }

func (w *world) SetHistoryProgress(p Progress) { w.progress = append(w.progress, p) }

// Spawn keeps fn, so that a test runs it.
func (w *world) Spawn(fn func()) bool {
	w.started = append(w.started, fn)
	return true
}

func (w *world) Enter() (leave func(), err error) {
	if w.deleted {
		return nil, wa.NewError(wa.ReasonNotFound, "there is no such session")
	}
	return func() {}, nil
}

// Append implements inbound.Journal.
func (w *world) Append(_ context.Context, _ string, records ...journal.Record) ([]journal.Result, error) {
	if w.refused != nil {
		return nil, w.refused
	}
	results := make([]journal.Result, len(records))
	for i, r := range records {
		results[i].Duplicate = slices.ContainsFunc(w.records, func(o journal.Record) bool { return o.Key == r.Key })
	}
	for i := range records {
		if project := records[i].Project; project != nil && !results[i].Duplicate {
			if err := project(w.t.Context()); err != nil {
				return nil, err
			}
		}
	}
	w.records = append(w.records, records...)
	return results, nil
}

func (w *world) Signal(journal.Signal) {}

// announce stores the pointer to a blob that is part of its notice.
func (w *world) announce(id string, blob *waHistorySync.HistorySync) {
	w.t.Helper()
	if blob.SyncType == nil {
		blob.SyncType = waHistorySync.HistorySync_RECENT.Enum()
	}
	raw, err := proto.Marshal(blob)
	if err != nil {
		w.t.Fatal(err)
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err = z.Write(raw); err == nil {
		err = z.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.announceNotice(id, &waE2E.HistorySyncNotification{
		InitialHistBootstrapInlinePayload: packed.Bytes(), PeerDataRequestSessionID: proto.String(w.request), SyncType: waE2E.HistorySyncType(blob.GetSyncType()).Enum(),
	})
}

func (w *world) announceNotice(id string, notice *waE2E.HistorySyncNotification) {
	w.t.Helper()
	raw, err := proto.Marshal(notice)
	if err == nil {
		err = w.pointers.Add(w.t.Context(), "session", id, raw)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// read wakes the reader and runs its goroutine, if it starts one.
func (w *world) read() {
	w.t.Helper()
	w.history.Fetch(w.cli)
	for _, fn := range w.started {
		fn()
	}
	w.started = nil
}

// pending returns the pointer that is read next.
func (w *world) pending() *pointer {
	w.t.Helper()
	p, err := w.pointers.next(w.t.Context(), "session")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) stored(chat, id string) *messages.Row {
	w.t.Helper()
	row, err := w.Messages.Message(w.t.Context(), conntest.Owner, messages.Address{JID: chat}, id)
	if err != nil && !errors.Is(err, messages.ErrNotFound) {
		w.t.Fatal(err)
	}
	return row
}

// oldMessage returns a message of a blob.
func oldMessage(chat, id, text string, content *waE2E.Message) *waHistorySync.HistorySyncMsg {
	if content == nil {
		content = &waE2E.Message{Conversation: &text}
	}
	return &waHistorySync.HistorySyncMsg{Message: &waWeb.WebMessageInfo{
		Key: &waCommon.MessageKey{RemoteJID: &chat, ID: &id, FromMe: proto.Bool(false), Participant: proto.String(conntest.Bob.String())}, Message: content,
		MessageTimestamp: proto.Uint64(uint64(at.Unix())), PushName: proto.String("Ada"),
	}}
}

func conversation(chat string, items ...*waHistorySync.HistorySyncMsg) *waHistorySync.Conversation {
	return &waHistorySync.Conversation{ID: &chat, Messages: items}
}

// TestBlobIsStored reads a blob: messages and chats are stored, the event states the numbers, and the pointer is gone.
func TestBlobIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := conntest.Ada.String()
	named := conversation(group, oldMessage(group, "G1", "in the group", nil))
	named.Name = proto.String("Team")
	w.announce("H1", &waHistorySync.HistorySync{
		SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(), Progress: proto.Uint32(40), ChunkOrder: proto.Uint32(2),
		Conversations: []*waHistorySync.Conversation{
			named,
			conversation(ada, oldMessage(ada, "M1", "old", nil), oldMessage(ada, "M2", "older", nil), &waHistorySync.HistorySyncMsg{},
				oldMessage(ada, "K1", "", &waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}})),
			conversation("1:abc@s.whatsapp.net", oldMessage("x", "M3", "lost", nil)),
		},
	})
	w.read()
	if w.pending() != nil {
		t.Error("the pointer is still there")
	}
	for _, c := range []struct{ chat, id, text string }{{ada, "M1", "old"}, {ada, "M2", "older"}, {group, "G1", "in the group"}} {
		if row := w.stored(c.chat, c.id); row == nil || row.Text != c.text || row.Unread || !row.Time.Equal(at) {
			t.Errorf("%s in %s: %+v", c.id, c.chat, row)
		}
	}
	if w.stored(ada, "K1") != nil {
		t.Error("keys are stored as a message")
	}
	chat, err := w.Messages.Chat(t.Context(), conntest.Owner, messages.Address{JID: group})
	if err != nil || chat.Name != "Team" {
		t.Errorf("the group: %+v, %v", chat, err)
	}
	if len(w.records) != 1 || w.records[0].Type != "HistorySync" || w.records[0].Key != "history|H1" {
		t.Fatalf("events: %+v", w.records)
	}
	var data map[string]any
	if err := json.Unmarshal(w.records[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"sync_type": "INITIAL_BOOTSTRAP", "progress": 40.0, "chunk_order": 2.0, "conversation_count": 3.0, "message_count": 3.0,
		"push_name_count": 0.0, "request_id": "R1", "status_count": 0.0,
	} {
		if data[name] != want {
			t.Errorf("%s is %v, want %v", name, data[name], want)
		}
	}
	if len(w.progress) != 1 || w.progress[0].SyncType != "INITIAL_BOOTSTRAP" || w.progress[0].Progress != 40 || w.progress[0].ChunkOrder != 2 || w.progress[0].At.IsZero() {
		t.Errorf("progress: %+v", w.progress)
	}
}

// TestLargeBlob checks a chat with more messages than one transaction stores.
func TestLargeBlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := conntest.Ada.String()
	var items []*waHistorySync.HistorySyncMsg
	for i := range batchSize + 50 {
		items = append(items, oldMessage(ada, "M"+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10)), "text", nil))
	}
	count, err := w.history.StoreBlob(t.Context(), w.cli, &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{conversation(ada, items...)}})
	if err != nil || count != batchSize+50 || w.stored(ada, "M000") == nil || w.stored(ada, "M249") == nil {
		t.Errorf("%d messages, %v", count, err)
	}
}

// TestFilteredHistory checks that the message filters apply to history.
func TestFilteredHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settings.Filter.Groups = true
	ada := conntest.Ada.String()
	w.announce("H1", &waHistorySync.HistorySync{
		SyncType:      waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum(),
		Conversations: []*waHistorySync.Conversation{conversation(group, oldMessage(group, "G1", "no", nil)), conversation(ada, oldMessage(ada, "M1", "yes", nil))},
	})
	w.read()
	if w.stored(group, "G1") != nil || w.stored(ada, "M1") == nil {
		t.Error("the filter did not apply")
	}
	if _, err := w.Messages.Chat(t.Context(), conntest.Owner, messages.Address{JID: group}); !errors.Is(err, messages.ErrNotFound) {
		t.Errorf("the filtered chat: %v", err)
	}
}

// TestUnreadableBlobIsGivenUp checks the number of attempts at a blob, one for each wake-up, and that other blobs are
// read before it is tried again.
func TestUnreadableBlobIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.announceNotice("bad", &waE2E.HistorySyncNotification{InitialHistBootstrapInlinePayload: []byte("no zlib")})
	for try := 1; try < maxTries; try++ {
		w.read()
		if p := w.pending(); p == nil || p.tries != try {
			t.Fatalf("after attempt %d: %+v", try, p)
		}
	}
	w.announce("good", &waHistorySync.HistorySync{})
	if p := w.pending(); p.messageID != "good" {
		t.Errorf("%s is read first", p.messageID)
	}
	w.read()
	if p := w.pending(); p != nil {
		t.Errorf("after attempt %d: %+v", maxTries, p)
	}
	if len(w.records) != 1 || w.records[0].Key != "history|good" {
		t.Errorf("events: %+v", w.records)
	}
}

// TestBlobIsReadAgain checks that a blob whose event could not be recorded is read again, and that its messages are
// stored once.
func TestBlobIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := conntest.Ada.String()
	w.announce("H1", &waHistorySync.HistorySync{Conversations: []*waHistorySync.Conversation{conversation(ada, oldMessage(ada, "M1", "old", nil))}})
	w.refused = errors.New("the journal refuses")
	w.read()
	if p := w.pending(); p == nil || p.tries != 1 || len(w.records) != 0 {
		t.Fatalf("after the failure: %+v, %d events", p, len(w.records))
	}
	w.refused = nil
	w.read()
	if w.pending() != nil || len(w.records) != 1 {
		t.Errorf("after the second attempt: %d events", len(w.records))
	}
	rows, _, err := w.Messages.List(t.Context(), conntest.Owner, messages.ListQuery{Chat: messages.Address{JID: ada}, Limit: 10})
	if err != nil || len(rows) != 1 {
		t.Errorf("%d messages, %v", len(rows), err)
	}
}

// TestDeletedSessionReadsNothing checks that the history of a deleted session stays unread.
func TestDeletedSessionReadsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.announce("H1", &waHistorySync.HistorySync{})
	w.deleted = true
	w.read()
	if p := w.pending(); p == nil || p.tries != 0 || len(w.records) != 0 {
		t.Errorf("pointer %+v, %d events", p, len(w.records))
	}
	if err := w.history.readPending(w.cli); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("reading: %v", err)
	}
	w.deleted = false
	w.read()
	if w.pending() != nil {
		t.Error("the history stays unread after a deletion that failed")
	}
}

// TestOneReaderAtATime checks that wake-ups during reading start no second goroutine, and are not lost.
func TestOneReaderAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.history.Fetch(w.cli)
	w.history.Fetch(w.cli)
	if len(w.started) != 1 {
		t.Fatalf("%d goroutines", len(w.started))
	}
	if !w.history.takeRequest() {
		t.Fatal("the request is lost")
	}
	w.history.Fetch(w.cli) // while the goroutine reads
	if len(w.started) != 1 || !w.history.takeRequest() || w.history.takeRequest() {
		t.Errorf("%d goroutines, or the second request is lost", len(w.started))
	}
	w.history.Fetch(w.cli)
	if len(w.started) != 2 {
		t.Errorf("%d goroutines after the first has ended", len(w.started))
	}
}

// TestPointers checks the stored pointers of several sessions.
func TestPointers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.pointers.Add(ctx, "session", "H1", []byte("one")))
	must(w.pointers.Add(ctx, "session", "H1", []byte("two"))) // delivered again
	must(w.pointers.Add(ctx, "session", "H2", []byte("three")))
	must(w.pointers.Add(ctx, "other", "H3", []byte("four")))
	if p := w.pending(); p.messageID != "H1" || string(p.notice) != "one" || p.tries != 0 {
		t.Errorf("first: %+v", p)
	}
	must(w.pointers.countTry(ctx, "session", "H1"))
	if p := w.pending(); p.messageID != "H2" {
		t.Errorf("after a failed attempt: %+v", p)
	}
	must(w.pointers.drop(ctx, "session", "H2"))
	if p := w.pending(); p.messageID != "H1" || p.tries != 1 {
		t.Errorf("after the second is read: %+v", p)
	}
	must(w.pointers.DropAll(ctx, "session"))
	if p := w.pending(); p != nil {
		t.Errorf("after all were dropped: %+v", p)
	}
	if p, err := w.pointers.next(ctx, "other"); err != nil || p == nil || p.messageID != "H3" {
		t.Errorf("of another session: %+v, %v", p, err)
	}
}
