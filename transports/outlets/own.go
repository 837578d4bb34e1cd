package outlets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/guard"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Own are a session's settings of one transport.
type Own struct {
	Settings
	Created, Updated time.Time
}

// Change contains the fields set by Update; nil fields stay unchanged.
type Change struct {
	Enabled *bool
	URL     *string // as it was shown: stays
	Events  []string
	// Options replace those of the same name; null removes one, Masked keeps a secret.
	Options map[string]json.RawMessage
}

// apply changes settings. Setting the first address switches the transport on, unless the change says otherwise. refusal.Problems: a stored secret
// would be sent to another address; callers that may change settings but not read secrets could otherwise redirect it.
func (c *Change) apply(s *Settings, kind *Kind) error {
	hadURL := s.URL != ""
	var p refusal.Problems
	if c.URL != nil && (!hadURL || *c.URL != kind.maskSecrets(s.URL)) {
		address := guard.Tidy(*c.URL)
		if strings.Contains(*c.URL, ":"+Masked+"@") {
			p.Add("url", "has "+Masked+" for a password, which stands for the one of the address that is set; give the password itself")
		}
		for _, name := range kind.Told {
			value, given := c.Options[name]
			if _, has := s.Options[name]; has && hadURL && address != s.URL && (!given || isMasked(value)) {
				p = append(p, optionProblem(refusal.Problem{Field: name, Text: "must be given again, or null, because the address changes"}))
			}
		}
		s.URL = address
	}
	if c.Events != nil {
		s.Events = slices.Clone(c.Events)
	}
	s.Options = maps.Clone(s.Options)
	for name, value := range c.Options {
		switch {
		case string(value) == "null":
			delete(s.Options, name)
		case slices.Contains(kind.Secrets, name) && isMasked(value):
		default:
			if s.Options == nil {
				s.Options = map[string]json.RawMessage{}
			}
			s.Options[name] = value
		}
	}
	switch {
	case c.Enabled != nil:
		s.Enabled = *c.Enabled
	case !hadURL && s.URL != "":
		s.Enabled = true
	}
	if len(s.Events) == 0 && c.Events == nil {
		s.Events = []string{AllEvents}
	}
	return p.Err()
}

// isMasked reports whether an option's value stands for the stored secret.
func isMasked(value json.RawMessage) bool { return string(value) == `"`+Masked+`"` }

// sessionAccess returns the access of brokers of sessions.
func (o *Outlets) sessionAccess() Access { return Access{Dial: o.cfg.Dial, MaxNames: o.cfg.MaxNames} }

// startOwn takes up the brokers of sessions after a start.
func (o *Outlets) startOwn(ctx context.Context) error {
	rows, err := o.store.readSettings(ctx, key{})
	if err != nil {
		return err
	}
	var targets []dispatch.Target
	for i := range rows {
		r := &rows[i]
		if _, known := o.sessions[r.session]; !known || !r.Enabled {
			continue
		}
		a, err := o.attachSession(r.transport, &r.Settings, o.sessionAccess())
		if err != nil {
			o.cfg.Log.Error("settings of a session cannot be used any more", "session", r.session, "transport", r.transport, "error", err)
			continue
		}
		o.sinks[r.transport].setOwn(r.session, a)
		targets = append(targets, o.ownTarget(r.transport, a, r.session))
	}
	if len(targets) == 0 {
		return nil
	}
	return o.dispatcher.PutTargets(ctx, targets...)
}

func (o *Outlets) ownTarget(transport string, a *attached, session string) dispatch.Target {
	return dispatch.Target{
		Transport: transport, ID: ownPrefix + session, Session: session, Key: a.key, Filter: buildFilter(a.settings.Events, o.cfg.Events),
	}
}

// endOwn stops the deliveries of a session to its broker.
func (o *Outlets) endOwn(ctx context.Context, transport string, s *sink, session string) error {
	err := o.dispatcher.RemoveTarget(ctx, transport, ownPrefix+session)
	o.dropConnection(s.setOwn(session, nil))
	return err
}

// Transports lists the brokers that a session may have.
func (o *Outlets) Transports() []string { return slices.Sorted(maps.Keys(o.sinks)) }

// Get returns a session's settings of one transport without secrets, and the state of its connection. ErrNotFound: it has none. ErrUnknown: there is
// no such transport.
func (o *Outlets) Get(ctx context.Context, session, transport string) (Own, Figures, error) {
	s := o.sinks[transport]
	if s == nil {
		return Own{}, Figures{}, ErrUnknown
	}
	rows, err := o.store.readSettings(ctx, key{session, transport})
	if err != nil {
		return Own{}, Figures{}, err
	}
	if len(rows) == 0 {
		return Own{}, Figures{}, ErrNotFound
	}
	own := rows[0].Own
	if own.Settings, err = s.kind.shownOptions(&own.Settings); err != nil {
		return Own{}, Figures{}, err
	}
	if a := s.ownNow(session); a != nil {
		figures := a.Figures()
		if c, ok := a.Connection.(interface {
			ownsQueue(session, queue string) bool
		}); ok {
			figures.Queues = slices.DeleteFunc(slices.Clone(figures.Queues), func(queue string) bool { return !c.ownsQueue(session, queue) })
		}
		return own, figures, nil
	}
	return own, Figures{}, nil
}

// ListSettings returns the settings of sessions by session and transport, without secrets.
func (o *Outlets) ListSettings(ctx context.Context, sessions []string) (map[string]map[string]Own, error) {
	var of key
	if len(sessions) == 1 {
		of.session = sessions[0]
	}
	rows, err := o.store.readSettings(ctx, of)
	if err != nil {
		return nil, err
	}
	lists := make(map[string]map[string]Own, len(sessions))
	for _, session := range sessions {
		lists[session] = map[string]Own{}
	}
	for i := range rows {
		r := &rows[i]
		list, s := lists[r.session], o.sinks[r.transport]
		if list == nil || s == nil {
			continue
		}
		own := r.Own
		if own.Settings, err = s.kind.shownOptions(&own.Settings); err != nil {
			return nil, err
		}
		list[r.transport] = own
	}
	return lists, nil
}

// Check validates a change of a session without settings: refusal.Problems, or nil.
func (o *Outlets) Check(ctx context.Context, transport string, c Change) error {
	s := o.sinks[transport]
	if s == nil {
		return ErrUnknown
	}
	var set Settings
	if err := c.apply(&set, &s.kind); err != nil {
		return err
	}
	if err := o.checkHosts(ctx, &s.kind, set); err != nil {
		return err
	}
	return o.checkOpen(transport, set)
}

// checkOpen opens the connection of a session's settings, and closes it again.
func (o *Outlets) checkOpen(transport string, set Settings) error {
	a, err := o.attachSession(transport, &set, o.sessionAccess())
	if err != nil {
		return err
	}
	o.releaseConnection(a.shared)
	return nil
}

// checkPlace is checkHosts for a session's settings after a change of the destination. It runs without the change lock.
func (o *Outlets) checkPlace(ctx context.Context, of key, kind *Kind, c Change) error {
	if c.URL == nil && len(c.Options) == 0 {
		return nil
	}
	rows, err := o.store.readSettings(ctx, of)
	if err != nil {
		return err
	}
	var set Settings
	if len(rows) > 0 {
		set = rows[0].Settings
	}
	if err := c.apply(&set, kind); err != nil {
		return err
	}
	return o.checkHosts(ctx, kind, set)
}

// checkHosts finds hosts that tenants may not reach. Hosts that cannot be resolved now are accepted, and other problems are reported when a
// connection is opened. The error is refusal.Problems.
func (o *Outlets) checkHosts(ctx context.Context, kind *Kind, set Settings) error {
	options, err := kind.decodeOptions(set.Options)
	if o.cfg.Check == nil || err != nil {
		return nil //nolint:nilerr // told with all that is wrong
	}
	var p refusal.Problems
	for _, host := range options.Hosts(set.URL) {
		if host.Name == "" {
			continue
		}
		var refused *guard.Error
		if err := o.cfg.Check(ctx, host.Name); ctx.Err() != nil {
			return ctx.Err()
		} else if errors.As(err, &refused) && hostProblems[refused.Reason] != "" {
			p = append(p, optionProblem(refusal.Problem{Field: host.Field, Text: hostProblems[refused.Reason]}))
		}
	}
	return p.Err()
}

// hostProblems are the texts of permanent host problems.
var hostProblems = map[guard.Reason]string{
	guard.ReasonForbidden: "leads to an address that is not public; the operator can allow it (allow-hosts host:port)",
	guard.ReasonBadURL:    "has a host that is an unusual form of an address",
}

// Update changes a session's settings of one transport and applies them. A transport that is switched on begins with the
// events of that moment; one that was on goes on where it is. refusal.Problems: a field is bad.
func (o *Outlets) Update(ctx context.Context, session, transport string, c Change) (Own, error) {
	s := o.sinks[transport]
	if s == nil {
		return Own{}, ErrUnknown
	}
	if err := o.checkPlace(ctx, key{session, transport}, &s.kind, c); err != nil {
		return Own{}, err
	}
	ctx, end, err := o.beginChange(ctx)
	if err != nil {
		return Own{}, err
	}
	defer end()
	r := row{key: key{session, transport}}
	rows, err := o.store.readSettings(ctx, r.key)
	if err != nil {
		return Own{}, err
	}
	if len(rows) > 0 {
		r = rows[0]
	}
	if err = c.apply(&r.Settings, &s.kind); err != nil {
		return Own{}, err
	}
	a, err := o.attachSession(transport, &r.Settings, o.sessionAccess())
	if err != nil {
		return Own{}, err
	}
	if err = o.store.writeSettings(ctx, &r); err != nil {
		o.dropConnection(a)
		return Own{}, err
	}
	if r.Enabled {
		o.dropConnection(s.setOwn(session, a))
		err = o.dispatcher.PutTargets(ctx, o.ownTarget(transport, a, session))
	} else {
		o.dropConnection(a)
		err = o.endOwn(ctx, transport, s, session)
	}
	if err != nil {
		return Own{}, err
	}
	r.Settings, err = s.kind.shownOptions(&r.Settings)
	return r.Own, err
}

// Delete removes a session's settings of one transport and stops its deliveries. ErrNotFound: it has none.
func (o *Outlets) Delete(ctx context.Context, session, transport string) error {
	s := o.sinks[transport]
	if s == nil {
		return ErrUnknown
	}
	ctx, end, err := o.beginChange(ctx)
	if err != nil {
		return err
	}
	defer end()
	found, err := o.store.removeSettings(ctx, key{session, transport})
	if err != nil {
		return err
	}
	if !found {
		return ErrNotFound
	}
	return o.endOwn(ctx, transport, s, session)
}

// TestResult is how a test went.
type TestResult struct {
	Report
	Took time.Duration
	Err  error // nil = usable
}

// testTimeout bounds a test, whatever the settings say.
const testTimeout = 20 * time.Second

// Test tries a session's stored settings of one transport, also when they are switched off. ErrNotFound: it has none.
func (o *Outlets) Test(ctx context.Context, session, transport string) (TestResult, error) {
	if o.sinks[transport] == nil {
		return TestResult{}, ErrUnknown
	}
	rows, err := o.store.readSettings(ctx, key{session, transport})
	if err != nil {
		return TestResult{}, err
	}
	if len(rows) == 0 {
		return TestResult{}, ErrNotFound
	}
	a, err := o.attachSession(transport, &rows[0].Settings, o.sessionAccess())
	if err != nil {
		return TestResult{Err: err}, nil //nolint:nilerr // that it fails is an outcome
	}
	trial := testConnection(ctx, a, session)
	o.releaseConnection(a.shared)
	return trial, ctx.Err()
}

func testConnection(ctx context.Context, a *attached, session string) TestResult {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	began := time.Now()
	report, err := a.Test(ctx, session)
	return TestResult{report, time.Since(began), err}
}

// Totals are the figures of all connections to brokers, global ones and sessions', by transport, since the server started.
// A transport that never had one is not among them.
func (o *Outlets) Totals() map[string]Totals { return o.pool.sumFigures() }

// Stats are how the connection of a global transport does.
func (o *Outlets) Stats(transport string) (Figures, bool) {
	s := o.sinks[transport]
	if s == nil {
		return Figures{}, false
	}
	a := s.globalNow()
	if a == nil {
		return Figures{}, false
	}
	return a.Figures(), true
}

// Global returns the settings of a global transport as they may be shown; ok is false when it is off.
func (o *Outlets) Global(transport string) (shown Settings, ok bool, err error) {
	s := o.sinks[transport]
	if s == nil {
		return shown, false, nil
	}
	a := s.globalNow()
	if a == nil {
		return shown, false, nil
	}
	shown, err = s.kind.shownOptions(&a.settings)
	return shown, true, err
}

// TestGlobal tries a global transport; ok is false when it is off.
func (o *Outlets) TestGlobal(ctx context.Context, transport string) (trial TestResult, ok bool) {
	s := o.sinks[transport]
	if s == nil {
		return trial, false
	}
	a := s.globalNow()
	if a == nil {
		return trial, false
	}
	return testConnection(ctx, a, "test"), true
}

// Send makes one attempt to deliver something to a global transport, beside the events of sessions. The session need not
// exist. ErrNotFound: the transport is off.
func (o *Outlets) Send(ctx context.Context, transport string, d *dispatch.Delivery) error {
	s := o.sinks[transport]
	if s == nil {
		return ErrUnknown
	}
	if s.globalNow() == nil {
		return ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	_, err := s.Deliver(ctx, dispatch.Target{Transport: transport, ID: dispatch.GlobalPrefix + d.Event.Session, Session: d.Event.Session}, d)
	if err != nil {
		return fmt.Errorf("%s: %w", transport, err)
	}
	return nil
}
