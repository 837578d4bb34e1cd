package methods

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/journal"
)

// EventReader reads the logs of sessions, like journal.Journal.
type EventReader interface {
	Read(ctx context.Context, session string, after uint64, maxEvents, maxBytes int) ([]*journal.Event, error)
}

var _ EventReader = (*journal.Journal)(nil)

type getEventParams struct {
	Offset int64  `json:"offset" rpc:"required,min=1" doc:"offset of the event"`
	ID     string `json:"id" rpc:"max=64" doc:"expected id; another event at the offset, from a log that was created anew, counts as not found"`
}

type getEventResult struct {
	Event json.RawMessage `json:"event" doc:"event as sent to sockets"`
}

func registerSessionEvent(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "session.getEvent", Summary: "Return one event of the session's log.", MaxReply: shared.ListReply,
		Description: "For receivers that got an event without its data because it was too large for the transport.",
	}, func(ctx context.Context, s *bridge.Session, p *getEventParams) (out getEventResult, err error) {
		events, err := d.Events.Read(ctx, s.ID(), uint64(p.Offset)-1, 1, 0)
		if err != nil && !errors.Is(err, journal.ErrPositionLost) {
			return out, err
		}
		if len(events) == 0 || events[0].Offset != uint64(p.Offset) || p.ID != "" && events[0].ID != p.ID {
			return out, rpc.NotFound("the event is no longer kept, or was never logged")
		}
		return getEventResult{events[0].Body()}, nil
	})
}
