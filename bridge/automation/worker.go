package automation

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/waystation/waystation/bridge/message"
	"github.com/waystation/waystation/bridge/outbound"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	guardWindow = time.Hour       // of the limits of answers in a chat and of a session
	keepAnswers = 24 * time.Hour  // for which answers are recognised
	dayFactor   = 3               // answers in a chat within a day, in multiples of those within an hour
	storeRetry  = 5 * time.Second // after a failure of the database
)

// Wake makes the worker look for tasks. It returns immediately and may be called at any time.
func (s *Service) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		s.again = true
		return
	}
	s.running = !s.stopped && s.conn.Spawn(s.run)
}

// Stop ends the worker after its present task: the session is deleted, or the server ends.
func (s *Service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// Resume undoes Stop.
func (s *Service) Resume() {
	s.mu.Lock()
	s.stopped = false
	s.mu.Unlock()
	s.Wake()
}

// run is the worker: it ends when there are no tasks.
func (s *Service) run() {
	leave, err := s.conn.Enter()
	if err == nil {
		defer leave()
	}
	for {
		more := false
		if err == nil && s.conn.Context().Err() == nil {
			more = s.decideNext(s.conn.Context())
		}
		s.mu.Lock()
		more = more || s.again
		s.again = false
		if err != nil || !more || s.stopped || s.conn.Context().Err() != nil {
			s.running = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// decideNext decides on one task and reports whether to go on. After a failure of the database it is woken later.
func (s *Service) decideNext(ctx context.Context) (more bool) {
	t, err := s.store.nextTask(ctx, s.owner)
	if err == nil && t == nil {
		return false
	}
	if err == nil {
		failed := wa.CatchPanic("answer a message", func() error { return s.decideTask(ctx, t) })
		switch reason := wa.ReasonOf(failed); {
		case failed == nil:
		case reason == wa.ReasonNotConnected:
			return false // woken by the next login
		case reason == wa.ReasonStorage || reason == wa.ReasonUnavailable || ctx.Err() != nil:
			err = failed
		default:
			s.log().Warn("a message was not answered automatically", "error", failed)
		}
	}
	if err == nil {
		err = s.store.dropTask(ctx, s.owner, t.ID)
	}
	if err == nil {
		return true
	}
	if ctx.Err() == nil {
		s.log().Error("automatic answers could not be processed", "error", err)
		time.AfterFunc(storeRetry, s.Wake)
	}
	return false
}

// decideTask answers a task if there is an answer and the limits permit it. It may be repeated: the answer has a fixed id.
func (s *Service) decideTask(ctx context.Context, t *Task) error {
	now := time.Now()
	if now.Sub(t.At) > MaxAge {
		return nil
	}
	c, err := s.current(ctx)
	if err != nil || !c.Enabled {
		return err
	}
	if t.MessageID != "" { // of another session of this database
		if is, err := s.store.isAnswer(ctx, t.MessageID); err != nil || is {
			return storageError(err)
		}
	}
	reply := c.replyTo(t)
	if reply == nil {
		return nil
	}
	a := &answer{ID: t.ID, Message: s.sender.MessageID(t.ID), Chat: t.ChatKey, Asker: t.Sender, At: now}
	decided, err := s.store.isAnswered(ctx, s.owner, t.ID)
	if err != nil {
		return storageError(err)
	}
	if !decided {
		if permitted, err := s.isPermitted(ctx, c, a); err != nil || !permitted {
			return err
		}
	}
	content, err := reply(ctx, s, t)
	if err != nil || content == nil {
		return err
	}
	if err := s.store.addAnswer(ctx, s.owner, a); err != nil {
		return storageError(err)
	}
	out := &Answer{ID: t.ID, To: t.Chat, Content: *content, DueAt: now.Add(c.randomPause())}
	if t.Group && t.MessageID != "" {
		out.ReplyTo = &outbound.ReplyTo{MessageID: t.MessageID}
	}
	return s.sender.Send(ctx, out)
}

func storageError(err error) error {
	if err == nil {
		return nil
	}
	return wa.StorageError("decide on an automatic answer", err)
}

// isPermitted is the flood guard: it counts the answers that were decided on.
func (s *Service) isPermitted(ctx context.Context, c *config, a *answer) (bool, error) {
	if a.At.Sub(s.cleanedAt) > guardWindow {
		if err := s.store.forgetAnswers(ctx, s.owner, a.At.Add(-keepAnswers)); err != nil {
			return false, storageError(err)
		}
		s.cleanedAt = a.At
	}
	recent := a.At.Add(-time.Duration(c.FloodIntervalSeconds * float64(time.Second)))
	n, err := s.store.countAnswers(ctx, s.owner, a, recent)
	if err != nil {
		return false, storageError(err)
	}
	why := ""
	switch {
	case n.chat >= s.cfg.ChatAnswers:
		why = "the chat has had as many answers within an hour as the server permits"
	case n.chatDay >= dayFactor*s.cfg.ChatAnswers:
		why = "the chat has had as many answers within a day as the server permits"
	case n.all >= s.cfg.SessionAnswers:
		why = "the session has given as many answers within an hour as the server permits"
	case c.FloodGuardEnabled && a.Asker != "" && n.asker >= c.FloodLimit:
		why = "the person writes too often"
	}
	if why != "" {
		s.log().Info("a message was not answered automatically", "reason", why)
	}
	return why == "", nil
}

// randomPause returns a random pause before an answer.
func (c *config) randomPause() time.Duration {
	if !c.FloodGuardEnabled {
		return 0
	}
	seconds := c.FloodDelayMinSeconds + rand.Float64()*(c.FloodDelayMaxSeconds-c.FloodDelayMinSeconds)
	return time.Duration(seconds * float64(time.Second))
}

// reply makes the content of an answer; nil = there is none.
type reply func(ctx context.Context, s *Service, t *Task) (*message.Content, error)

// replyTo returns the reply to a task: a command, else the first rule that matches; nil = nothing.
func (c *config) replyTo(t *Task) reply {
	if t.MessageID == "" {
		return textReply(c.WelcomeMessage)
	}
	if run := c.command(t.Text); run != nil && permitsPerson(c.CommandAccess, t.Own, c.CommandAllowed, c.CommandBlocked, t.Sender, t.PN, t.LID) {
		return run
	}
	if t.Own || !permitsPerson(c.ReplyAccess, false, c.ReplyAllowed, c.ReplyBlocked, t.Sender, t.PN, t.LID) {
		return nil
	}
	for _, rule := range c.rules {
		if rule.matchesText(t.Text, t.Group) {
			return func(context.Context, *Service, *Task) (*message.Content, error) {
				content := &message.Content{}
				if err := json.Unmarshal(rule.Content, content); err != nil {
					return nil, wa.StorageError("read the content of an auto-reply", err)
				}
				return content, nil
			}
		}
	}
	return nil
}

func textReply(text string) reply {
	return func(context.Context, *Service, *Task) (*message.Content, error) {
		if text == "" {
			return nil, nil
		}
		return &message.Content{Type: message.TypeText, Text: text}, nil
	}
}
