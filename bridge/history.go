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

// The phone sends history as blobs and a message that points at each. The
// pointer is stored before it is acknowledged, the blob is fetched beside the
// live traffic, and the pointer goes when its messages are stored: a process
// that dies in between fetches the blob again.

// maxHistoryTries bounds the attempts at one blob: WhatsApp deletes them after
// a while.
const maxHistoryTries = 5

// historyBatch is how many old messages are stored in one transaction; live
// traffic waits for no more than one of them.
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

// fetchHistory has the one goroutine that works off the session's blobs look
// for more, and starts it when there is none. The caller holds s.mu.
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

// historyWanted takes the wish for another look, or ends the goroutine.
func (s *Session) historyWanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readingHistory = s.moreHistory && !s.deleted
	s.moreHistory = false
	return s.readingHistory
}

// fetchPending reads one blob after the other until none is left or one fails.
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
	// The pointer goes last: an event that was written twice is dropped by its key.
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

// storeHistory hands the messages of a blob to the message store, in batches,
// and counts them.
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
		// One order of the chats for all blobs, the messages of each in the order of the blob.
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
			case errors.As(err, &broken): // one bad message must not keep the rest away
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

// oldMessage prepares one message of a blob; nil for what is no message or
// cannot be read.
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

// HistoryProgress is the state of the history sync that follows a pairing. It is kept in memory and starts empty with each process.
type HistoryProgress struct {
	SyncType   string    // of the latest chunk
	Progress   int       // percent of its type, as the phone states it
	ChunkOrder int       // number of the chunk within its type
	At         time.Time // when it was stored
}

// noteHistory remembers the latest chunk for the session's status.
func (s *Session) noteHistory(blob *waHistorySync.HistorySync) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = HistoryProgress{
		SyncType: blob.GetSyncType().String(), Progress: int(blob.GetProgress()), ChunkOrder: int(blob.GetChunkOrder()), At: time.Now().UTC(),
	}
	s.wakeWaiters()
}
