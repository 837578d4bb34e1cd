package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/chats"
	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/inbound/projection"
	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// maxTries bounds the attempts at one blob: WhatsApp deletes blobs after a while.
const maxTries = 5

// batchSize is the number of old messages stored in one transaction; live traffic waits for at most one batch.
const batchSize = 200

// Conn has the methods of a session that reading its history uses.
type Conn interface {
	// Context ends when the bridge is closed.
	Context() context.Context
	// Spawn runs fn in a goroutine that the end of the bridge waits for.
	Spawn(fn func()) bool
	// Enter registers work that stores data of the session; a deleted session admits none.
	Enter() (leave func(), err error)
	// Deleted reports whether the session is deleted.
	Deleted() bool
	// EventSettings returns the settings that apply to events.
	EventSettings() inbound.Settings
	// SetHistoryProgress stores the latest chunk for the session's status.
	SetHistoryProgress(p Progress)
}

// Shared has what reading the histories of all sessions shares.
type Shared struct {
	DB         *dbutil.Database
	Pointers   *Pointers
	Requests   *Requests
	Projection *projection.Writer
	Workers    *semaphore.Weighted // limits the blobs that are read concurrently
	// Timeout bounds the wait for an answer of the phone, and between two chunks of it.
	Timeout time.Duration
	// MaxRequests bounds the requests of a session that wait for an answer.
	MaxRequests int
}

// Progress is the state of the history sync after a pairing. It is kept in memory and is empty when a process starts.
type Progress struct {
	SyncType   string    // of the latest chunk
	Progress   int       // percent of its type, as the phone states it
	ChunkOrder int       // number of the chunk within its type
	At         time.Time // time at which the chunk was stored
}

// Service reads the history blobs of one session.
type Service struct {
	conn   Conn
	id     string // of the session
	owner  string // key of the session's data
	shared *Shared
	events *inbound.Service
	chats  *chats.Service
	log    func() *slog.Logger

	mu      sync.Mutex
	reading bool // a goroutine is reading blobs
	more    bool // the goroutine must check for more blobs when it is done
}

// NewService returns the reader of the history of a session by its id and the key of its data.
func NewService(conn Conn, id, owner string, shared *Shared, events *inbound.Service, chats *chats.Service, log func() *slog.Logger) *Service {
	return &Service{conn: conn, id: id, owner: owner, shared: shared, events: events, chats: chats, log: log}
}

// Fetch wakes the goroutine that reads the session's blobs, and starts it if it is not running. It does not block and
// calls no method of the session that does.
func (s *Service) Fetch(cli *whatsmeow.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.more = true
	if s.reading {
		return
	}
	s.reading = s.conn.Spawn(func() {
		for s.takeRequest() {
			if err := s.readPending(cli); err != nil && s.conn.Context().Err() == nil {
				s.log().Warn("history could not be read; the next connection tries again", "error", err)
			}
		}
	})
}

// takeRequest consumes a request to read blobs. It returns false, and marks the goroutine as ended, if there is none.
func (s *Service) takeRequest() bool {
	deleted := s.conn.Deleted()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = s.more && !deleted
	s.more = false
	return s.reading
}

// readPending reads the pending blobs one by one until none is left or one fails.
func (s *Service) readPending(cli *whatsmeow.Client) error {
	ctx := s.conn.Context()
	for {
		pending, err := s.shared.Pointers.next(ctx, s.id)
		if err != nil || pending == nil {
			return err
		}
		if err = s.shared.Workers.Acquire(ctx, 1); err != nil {
			return err
		}
		err = s.readBlob(ctx, cli, pending)
		s.shared.Workers.Release(1)
		if err == nil {
			continue
		}
		if pending.tries+1 >= maxTries {
			return errors.Join(err, s.giveUp(ctx, pending))
		}
		return errors.Join(err, s.shared.Pointers.countTry(ctx, s.id, pending.messageID))
	}
}

// readBlob reads one blob.
func (s *Service) readBlob(ctx context.Context, cli *whatsmeow.Client, pending *pointer) error {
	leave, err := s.conn.Enter()
	if err != nil {
		return err
	}
	defer leave()
	var notice waE2E.HistorySyncNotification
	if err := proto.Unmarshal(pending.notice, &notice); err != nil {
		return fmt.Errorf("read notice: %w", err)
	}
	var blob *waHistorySync.HistorySync
	stored := 0
	err = wa.CatchPanic("read history", func() (err error) {
		if blob, err = cli.DownloadHistorySync(ctx, &notice, true); err == nil {
			stored, err = s.StoreBlob(ctx, cli, blob)
		}
		return err
	})
	wa.LogPanic(s.log(), err)
	if err != nil {
		return err
	}
	filter := s.conn.EventSettings().Filter
	if err := s.chats.StoreConversations(ctx, blob, func(chat types.JID) bool { return filter.Excludes(chat, false) }); err != nil {
		return err
	}
	s.conn.SetHistoryProgress(Progress{
		SyncType: blob.GetSyncType().String(), Progress: int(blob.GetProgress()), ChunkOrder: int(blob.GetChunkOrder()), At: time.Now().UTC(),
	})
	answer, err := s.answerOf(ctx, pending.messageID, &notice, blob.GetSyncType(), blob.GetProgress())
	if err != nil {
		return err
	}
	t := s.events.New(ctx, cli)
	err = t.Emit("HistorySync", time.Time{}, "history|"+pending.messageID, nil, naming.Fields{
		"sync_type": blob.GetSyncType().String(), "progress": blob.GetProgress(), "chunk_order": blob.GetChunkOrder(),
		"conversation_count": len(blob.GetConversations()), "message_count": stored, "push_name_count": len(blob.GetPushnames()),
		"request_id": wa.OrNull(inbound.HistoryRequest(&notice)), "status_count": len(blob.GetStatusV3Messages()),
	})
	if err == nil {
		err = s.addChunk(t, answer, counts{
			chunks: 1, conversations: len(blob.GetConversations()), messages: stored, pushNames: len(blob.GetPushnames()), statuses: len(blob.GetStatusV3Messages()),
		})
	}
	if err != nil {
		return err
	}
	results, err := t.AppendOnce()
	if err != nil {
		return err
	}
	// The pointer is deleted last: an event that is written twice is dropped by its key.
	if err = s.shared.Pointers.drop(ctx, s.id, pending.messageID); err != nil {
		return err
	}
	if notice.GetInitialHistBootstrapInlinePayload() == nil && len(results) > 0 && !results[0].Duplicate {
		if err := cli.DeleteMedia(ctx, whatsmeow.MediaHistory, notice.GetDirectPath(), notice.GetFileEncSHA256(), notice.GetEncHandle()); err != nil {
			s.log().Debug("a history blob could not be deleted from WhatsApp", "error", err)
		}
	}
	return nil
}

// StoreBlob passes the messages of a blob to the message store in batches and returns their number.
func (s *Service) StoreBlob(ctx context.Context, cli *whatsmeow.Client, blob *waHistorySync.HistorySync) (int, error) {
	if err := s.chats.StoreTimers(ctx, blob); err != nil {
		return 0, err
	}
	count := 0
	batch := make([]*projection.Message, 0, batchSize)
	flush := func() error {
		if len(batch) == 0 {
			batch = batch[:0]
			return nil
		}
		// Chats have the same order in all blobs; the messages of a chat keep the order of the blob.
		slices.SortStableFunc(batch, func(a, b *projection.Message) int { return cmp.Compare(a.Info.Chat.String(), b.Info.Chat.String()) })
		err := database.Transact(ctx, s.shared.DB, func(ctx context.Context) error {
			for _, m := range batch {
				if err := s.shared.Projection.WriteMessage(ctx, s.owner, m); err != nil {
					return err
				}
			}
			return nil
		})
		batch = batch[:0]
		return err
	}
	for _, conversation := range blob.GetConversations() {
		chat, err := types.ParseJID(conversation.GetID())
		if err != nil {
			continue
		}
		for _, item := range conversation.GetMessages() {
			var m *projection.Message
			err := wa.CatchPanic("old message", func() (err error) {
				m, err = s.events.DescribeOld(ctx, cli, chat, item)
				return err
			})
			var broken *wa.PanicError
			switch {
			case errors.As(err, &broken): // one malformed message must not block the others
				wa.LogPanic(s.log(), err)
				continue
			case err != nil:
				return count, err
			case m == nil:
				continue
			}
			count++
			if batch = append(batch, m); len(batch) == batchSize {
				if err = flush(); err != nil {
					return count, err
				}
			}
		}
	}
	return count, flush()
}
