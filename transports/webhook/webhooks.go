package webhook

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/waystation/waystation/transports/dispatch"
	"github.com/waystation/waystation/transports/kit/refusal"
)

// Dispatcher is the part of dispatch.Dispatcher that webhooks need.
type Dispatcher interface {
	AddSink(name string, s dispatch.Sink, p dispatch.Policy) error
	PutTargets(ctx context.Context, targets ...dispatch.Target) error
	RemoveTarget(ctx context.Context, transport, id string) error
	ReleaseTarget(transport, id string)
}

var _ Dispatcher = (*dispatch.Dispatcher)(nil)

// Webhooks are the webhooks of all sessions. Its methods may be called concurrently. What they return holds secrets in
// the clear: Secret, PreviousSecret and BodyToken are not for others to see.
type Webhooks struct {
	cfg        Config
	store      *store
	sink       *sink
	dispatcher Dispatcher
}

// Open brings the table up to date and has the dispatcher deliver to every webhook that is switched on.
func Open(ctx context.Context, db *dbutil.Database, d Dispatcher, cfg Config) (*Webhooks, error) {
	w := &Webhooks{cfg: cfg.withDefaults(), dispatcher: d}
	var err error
	if w.store, err = openStore(ctx, db, &w.cfg); err != nil {
		return nil, err
	}
	w.sink = newSink(&w.cfg, w.store)
	if err = d.AddSink(Transport, w.sink, w.cfg.Policy); err != nil {
		return nil, err
	}
	return w, d.PutTargets(ctx, w.store.targets()...)
}

// List returns the webhooks of a session, the default one first.
func (w *Webhooks) List(ctx context.Context, session string) ([]*Webhook, error) {
	return w.store.list(ctx, session)
}

// ListMany is List for many sessions at once, by session.
func (w *Webhooks) ListMany(ctx context.Context, sessions []string) (map[string][]*Webhook, error) {
	stored, err := w.store.readMany(ctx, sessions)
	if err != nil {
		return nil, err
	}
	lists := make(map[string][]*Webhook, len(sessions))
	for _, one := range stored {
		lists[one.Session] = append(lists[one.Session], one)
	}
	for _, session := range sessions {
		lists[session] = withDefault(session, lists[session])
	}
	return lists, nil
}

// Get returns one webhook. ErrNotFound: the session has none of that id.
func (w *Webhooks) Get(ctx context.Context, key Key) (*Webhook, error) { return w.store.get(ctx, key) }

// Standing tells how the latest attempts of a webhook went.
func (w *Webhooks) Standing(key Key) Standing { return w.sink.standing(key) }

// Check tells what would be wrong with a change of an empty webhook: refusal.Problems, or nil.
func (w *Webhooks) Check(ctx context.Context, session string, c Change) error {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return err
	}
	return w.store.check(&c, c.applied(empty(session)), badURL)
}

// Create adds a webhook under an id of its own. refusal.Problems: a field is bad. ErrTooMany: the session has enough.
func (w *Webhooks) Create(ctx context.Context, session string, c Change) (*Webhook, error) {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return nil, err
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.create(ctx, session, &c, badURL) })
}

// Update changes a webhook. refusal.Problems: a field is bad. ErrNotFound: there is none of that id.
func (w *Webhooks) Update(ctx context.Context, key Key, c Change) (*Webhook, error) {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return nil, err
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.update(ctx, key, &c, badURL) })
}

// RotateSecret makes secret the key of signatures, a random one if it is empty; the one before signs beside it for keep.
func (w *Webhooks) RotateSecret(ctx context.Context, key Key, secret string, keep time.Duration) (*Webhook, error) {
	if text := secretProblem(&secret); text != "" {
		return nil, refusal.Problems{{Field: "secret", Text: text}}
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.rotate(ctx, key, secret, keep) })
}

// changeTimeout bounds a change once it has begun; a database that is silent for so long is gone.
const changeTimeout = 30 * time.Second

// begin takes the turn for a change. From then on the caller's leaving ends it no more: the database, the memory and the
// dispatcher must agree afterwards.
func (w *Webhooks) begin(ctx context.Context) (change context.Context, end func(), err error) {
	if err := w.store.enter(ctx); err != nil {
		return nil, nil, err
	}
	change, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	return change, func() { cancel(); w.store.leave() }, nil
}

// change runs a change in its turn and tells the dispatcher about the outcome.
func (w *Webhooks) change(ctx context.Context, do func(context.Context) (*Webhook, error)) (*Webhook, error) {
	ctx, end, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	changed, err := do(ctx)
	if err != nil {
		return nil, err
	}
	if changed.delivers() {
		return changed, w.dispatcher.PutTargets(ctx, w.store.target(changed))
	}
	return changed, w.stop(ctx, changed.Key)
}

// Delete removes a webhook; the default one is empty then.
func (w *Webhooks) Delete(ctx context.Context, key Key) error {
	ctx, end, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := w.store.remove(ctx, key); err != nil {
		return err
	}
	return w.stop(ctx, key)
}

// DeleteSession removes the webhooks of a session.
func (w *Webhooks) DeleteSession(ctx context.Context, session string) error {
	ctx, end, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	delivered, err := w.store.removeSession(ctx, session)
	for _, key := range delivered {
		err = errors.Join(err, w.stop(ctx, key))
	}
	return err
}

// stop ends deliveries to a webhook.
func (w *Webhooks) stop(ctx context.Context, key Key) error {
	w.sink.forget(key)
	return w.dispatcher.RemoveTarget(ctx, Transport, targetID(key))
}

// TargetID is the name under which the dispatcher and its archive know a webhook.
func TargetID(key Key) string { return targetID(key) }
