package deliverymethods

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
	"github.com/waystation/waystation/transports/dispatch"
)

// Limits of watches.
const (
	// watchTimeout stands for no end: a watch runs until its caller cancels it.
	watchTimeout = 10 * 365 * 24 * time.Hour
	// liveEvery is the interval at which unfinished deliveries are checked; they change with every attempt.
	liveEvery = 500 * time.Millisecond
)

// Notifications of a watch.
const (
	noteWatching = "delivery.watching"
	noteDelivery = "delivery.update"
	noteMissed   = "delivery.gap"
)

type deliveryWatchParams struct {
	SessionIDs     []string   `json:"session_ids,omitempty" rpc:"max=1000" doc:"only these sessions; absent = all the caller may see"`
	Event          string     `json:"event,omitempty" rpc:"max=64" doc:"only this event name"`
	Status         string     `json:"status,omitempty" rpc:"enum=pending|processing|delivered|failed" doc:"pending and processing: deliveries that have not ended, as they are and whenever they change; absent = delivered and failed"`
	FailedOnly     bool       `json:"failed_only,omitempty" doc:"only failed ones unless status is given"`
	SinceID        int64      `json:"since_id,omitempty" rpc:"min=0" doc:"begin with stored deliveries after this id; 0 = not requested"`
	Since          *time.Time `json:"since,omitempty" doc:"begin with stored deliveries from this time on"`
	Limit          int        `json:"limit,omitempty" rpc:"min=1,max=1000" doc:"largest number of stored deliveries sent first, the newest ones; without since_id and since the number of latest ones; absent = all after since_id or since, else none"`
	IncludePayload bool       `json:"include_payload,omitempty" doc:"with the payload; default false"`
}

// Validate implements rpc.Validator.
func (p *deliveryWatchParams) Validate() error {
	if p.live() && p.SinceID > 0 {
		return rpc.Fields{{Pointer: "/since_id", Problem: "deliveries that have not ended have no id"}}
	}
	return nil
}

// live reports whether unfinished deliveries are requested.
func (p *deliveryWatchParams) live() bool {
	return p.Status == shared.Pending || p.Status == shared.Processing
}

type deliveryWatchResult struct {
	WatchID       string `json:"watch_id" doc:"names the stream in its notifications"`
	ReplayedCount int    `json:"replayed_count" doc:"stored deliveries sent first"`
}

type watchingNote struct {
	deliveryWatchResult
	Token json.RawMessage `json:"token,omitempty"` // the call's _meta.progress_token
}

type deliveryNote struct {
	WatchID  string         `json:"watch_id"`
	Delivery deliveryObject `json:"delivery"`
}

type missedNote struct {
	WatchID string `json:"watch_id"`
	FromID  int64  `json:"from_id"`
	ToID    int64  `json:"to_id"`
}

func registerWatch(reg *rpc.Registry, d Deps, hub *WatchHub) {
	rpc.Register(reg, rpc.Method{
		Name: "delivery.watch", Summary: "Stream deliveries as they end, after those that are stored; runs until it is cancelled.",
		Description: "The call ends with conn.cancel, _meta.timeout_ms (then its result is returned) or the connection. Its first notification is " +
			noteWatching + " with the result's members and, as token, the call's _meta.progress_token; then follow " + noteDelivery +
			" {watch_id, delivery}, in the order of their ids, and " + noteMissed + " {watch_id, from_id, to_id} where entries may be missing, because retention removed " +
			"them first or limit left them out. The last id as since_id resumes without a gap or a repetition. " + ownTargetsOnly,
		NoSession: true, NoBatch: true, Timeout: watchTimeout,
	}, func(ctx context.Context, call *rpc.Call, p *deliveryWatchParams) (deliveryWatchResult, error) {
		return d.openWatch(ctx, call, p, hub)
	})
	rpc.Register(reg, rpc.Method{
		Name: "delivery.createWatchToken", Summary: "Create a short-lived token that can only watch and list deliveries.",
		Description: "It needs the admin's credential, or as renew_token a watch token that is bound to no session. With a filter for one session the token " +
			"is valid for this session only. The token is for GET /v1/deliveries and may be used repeatedly until it expires.",
		Scope: rpc.ScopePublic, Secret: true, Effect: rpc.EffectRead,
	}, d.createWatchToken)
}

// watch is one delivery.watch.
type watch struct {
	Deps
	call   *rpc.Call
	p      *deliveryWatchParams
	query  dispatch.Query
	result deliveryWatchResult
	hub    *WatchHub
	seat   *hubWatch
}

func (d Deps) openWatch(ctx context.Context, call *rpc.Call, p *deliveryWatchParams, hub *WatchHub) (deliveryWatchResult, error) {
	sessions, err := sessionsOf(call.Principal, p.SessionIDs)
	if err != nil {
		return deliveryWatchResult{}, err
	}
	w := &watch{Deps: d, call: call, p: p, hub: hub, seat: &hubWatch{id: call.RequestID, who: call.Principal, sessions: sessions, filter: p}, result: deliveryWatchResult{WatchID: call.RequestID}, query: dispatch.Query{
		Sessions: sessions, Own: ownOnly(call.Principal), Type: p.Event, After: p.SinceID, Since: shared.TimeOrZero(p.Since), Limit: p.Limit,
		Failed: p.Status == deliveryFailed || p.Status == "" && p.FailedOnly,
	}}
	if p.Status == deliveryDelivered {
		w.query.Status = dispatch.Delivered
	}
	err = w.run(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return w.result, err
}

func (w *watch) run(ctx context.Context) (err error) {
	stored := w.query
	if w.p.live() {
		stored = dispatch.Query{} // occupies a slot all the same
	}
	entries, err := w.Deliveries.Watch(ctx, stored)
	if err != nil {
		return err
	}
	defer entries.Close()
	caller := ctx
	ctx, w.seat.end = context.WithCancelCause(caller)
	defer w.seat.end(nil)
	leave, err := w.hub.enter(w.seat)
	if err != nil {
		return err
	}
	defer leave()
	defer func() {
		var ended *rpc.Error
		if caller.Err() == nil && errors.As(context.Cause(ctx), &ended) { // by the hub
			err = ended
		}
	}()
	w.result.ReplayedCount = entries.Stored
	if err := w.call.Stream(ctx, noteWatching, watchingNote{w.result, w.call.Meta.ProgressToken}); err != nil {
		return err
	}
	if w.p.live() {
		return w.followLive(ctx, entries)
	}
	for {
		news, err := entries.Next(ctx)
		if err != nil {
			return err
		}
		if err := w.send(ctx, news); err != nil {
			return err
		}
	}
}

func (w *watch) send(ctx context.Context, news dispatch.News) error {
	if m := news.Missed; m != nil {
		if err := w.call.Stream(ctx, noteMissed, missedNote{w.result.WatchID, m.From, m.To}); err != nil {
			return err
		}
	}
	for i := range news.Entries {
		e := &news.Entries[i]
		object := shapeDelivery(e, deliveryStatus(e.Status), e.Archived)
		object.DeliveryID = &e.ID
		if err := w.sendOne(ctx, e, object); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) sendOne(ctx context.Context, e *dispatch.Entry, object deliveryObject) (err error) {
	if w.p.IncludePayload {
		size := 0
		if object.Payload, err = w.payloadOf(ctx, e, &size); err != nil {
			return err
		}
	}
	if err := w.call.Stream(ctx, noteDelivery, deliveryNote{w.result.WatchID, object}); err != nil {
		return err
	}
	w.hub.took(w.seat, e.ID)
	return nil
}

// livePlace identifies an unfinished delivery: each lane has one at a time.
type livePlace struct {
	transport, target string
	replay            bool
}

// followLive sends unfinished deliveries, each when it reaches the wanted status and after each further attempt.
func (w *watch) followLive(ctx context.Context, open *dispatch.Watch) error {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	known := map[livePlace]deliveryObject{}
	for {
		now := map[livePlace]deliveryObject{}
		live := w.Deliveries.Live(w.query.Sessions)
		for i := range live {
			l := &live[i]
			if shared.LiveStatus(l) != w.p.Status || w.query.Own && !l.Own() || w.p.Event != "" && l.Type != w.p.Event || w.p.Since != nil && l.Updated.Before(*w.p.Since) {
				continue
			}
			at, object := livePlace{l.Transport, l.Target, l.Replay}, shapeDelivery(&l.Entry, w.p.Status, l.Updated)
			now[at] = object
			if before, seen := known[at]; seen && before.EventID == object.EventID && before.Attempts == object.Attempts {
				continue
			}
			if err := w.sendOne(ctx, &l.Entry, object); err != nil {
				return err
			}
		}
		known = now
		select {
		case <-tick.C:
		case <-open.Ended():
			return dispatch.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// WatchTokens issues credentials that only permit watching deliveries.
type WatchTokens interface {
	// IssueWatch issues a token for a principal, or with a session for that session only, restricted by a filter.
	IssueWatch(ctx context.Context, who rpc.Principal, session string, filter []byte) (token string, expires time.Time, err error)
	// Look returns the principal and the filter of a token.
	Look(ctx context.Context, token string) (who rpc.Principal, filter []byte, err error)
}

type watchTokenParams struct {
	Filter     *deliveryWatchParams `json:"filter" doc:"params of delivery.watch built into the token"`
	RenewToken string               `json:"renew_token" rpc:"max=256" doc:"a watch token bound to no session, instead of the admin's credential; the new one keeps its filter"`
}

// Validate implements rpc.Validator.
func (p *watchTokenParams) Validate() error {
	if p.Filter != nil && p.Filter.live() && p.Filter.SinceID > 0 {
		return rpc.Fields{{Pointer: "/filter/since_id", Problem: "deliveries that have not ended have no id"}}
	}
	return nil
}

type watchTokenResult struct {
	Token      string    `json:"token" doc:"value for the parameter watch_token of GET /v1/deliveries"`
	ExpiresAt  time.Time `json:"expires_at" doc:"expiry; open streams continue"`
	TTLSeconds int       `json:"ttl_seconds" doc:"lifetime"`
	StreamURL  string    `json:"stream_url" doc:"address to watch at, with the token in it"`
}

func (d Deps) createWatchToken(ctx context.Context, call *rpc.Call, p *watchTokenParams) (out watchTokenResult, err error) {
	who, filter := call.Principal, []byte(nil)
	switch {
	case p.RenewToken != "":
		if who, filter, err = d.WatchTokens.Look(ctx, p.RenewToken); err != nil {
			return out, err
		}
		if who.Session != "" {
			return out, rpc.Forbidden("a watch token of one session cannot be renewed")
		}
		if filter != nil && p.Filter != nil {
			return out, rpc.InvalidParams("/filter", "a renewed token keeps the filter it has")
		}
	case who.Kind == rpc.ScopePublic || who.Kind == "":
		return out, rpc.Unauthenticated(call.Method + " needs a credential")
	case who.Kind != rpc.ScopeAdmin || who.Session != "":
		return out, rpc.Forbidden(call.Method + " needs scope " + string(rpc.ScopeAdmin))
	}
	session := ""
	if p.Filter != nil {
		if sessions := slices.Compact(slices.Sorted(slices.Values(p.Filter.SessionIDs))); len(sessions) == 1 {
			session = sessions[0]
			if _, err := d.Bridge.Session(session); err != nil {
				return out, err
			}
		}
		built := *p.Filter
		if built.FailedOnly && built.Status == "" {
			built.Status = deliveryFailed // a status in the query would go before failed_only
		}
		if filter, err = json.Marshal(built); err != nil {
			return out, err
		}
	}
	started := time.Now()
	token, expires, err := d.WatchTokens.IssueWatch(ctx, who, session, filter)
	if err != nil {
		return out, err
	}
	return watchTokenResult{token, expires, int(expires.Sub(started).Round(time.Second).Seconds()), d.WatchURL(token)}, nil
}
