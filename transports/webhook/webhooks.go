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

// Webhooks manages the webhooks of all sessions. Its methods may be called concurrently. Their results contain secrets in plain text: Secret,
// PreviousSecret and BodyToken must not be shown to other users.
type Webhooks struct {
	cfg        Config
	store      *store
	sink       *sink
	dispatcher Dispatcher
}

// Open migrates the table and registers every active webhook as a target of the dispatcher.
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

// Get returns one webhook. ErrNotFound: the session has none with that id.
func (w *Webhooks) Get(ctx context.Context, key Key) (*Webhook, error) { return w.store.get(ctx, key) }

// Standing returns the outcome of the latest attempts of a webhook.
func (w *Webhooks) Standing(key Key) Standing { return w.sink.standing(key) }

// Check validates a change of an empty webhook: refusal.Problems, or nil.
func (w *Webhooks) Check(ctx context.Context, session string, c Change) error {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return err
	}
	return w.store.validate(&c, c.applied(emptyDefault(session)), badURL)
}

// CheckUpdate validates a change of a webhook as Update does, without making it.
func (w *Webhooks) CheckUpdate(ctx context.Context, key Key, c Change) error {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return err
	}
	hook, err := w.store.get(ctx, key)
	if err != nil {
		return err
	}
	c.apply(hook)
	return w.store.validate(&c, hook, badURL)
}

// Create adds a webhook under a new id. refusal.Problems: a field is invalid. ErrTooMany: the session has reached its limit.
func (w *Webhooks) Create(ctx context.Context, session string, c Change) (*Webhook, error) {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return nil, err
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.create(ctx, session, &c, badURL) })
}

// Update changes a webhook. refusal.Problems: a field is invalid. ErrNotFound: there is none with that id.
func (w *Webhooks) Update(ctx context.Context, key Key, c Change) (*Webhook, error) {
	badURL, err := w.store.urlProblem(ctx, &c)
	if err != nil {
		return nil, err
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.update(ctx, key, &c, badURL) })
}

// RotateSecret makes secret the key of signatures, a random one if it is empty; the previous one also signs for the time keep.
func (w *Webhooks) RotateSecret(ctx context.Context, key Key, secret string, keep time.Duration) (*Webhook, error) {
	if text := secretProblem(&secret); text != "" {
		return nil, refusal.Problems{{Field: "secret", Text: text}}
	}
	return w.change(ctx, func(ctx context.Context) (*Webhook, error) { return w.store.rotateSecret(ctx, key, secret, keep) })
}

// changeTimeout limits a change once it has begun; a database without a response for this long is unreachable.
const changeTimeout = 30 * time.Second

// beginChange acquires the change lock. From then on cancelling the caller's context does not interrupt the change: the database, the cache and the
// dispatcher must agree afterwards.
func (w *Webhooks) beginChange(ctx context.Context) (change context.Context, end func(), err error) {
	if err := w.store.lockChanges(ctx); err != nil {
		return nil, nil, err
	}
	change, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
	return change, func() { cancel(); w.store.unlockChanges() }, nil
}

// change runs a change under the lock and applies the outcome to the dispatcher.
func (w *Webhooks) change(ctx context.Context, do func(context.Context) (*Webhook, error)) (*Webhook, error) {
	ctx, end, err := w.beginChange(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	changed, err := do(ctx)
	if err != nil {
		return nil, err
	}
	if changed.isActive() {
		return changed, w.dispatcher.PutTargets(ctx, w.store.target(changed))
	}
	return changed, w.stop(ctx, changed.Key)
}

// Delete removes a webhook; the default one becomes empty.
func (w *Webhooks) Delete(ctx context.Context, key Key) error {
	ctx, end, err := w.beginChange(ctx)
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
	ctx, end, err := w.beginChange(ctx)
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

// TargetID returns the id of a webhook in the dispatcher and its archive.
func TargetID(key Key) string { return targetID(key) }
