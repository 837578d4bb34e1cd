package sandboxmethods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/bridge/wa"
	"github.com/waystation/waystation/rpc"
)

// Deps are the dependencies of the sandbox.* methods. Exactly one of Network and Forward is set.
type Deps struct {
	// Network is the simulated network when it is in this process.
	Network *sandbox.Network
	// Forward calls a method of the process that runs the network; params and result are JSON. An *rpc.Error it
	// returns is passed to the caller.
	Forward func(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error)
	// Bridge contains the sessions that callers may name; nil = there are no sessions.
	Bridge *bridge.Bridge
}

// sandboxTimeout exceeds the longest wait a caller may request (maxWait).
const sandboxTimeout = 2 * time.Minute

// Register adds the methods that script the simulated network. They are for admins, and exist only while the
// server is on the sandbox.
func Register(reg *rpc.Registry, d Deps) {
	registerAccounts(reg, d)
	registerPasskey(reg, d)
	registerMessages(reg, d)
	registerActs(reg, d)
	registerInbox(reg, d)
	registerGroups(reg, d)
	registerLabels(reg, d)
	registerFaults(reg, d)
	registerNewsletters(reg, d)
	registerNewsletterAdmins(reg, d)
	registerRules(reg, d)
}

// resolver is implemented by params that may name a session; resolveSession replaces it by the network's identifier.
type resolver interface {
	resolveSession(b *bridge.Bridge) error
}

// onNetwork registers a method on the network, in this process or another.
func onNetwork[P, R any](reg *rpc.Registry, d Deps, name, summary string, fn func(ctx context.Context, n *sandbox.Network, p *P) (R, error)) {
	m := rpc.Method{Name: "sandbox." + name, Summary: summary, Scope: rpc.ScopeAdmin, Timeout: sandboxTimeout}
	if name == "downloadMedia" {
		m.MaxReply = maxDownload
	}
	rpc.Register(reg, m, func(ctx context.Context, _ *rpc.Call, p *P) (result R, err error) {
		if r, ok := any(p).(resolver); ok {
			if err := r.resolveSession(d.Bridge); err != nil {
				return result, err
			}
		}
		if d.Network != nil {
			result, err = fn(ctx, d.Network, p)
			return result, sandboxError(err)
		}
		params, err := json.Marshal(p)
		if err != nil {
			return result, fmt.Errorf("methods: %s: %w", m.Name, err)
		}
		raw, err := d.Forward(ctx, m.Name, params)
		if err != nil {
			return result, err
		}
		if err := json.Unmarshal(raw, &result); err != nil {
			return result, fmt.Errorf("methods: %s: reply of the sandbox: %w", m.Name, err)
		}
		return result, nil
	})
}

// actor is implemented by params that name the acting phone.
type actor interface{ actor() string }

// asAccount is the parameter that names a phone.
type asAccount struct {
	Account string `json:"account" rpc:"required,min=1,max=100" doc:"account whose phone acts: number or JID"`
}

func (a asAccount) actor() string { return plainNumber(a.Account) }

// plainNumber returns a number as digits, the only form that the network accepts; other text is returned unchanged.
func plainNumber(text string) string {
	if jid, err := wa.ParseJID("", text); err == nil && !strings.Contains(text, ":") && jid.Server == types.DefaultUserServer {
		return jid.User
	}
	return text
}

// onPhone registers a method on one account's simulated phone.
func onPhone[P actor, R any](reg *rpc.Registry, d Deps, name, summary string, fn func(ctx context.Context, phone *sandbox.Phone, p *P) (R, error)) {
	onNetwork(reg, d, name, summary, func(ctx context.Context, n *sandbox.Network, p *P) (result R, err error) {
		phone, err := n.Phone((*p).actor())
		if err != nil {
			return result, at("/account", err)
		}
		return fn(ctx, phone, p)
	})
}

// done is the result of methods without a result of their own.
type done struct {
	OK bool `json:"ok" doc:"always true"`
}

func did(err error) (done, error) { return done{OK: true}, err }

// fieldError is an error of the network about one parameter.
type fieldError struct {
	pointer string
	err     error
}

func (e *fieldError) Error() string { return e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

func at(pointer string, err error) error {
	if err == nil {
		return nil
	}
	return &fieldError{pointer, err}
}

// sandboxError converts an error of the simulated network to the caller's. Its text contains no secrets: a simulation
// has none.
func sandboxError(err error) error {
	var problem *rpc.Error
	var ofBridge *wa.Error
	var refused *sandbox.SendError
	var field *fieldError
	if err == nil || errors.As(err, &problem) || errors.As(err, &ofBridge) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	text := strings.TrimPrefix(err.Error(), "sandbox: ")
	pointer := ""
	if errors.As(err, &field) {
		pointer = field.pointer
	}
	switch {
	case errors.As(err, &refused):
		return &rpc.Error{Code: rpc.CodeWhatsApp, Message: "the network refused the message", Details: map[string]any{"wa_code": refused.Code}}
	case errors.Is(err, sandbox.ErrNoAccount), errors.Is(err, sandbox.ErrNoDevice), errors.Is(err, sandbox.ErrNoMedia),
		errors.Is(err, sandbox.ErrNoButton), errors.Is(err, sandbox.ErrNoPasskey):
		return rpc.NotFound(text)
	case errors.Is(err, sandbox.ErrAccountExists), errors.Is(err, sandbox.ErrPairingGone), errors.Is(err, sandbox.ErrPairingRefused),
		errors.Is(err, sandbox.ErrTooManyDevices), errors.Is(err, sandbox.ErrClosed), errors.Is(err, sandbox.ErrNoBusiness):
		return rpc.Conflict(text)
	case errors.Is(err, sandbox.ErrBadJID), errors.Is(err, sandbox.ErrBadQR), errors.Is(err, sandbox.ErrWrongCode), pointer != "":
		return rpc.InvalidParams(pointer, text)
	}
	return rpc.Conflict(text)
}

// parseJIDs parses a list of JIDs or numbers.
func parseJIDs(field string, texts []string) ([]types.JID, error) {
	list := make([]types.JID, len(texts))
	for i, text := range texts {
		jid, err := wa.ParseJID(fmt.Sprintf("%s/%d", field, i), text)
		if err != nil {
			return nil, err
		}
		list[i] = jid
	}
	return list, nil
}
