package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/inbound"
	"github.com/waystation/waystation/bridge/naming"
	"github.com/waystation/waystation/bridge/wa"
)

// Values of status in HistorySyncComplete.
const (
	statusComplete = "complete" // the phone sent its last chunk, and all are stored
	statusTimeout  = "timeout"  // the phone sent nothing more in time
	statusRefused  = "refused"  // the phone refuses the request
)

// progressComplete is the progress, in percent, of the last chunk of a kind.
const progressComplete = 100

// BeginRequest stores a request before it is sent, so that its completion, or the end of the wait for it, becomes an event.
func (s *Service) BeginRequest(ctx context.Context, request Request) error {
	most := s.shared.MaxRequests
	if request.Kind == KindPairing {
		most = math.MaxInt32
	}
	err := s.shared.Requests.putRequest(ctx, s.id, &request, s.nextDeadline(), most)
	switch {
	case errors.Is(err, errTooManyRequests):
		return &wa.Error{Reason: wa.ReasonConflict, Retryable: true, Message: fmt.Sprintf("the phone has not answered %d requests for history yet", s.shared.MaxRequests)}
	case err != nil:
		return wa.StorageError("the request for history could not be stored", err)
	}
	return nil
}

// ForgetRequest removes a request that could not be sent.
func (s *Service) ForgetRequest(ctx context.Context, request string) error {
	if err := s.shared.Requests.dropRequest(ctx, s.id, request); err != nil {
		return wa.StorageError("the request for history could not be removed", err)
	}
	return nil
}

// AddPointer stores the pointer to a blob, and extends the deadline of the request that the blob answers (empty = of the history after a pairing).
func (s *Service) AddPointer(ctx context.Context, messageID, request string, notice []byte) error {
	return errors.Join(s.shared.Pointers.Add(ctx, s.id, messageID, notice), s.shared.Requests.extendDeadline(ctx, s.id, request, s.nextDeadline()))
}

// ExpireRequest ends a request whose deadline has passed.
func (s *Service) ExpireRequest(ctx context.Context, request string) error {
	return s.endRequest(ctx, request, statusTimeout, "")
}

// RefuseRequest ends a request that the phone refuses for a reason of WhatsApp.
func (s *Service) RefuseRequest(ctx context.Context, request, reason string) error {
	return s.endRequest(ctx, request, statusRefused, reason)
}

func (s *Service) nextDeadline() time.Time { return time.Now().Add(s.shared.Timeout) }

// endRequest emits the completion of a request that has no further chunks. It is a no-op for a request that is not stored.
func (s *Service) endRequest(ctx context.Context, id, status, reason string) error {
	leave, err := s.conn.Enter()
	if err != nil {
		return err
	}
	defer leave()
	request, err := s.shared.Requests.findRequest(ctx, s.id, id)
	if err != nil || request == nil {
		return err
	}
	t := s.events.New(ctx, nil)
	if err = s.emitCompletion(t, request, status, reason); err != nil {
		return err
	}
	_, err = t.AppendOnce()
	return err
}

// emitCompletion adds the event that ends a request; the request is removed in the event's transaction. The dedupe key admits one completion of a
// request, also if its last chunk is stored while its deadline passes.
func (s *Service) emitCompletion(t *inbound.Translation, request *Request, status, reason string) error {
	var chats []string
	if request.Chat != "" {
		chats = []string{request.Chat}
	}
	key := "history-complete|" + request.ID + "|" + strconv.FormatInt(request.createdAt.UnixMilli(), 10)
	c := request.counts
	err := t.Emit("HistorySyncComplete", time.Time{}, key, chats, naming.Fields{
		"request_id": wa.OrNull(request.ID), "kind": request.Kind, "status": status, "reason": wa.OrNull(reason),
		"chat": wa.OrNull(request.Chat), "chat_pn": nil, "chat_lid": nil, "requested_at": request.createdAt,
		"chunk_count": c.chunks, "failed_chunk_count": c.failed, "conversation_count": c.conversations, "message_count": c.messages,
		"push_name_count": c.pushNames, "status_count": c.statuses,
	})
	if err == nil {
		t.Last().Project = func(ctx context.Context) error { return s.shared.Requests.dropRequest(ctx, s.id, request.ID) }
	}
	return err
}

// blobAnswer is what a blob means for the request that it answers.
type blobAnswer struct {
	request  *Request // nil = the session waits for no such answer
	last     bool     // the phone marked the blob as the last one
	complete bool     // nothing is left to read
}

// answerOf returns what a blob means for its request.
func (s *Service) answerOf(ctx context.Context, messageID string, notice *waE2E.HistorySyncNotification, kind waHistorySync.HistorySync_HistorySyncType, progress uint32) (blobAnswer, error) {
	var a blobAnswer
	var err error
	id := inbound.HistoryRequest(notice)
	if id == "" && kind == waHistorySync.HistorySync_ON_DEMAND {
		return a, nil // an answer without the id of its request
	}
	if a.request, err = s.shared.Requests.findRequest(ctx, s.id, id); err != nil || a.request == nil {
		return a, err
	}
	a.last = a.request.isLast(kind, progress)
	if a.last || a.request.lastRead {
		left, err := s.shared.Pointers.answersLeft(ctx, s.id, id, messageID)
		a.complete = err == nil && !left
		return a, err
	}
	return a, nil
}

// isLast reports whether a chunk is the last answer to the request. Phones send the history of a pairing as chunks of several kinds, of which the
// recent messages, or the older ones if the device wants them, are the last; the answer for one chat is one chunk, whose progress may be missing.
func (r *Request) isLast(kind waHistorySync.HistorySync_HistorySyncType, progress uint32) bool {
	switch r.Kind {
	case KindChat:
		return progress == 0 || progress >= progressComplete
	case KindPairing:
		if kind != waHistorySync.HistorySync_RECENT && kind != waHistorySync.HistorySync_FULL {
			return false
		}
	}
	return progress >= progressComplete
}

// addChunk adds a chunk to its request in the transaction of the translation's last record, or completes the request.
func (s *Service) addChunk(t *inbound.Translation, a blobAnswer, chunk counts) error {
	if a.request == nil {
		return nil
	}
	if a.complete {
		a.request.counts = a.request.counts.add(chunk)
		return s.emitCompletion(t, a.request, statusComplete, "")
	}
	id, deadline := a.request.ID, s.nextDeadline()
	t.Last().Project = func(ctx context.Context) error {
		return s.shared.Requests.countChunk(ctx, s.id, id, chunk, a.last, deadline)
	}
	return nil
}

// giveUp drops the pointer to a blob that cannot be read, and counts it in its request.
func (s *Service) giveUp(ctx context.Context, pending *pointer) error {
	s.log().Warn("a history blob is given up", "tries", maxTries)
	if err := s.countFailure(ctx, pending); err != nil {
		s.log().Warn("a history blob that was given up is not counted", "error", err)
	}
	return s.shared.Pointers.drop(ctx, s.id, pending.messageID)
}

func (s *Service) countFailure(ctx context.Context, pending *pointer) error {
	var notice waE2E.HistorySyncNotification
	if err := proto.Unmarshal(pending.notice, &notice); err != nil {
		return fmt.Errorf("read notice: %w", err)
	}
	a, err := s.answerOf(ctx, pending.messageID, &notice, waHistorySync.HistorySync_HistorySyncType(notice.GetSyncType()), notice.GetProgress())
	if err != nil || a.request == nil {
		return err
	}
	if !a.complete {
		return s.shared.Requests.countChunk(ctx, s.id, a.request.ID, counts{failed: 1}, a.last, s.nextDeadline())
	}
	t := s.events.New(ctx, nil)
	if err = s.addChunk(t, a, counts{failed: 1}); err == nil {
		_, err = t.AppendOnce()
	}
	return err
}
