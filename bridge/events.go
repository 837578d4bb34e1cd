package bridge

import (
	"fmt"
	"runtime/debug"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/waystation/waystation/bridge/wa"
)

// handle processes an event from whatsmeow. Its result decides whether WhatsApp gets an acknowledgement: it returns
// true only after the records of the event are committed. A panic counts as a failure here, because whatsmeow would
// count it as success.
func (s *Session) handle(cli *whatsmeow.Client, evt any) (ok bool) {
	if !s.b.gate.enter() {
		return false
	}
	defer s.b.gate.leave()
	defer func() {
		if cause := recover(); cause != nil {
			ok = false
			s.log().Error("an event handler panicked", "event", fmt.Sprintf("%T", evt), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			s.redeliver(cli)
		}
	}()
	if !s.work.enter() { // the session is deleted
		return false
	}
	defer s.work.leave()
	if s.lifeCycle(cli, evt) {
		return true
	}
	if err := s.inbound.Record(cli, evt); wa.NeverRecorded(err) {
		s.log().Error("an event that can never be recorded was dropped", "event", fmt.Sprintf("%T", evt), "error", err)
	} else if err != nil {
		s.log().Error("an event could not be recorded; WhatsApp will deliver it again", "event", fmt.Sprintf("%T", evt), "error", err)
		s.redeliver(cli)
		return false
	}
	if _, done := evt.(*events.OfflineSyncCompleted); done {
		s.deliveredAll(cli)
	}
	return true
}
