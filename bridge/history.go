package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/transports/kit/database"
)

// The phone sends history as blobs, each referred to by a message with a pointer. The pointer is stored before that
// message is acknowledged, the blob is fetched in parallel with live traffic, and the pointer is deleted once the
// blob's messages are stored: after a crash in between, the blob is fetched again.

// maxHistoryTries bounds the attempts at one blob: WhatsApp deletes blobs after a while.
const maxHistoryTries = 5

// historyBatch is the number of old messages stored in one transaction; live traffic waits for at most one batch.
const historyBatch = 200

// historyNotice stores the pointer to a blob.
func (t *translation) historyNotice(id types.MessageID, notice *waE2E.HistorySyncNotification) error {
	if t.settings.SkipHistorySync {
		return nil
	}
	raw, err := proto.Marshal(notice)
	if err != nil {
		return fmt.Errorf("encode history notice: %w", err)
	}
	if err = t.s.b.store.addHistory(t.ctx, t.s.id, id, raw); err != nil {
		return fmt.Errorf("store history notice: %w", err)
	}
	s, cli := t.s, t.cli
	t.after = append(t.after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fetchHistory(cli)
	})
	return nil
}

// fetchHistory wakes the goroutine that reads the session's blobs, and starts it if it is not running. The caller holds
// s.mu.
func (s *Session) fetchHistory(cli *whatsmeow.Client) {
	s.moreHistory = true
	if s.readingHistory || s.deleted {
		return
	}
	s.readingHistory = s.b.spawn(func() {
		for s.historyWanted() {
			if err := s.fetchPending(cli); err != nil && s.b.ctx.Err() == nil {
				s.log().Warn("history could not be read; the next connection tries again", "error", err)
			}
		}
	})
}

// historyWanted consumes a request to read blobs. It returns false, and marks the goroutine as ended, if there is none.
func (s *Session) historyWanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readingHistory = s.moreHistory && !s.deleted
	s.moreHistory = false
	return s.readingHistory
}

// fetchPending reads the pending blobs one by one until none is left or one fails.
func (s *Session) fetchPending(cli *whatsmeow.Client) error {
	ctx := s.b.ctx
	for {
		pending, err := s.b.store.nextHistory(ctx, s.id)
		if err != nil || pending == nil {
			return err
		}
		if err = s.b.history.Acquire(ctx, 1); err != nil {
			return err
		}
		err = s.readHistory(ctx, cli, pending)
		s.b.history.Release(1)
		if err == nil {
			continue
		}
		if pending.Tries+1 >= maxHistoryTries {
			s.log().Warn("a history blob is given up", "tries", maxHistoryTries)
			return errors.Join(err, s.b.store.dropHistory(ctx, s.id, pending.MessageID))
		}
		return errors.Join(err, s.b.store.triedHistory(ctx, s.id, pending.MessageID))
	}
}

func (s *Session) readHistory(ctx context.Context, cli *whatsmeow.Client, pending *pendingHistory) error {
	if !s.work.enter() {
		return wa.NewError(wa.ReasonNotFound, "the session is deleted")
	}
	defer s.work.leave()
	var notice waE2E.HistorySyncNotification
	if err := proto.Unmarshal(pending.Notice, &notice); err != nil {
		return fmt.Errorf("read notice: %w", err)
	}
	var blob *waHistorySync.HistorySync
	stored := 0
	err := wa.CatchPanic("read history", func() (err error) {
		if blob, err = cli.DownloadHistorySync(ctx, &notice, true); err == nil {
			stored, err = s.storeHistory(ctx, cli, blob)
		}
		return err
	})
	wa.LogPanic(s.log(), err)
	if err != nil {
		return err
	}
	settings := s.Settings()
	if err := s.Chats().StoreConversations(ctx, blob, func(chat types.JID) bool { return settings.skips(chat, false) }); err != nil {
		return err
	}
	s.noteHistory(blob)
	t := &translation{s: s, cli: cli, ctx: ctx, settings: s.Settings()}
	err = t.emit("HistorySync", time.Time{}, "history|"+pending.MessageID, nil, fields{
		"sync_type": blob.GetSyncType().String(), "progress": blob.GetProgress(), "chunk_order": blob.GetChunkOrder(),
		"conversation_count": len(blob.GetConversations()), "message_count": stored, "push_name_count": len(blob.GetPushnames()),
		"request_id": wa.OrNull(notice.GetPeerDataRequestSessionID()), "status_count": len(blob.GetStatusV3Messages()),
	})
	if err != nil {
		return err
	}
	results, err := s.b.journal.Append(ctx, s.id, t.records...)
	if err != nil {
		return err
	}
	// The pointer is deleted last: an event that is written twice is dropped by its key.
	if err = s.b.store.dropHistory(ctx, s.id, pending.MessageID); err != nil {
		return err
	}
	if notice.GetInitialHistBootstrapInlinePayload() == nil && len(results) > 0 && !results[len(results)-1].Duplicate {
		if err := cli.DeleteMedia(ctx, whatsmeow.MediaHistory, notice.GetDirectPath(), notice.GetFileEncSHA256(), notice.GetEncHandle()); err != nil {
			s.log().Debug("a history blob could not be deleted from WhatsApp", "error", err)
		}
	}
	return nil
}

// storeHistory passes the messages of a blob to the message store in batches and returns their number.
func (s *Session) storeHistory(ctx context.Context, cli *whatsmeow.Client, blob *waHistorySync.HistorySync) (int, error) {
	if err := s.Chats().StoreTimers(ctx, blob); err != nil {
		return 0, err
	}
	p := s.b.project.messages
	count := 0
	batch := make([]*ProjectedMessage, 0, historyBatch)
	flush := func() error {
		if p == nil || len(batch) == 0 {
			batch = batch[:0]
			return nil
		}
		// Chats have the same order in all blobs; the messages of a chat keep the order of the blob.
		slices.SortStableFunc(batch, func(a, b *ProjectedMessage) int { return cmp.Compare(a.Info.Chat.String(), b.Info.Chat.String()) })
		err := database.Transact(ctx, s.b.db, func(ctx context.Context) error {
			for _, m := range batch {
				if err := p.ProjectMessage(ctx, s.owner, m); err != nil {
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
			var m *ProjectedMessage
			err := wa.CatchPanic("old message", func() (err error) {
				m, err = s.oldMessage(ctx, cli, chat, item)
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
			if batch = append(batch, m); len(batch) == historyBatch {
				if err = flush(); err != nil {
					return count, err
				}
			}
		}
	}
	return count, flush()
}

// oldMessage prepares one message of a blob. It returns nil for items without a message and for unreadable messages.
func (s *Session) oldMessage(ctx context.Context, cli *whatsmeow.Client, chat types.JID, item *waHistorySync.HistorySyncMsg) (*ProjectedMessage, error) {
	if item.GetMessage().GetMessage() == nil {
		return nil, nil
	}
	evt, err := cli.ParseWebMessage(chat, item.GetMessage())
	if err != nil || evt.Message == nil {
		return nil, nil //nolint:nilerr // one bad message must not keep the rest away
	}
	t := &translation{s: s, cli: cli, ctx: ctx, settings: s.Settings()}
	if t.dropped(&evt.Info) || isPlumbing(evt.Message) {
		return nil, nil
	}
	data, _, _, err := t.messageData(evt)
	if err != nil {
		return nil, err
	}
	return &ProjectedMessage{Data: data, Content: evt.Message, Raw: evt.RawMessage, Info: &evt.Info, History: true}, nil
}

// HistoryProgress is the state of the history sync after a pairing. It is kept in memory and is empty when a process
// starts.
type HistoryProgress struct {
	SyncType   string    // of the latest chunk
	Progress   int       // percent of its type, as the phone states it
	ChunkOrder int       // number of the chunk within its type
	At         time.Time // time at which the chunk was stored
}

// noteHistory records the latest chunk for the session's status.
func (s *Session) noteHistory(blob *waHistorySync.HistorySync) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = HistoryProgress{
		SyncType: blob.GetSyncType().String(), Progress: int(blob.GetProgress()), ChunkOrder: int(blob.GetChunkOrder()), At: time.Now().UTC(),
	}
	s.wakeWaiters()
}
