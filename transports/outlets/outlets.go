package outlets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/refusal"
	"github.com/waystation/waystation/transports/redis"
	"github.com/waystation/waystation/transports/sqs"
	"github.com/waystation/waystation/transports/webhook"
)

// Dispatcher is the part of dispatch.Dispatcher that outlets need.
type Dispatcher interface {
	AddSink(name string, s dispatch.Sink, p dispatch.Policy) error
	PutTargets(ctx context.Context, targets ...dispatch.Target) error
	RemoveTarget(ctx context.Context, transport, id string) error
	RemoveTargets(ctx context.Context, transport, prefix string) error
	SetSkips(ctx context.Context, session string, outlets []string, also func(ctx context.Context) error) error
	Skips(session, outlet string) bool
}

// Webhooks is the part of webhook.Webhooks that the operator's webhook needs.
type Webhooks interface {
	CheckGlobal(ctx context.Context, g webhook.Global) error
	SetGlobal(g *webhook.Global)
	GlobalTarget(session string) dispatch.Target
}

var (
	_ Dispatcher = (*dispatch.Dispatcher)(nil)
	_ Webhooks   = (*webhook.Webhooks)(nil)
)

// Kinds are the brokers there are, by the names of their transports.
func Kinds() map[string]Kind {
	return map[string]Kind{redis.Transport: redisKind, amqpTransport: amqpKind, sqs.Transport: sqsKind}
}

// WebSocket is the outlet of sockets that follow all sessions. It has no targets.
const WebSocket = "websocket"

// Config sets up Outlets.
type Config struct {
	// Key encrypts the settings of sessions in the database: 32 bytes that survive a restart.
	Key []byte
	// PreviousKeys open values that were sealed before the key was replaced. Open seals those with Key.
	PreviousKeys [][]byte
	// Events are the names that may be subscribed to, and which of them are signals.
	Events map[string]bool
	// Dial opens connections to addresses that tenants name; nil = connect anywhere.
	Dial broker.Dial
	// Check reports whether a host named by a tenant may be connected to, as guard.Error. It is called when settings are changed, and may take as
	// long as a DNS lookup; Dial checks again for each connection. nil = any host.
	Check  func(ctx context.Context, host string) error
	Policy dispatch.Policy
	// MaxNames is how many queues, routing keys and the like a connection remembers, so that it need not ask for them with each
	// event; 0 = the sinks' defaults.
	MaxNames int
	Kinds    map[string]Kind // nil = Kinds()
	Now      func() time.Time
	Log      *slog.Logger // nil = silent
}

// Outlets are the global transports and the brokers of sessions. Its methods may be called concurrently.
type Outlets struct {
	cfg        Config
	store      *store
	dispatcher Dispatcher
	webhooks   Webhooks
	sinks      map[string]*sink
	pool       pool

	changeLock chan struct{}       // contains one element while a call changes settings
	sessions   map[string]struct{} // guarded by the change lock
	dropped    []*shared           // guarded by the change lock: connections to close after the change
	endings    sync.WaitGroup      // background closings; only Close waits for them

	mu      sync.RWMutex
	globals Globals // as they are in use
}

// Open brings the table up to date and makes the brokers' transports known to the dispatcher. Nothing is delivered before
// Start.
func Open(ctx context.Context, db *dbutil.Database, d Dispatcher, w Webhooks, cfg Config) (*Outlets, error) {
	if cfg.Kinds == nil {
		cfg.Kinds = Kinds()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	o := &Outlets{
		cfg: cfg, dispatcher: d, webhooks: w, sinks: map[string]*sink{}, pool: pool{byKey: map[string]*shared{}},
		changeLock: make(chan struct{}, 1), sessions: map[string]struct{}{},
	}
	var err error
	if o.store, err = openStore(ctx, db, cfg); err != nil {
		return nil, err
	}
	for name, kind := range cfg.Kinds {
		o.sinks[name] = &sink{kind: kind, own: map[string]*attached{}}
		if err = d.AddSink(name, o.sinks[name], cfg.Policy); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Start begins deliveries for the existing sessions, with their skipped outlets, their own brokers, and the global transports. Unreachable brokers
// are no error; settings of a session that are no longer valid are logged.
func (o *Outlets) Start(ctx context.Context, sessions map[string][]string, g Globals) error {
	return o.withGlobals(ctx, g, func(ctx context.Context, next map[string]*attached, g Globals) error {
		for session, skip := range sessions {
			o.sessions[session] = struct{}{}
			if !o.staysOut(session, skip) {
				if err := o.dispatcher.SetSkips(ctx, session, withEvents(skip), nil); err != nil {
					return err
				}
			}
		}
		if err := o.startOwn(ctx); err != nil {
			return err
		}
		return o.changeGlobals(ctx, next, g)
	})
}

// staysOut reports whether the dispatcher has recorded the skipped outlets of a session.
func (o *Outlets) staysOut(session string, skip []string) bool {
	for _, outlet := range outletNames {
		if o.dispatcher.Skips(session, outlet) != slices.Contains(skip, outlet) {
			return false
		}
	}
	return true
}

// outletNames are the names of outlets that receive events and that sessions can skip.
var outletNames = append(slices.Sorted(maps.Keys(Kinds())), webhook.Transport, WebSocket)

func withEvents(skip []string) []string {
	return slices.DeleteFunc(slices.Clone(skip), func(name string) bool { return !slices.Contains(outletNames, name) })
}

// attachSession opens a connection for settings, whose events it puts in order.
func (o *Outlets) attachSession(transport string, set *Settings, access Access) (*attached, error) {
	s := o.sinks[transport]
	if s == nil {
		return nil, fmt.Errorf("this server has no transport %s", transport)
	}
	events, p := checkEvents(set.Events, o.cfg.Events)
	set.Events = events
	conn, err := o.pool.acquire(transport, &s.kind, set, access)
	var more refusal.Problems
	if errors.As(err, &more) {
		p = append(p, more...)
	} else if err != nil {
		return nil, err
	}
	if err := p.Err(); err != nil {
		o.releaseConnection(conn)
		return nil, err
	}
	return &attached{conn, *set}, nil
}

// dropConnection releases a connection in the background. The caller does not wait for its end, which a slow peer may delay: a session's broker does not block
// other changes.
func (o *Outlets) dropConnection(a *attached) {
	if a != nil {
		o.dropped = append(o.dropped, a.shared)
	}
}

// releaseConnection closes a connection and waits for its running requests.
func (o *Outlets) releaseConnection(c *shared) {
	if err := o.pool.release(c); err != nil {
		o.cfg.Log.Warn("a connection did not close well", "error", err)
	}
}

func (o *Outlets) releaseAll(list map[string]*attached) {
	for _, a := range list {
		o.releaseConnection(a.shared)
	}
}

// Add gives the events of a new session to the global transports, but those that it stays out of.
func (o *Outlets) Add(ctx context.Context, session string, skip []string) error {
	ctx, end, err := o.beginChange(ctx)
	if err != nil {
		return err
	}
	defer end()
	if !o.staysOut(session, skip) {
		if err := o.dispatcher.SetSkips(ctx, session, withEvents(skip), nil); err != nil {
			return err
		}
	}
	var targets []dispatch.Target
	for name, s := range o.sinks {
		if a := s.globalNow(); a != nil {
			targets = append(targets, o.globalTarget(name, a, session))
		}
	}
	if o.Globals().Webhook != nil {
		targets = append(targets, o.webhooks.GlobalTarget(session))
	}
	if len(targets) > 0 {
		if err := o.dispatcher.PutTargets(ctx, targets...); err != nil {
			return err
		}
	}
	o.sessions[session] = struct{}{}
	return nil
}

// Skip changes the outlets that a session skips, exactly from its next event on, and stores related changes in the same transaction. The error is
// dispatch.ErrTooManySkips or of the storage.
func (o *Outlets) Skip(ctx context.Context, session string, skip []string, store func(ctx context.Context) error) error {
	return o.dispatcher.SetSkips(ctx, session, withEvents(skip), store)
}

// Remove ends all deliveries of a session and deletes its settings. It does not wait for connections to close, so that unresponsive brokers do not
// delay deleting a session.
func (o *Outlets) Remove(ctx context.Context, session string) error {
	ctx, end, err := o.beginChange(ctx)
	if err != nil {
		return err
	}
	defer o.endings.Go(end)
	delete(o.sessions, session)
	err = o.store.removeSession(ctx, session)
	for name, s := range o.sinks {
		if s.globalNow() != nil {
			err = errors.Join(err, o.dispatcher.RemoveTarget(ctx, name, dispatch.GlobalPrefix+session))
		}
		if s.ownNow(session) != nil {
			err = errors.Join(err, o.endOwn(ctx, name, s, session))
		}
	}
	if o.Globals().Webhook != nil {
		err = errors.Join(err, o.dispatcher.RemoveTarget(ctx, webhook.Transport, dispatch.GlobalPrefix+session))
	}
	return err
}

// Close ends the connections, after the dispatcher was closed, all concurrently: a connection to an unresponsive peer ends at the deadline of its
// running requests. It waits at most until ctx ends.
func (o *Outlets) Close(ctx context.Context) error {
	_, end, err := o.beginChange(ctx)
	if err != nil {
		return err
	}
	for _, s := range o.sinks {
		o.dropConnection(s.setGlobal(nil))
		for session := range s.own {
			o.dropConnection(s.setOwn(session, nil))
		}
	}
	ended := make(chan struct{})
	go func() {
		end()
		o.endings.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("outlets: waiting for connections to end: %w", ctx.Err())
	}
}

// changeTimeout bounds a change once it has begun; a database that is silent for so long is gone. The first targets of very
// many sessions take seconds.
const changeTimeout = 2 * time.Minute

// beginChange acquires the change lock. From then on cancelling the caller's context does not interrupt the change: the database, the memory and the
// dispatcher must agree afterwards. end releases the lock and closes the dropped connections; only this caller waits for them.
func (o *Outlets) beginChange(ctx context.Context) (change context.Context, end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	select {
	case o.changeLock <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("outlets: waiting for another change: %w", ctx.Err())
	}
	change, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	return change, func() {
		cancel()
		dropped := o.dropped
		o.dropped = nil
		<-o.changeLock
		var ends sync.WaitGroup
		for _, c := range dropped {
			ends.Go(func() { o.releaseConnection(c) })
		}
		ends.Wait()
	}, nil
}
