package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Numbers of WhatsApp Web's queries about restrictions of an account.
const (
	mexReachoutTimelock = "23983697327930364"
	mexNewChatCapping   = "24503548349331633"
)

// DefaultEnforcement is the enforcement type of restrictions without an explicit one.
const DefaultEnforcement = "DEFAULT"

// restriction is an account-wide reach-out timelock: while it lasts, messages to people that the account has no chat with are refused with 463. The zero
// value is none. Guarded by Network.mu.
type restriction struct {
	until time.Time
	kind  string
	timer *time.Timer // ends the restriction

	// unknownLimit is how many messages to unregistered numbers start a restriction that lasts unknownFor; 0 is none.
	unknownLimit int
	unknownFor   time.Duration
	unknownSeen  int
}

func (n *Network) restrictionQueries() map[string]mexHandler {
	return map[string]mexHandler{mexReachoutTimelock: n.timelockQuery, mexNewChatCapping: n.cappingQuery}
}

func (r *restriction) active(now time.Time) bool { return now.Before(r.until) }

// timelockState returns the restriction as in queries and notifications.
func (r *restriction) timelockState(now time.Time) map[string]any {
	if !r.active(now) {
		return map[string]any{"is_active": false}
	}
	return map[string]any{"is_active": true, "enforcement_type": r.kind, "time_enforcement_ends": strconv.FormatInt(r.until.Unix(), 10)}
}

func (n *Network) timelockQuery(r *request, _ json.RawMessage) (any, error) {
	return map[string]any{"xwa2_fetch_account_reachout_timelock": r.device.account.restriction.timelockState(n.now())}, nil
}

// cappingQuery returns how many new chats the account may still start; the sandbox does not count them.
func (n *Network) cappingQuery(r *request, _ json.RawMessage) (any, error) {
	status := "NONE"
	if r.device.account.restriction.active(n.now()) {
		status = "CAPPED"
	}
	return map[string]any{"xwa2_message_capping_info": map[string]any{
		"total_quota": 0, "used_quota": 0, "capping_status": status, "server_sent_timestamp": n.unixNow(),
	}}, nil
}

// Restrict starts an account-wide reach-out timelock: until it ends, messages to people that the account has no chat with are refused with 463, while chats
// that exist still work. Companions are notified of the start and the end. An empty kind is DefaultEnforcement.
func (p *Phone) Restrict(d time.Duration, kind string) error {
	if d <= 0 {
		return fmt.Errorf("sandbox: a restriction of %s", d)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.net.closed {
		return fmt.Errorf("sandbox: %w", ErrClosed)
	}
	p.net.restrict(p.account, d, kind)
	return nil
}

// LiftRestriction ends a reach-out timelock early; no-op without one.
func (p *Phone) LiftRestriction() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.account.restriction.active(p.net.now()) {
		p.net.unrestrict(p.account)
	}
}

// RestrictUnknownSenders restricts the account for d once it has written to limit unregistered numbers; limit 0 ends the rule.
func (p *Phone) RestrictUnknownSenders(limit int, d time.Duration) error {
	if limit < 0 || limit > 0 && d <= 0 {
		return fmt.Errorf("sandbox: restriction of %s after %d messages", d, limit)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	r := &p.account.restriction
	r.unknownLimit, r.unknownFor, r.unknownSeen = limit, d, 0
	return nil
}

// restrict starts or extends a restriction. Call under n.mu.
func (n *Network) restrict(a *account, d time.Duration, kind string) {
	if kind == "" {
		kind = DefaultEnforcement
	}
	r := &a.restriction
	if r.timer != nil {
		r.timer.Stop()
	}
	// Whole seconds, as stanzas carry them.
	r.until, r.kind = n.now().Add(d+time.Second-1).Truncate(time.Second), kind
	r.timer = time.AfterFunc(r.until.Sub(n.now()), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.closed && !r.until.IsZero() && !r.active(n.now()) {
			n.unrestrict(a)
		}
	})
	n.notifyRestriction(a)
}

// unrestrict ends a restriction. Call under n.mu.
func (n *Network) unrestrict(a *account) {
	r := &a.restriction
	if r.timer != nil {
		r.timer.Stop()
	}
	r.until, r.kind, r.timer, r.unknownSeen = time.Time{}, "", nil, 0
	n.notifyRestriction(a)
}

// notifyRestriction sends the state of an account's restriction to its devices. Call under n.mu.
func (n *Network) notifyRestriction(a *account) {
	raw, err := json.Marshal(graphQL{Data: map[string]any{"xwa2_notify_account_reachout_timelock": a.restriction.timelockState(n.now())}})
	if err != nil {
		n.log.Error("restriction not announced", "error", err)
		return
	}
	update := leaf("update", raw)
	update.Attrs = waBinary.Attrs{"op_name": "NotificationUserReachoutTimelockUpdate"}
	n.notifyAccount(a, types.ServerJID, "mex", nil, update)
}

// wroteToUnknown counts a message to an unregistered number, which starts a restriction where the account has such a rule. Call under n.mu.
func (n *Network) wroteToUnknown(a *account) {
	r := &a.restriction
	if r.unknownLimit == 0 || r.active(n.now()) {
		return
	}
	if r.unknownSeen++; r.unknownSeen >= r.unknownLimit {
		n.restrict(a, r.unknownFor, "")
	}
}

// mayReach reports whether an account may write to another: it is not restricted, or the two have a chat. Call under n.mu.
func (n *Network) mayReach(a, other *account) bool {
	if a == other || !a.restriction.active(n.now()) {
		return true
	}
	_, known := a.chats[other]
	return known
}

// noteChat remembers that two accounts have a chat. Call under n.mu.
func noteChat(a, b *account) {
	for _, pair := range [][2]*account{{a, b}, {b, a}} {
		if pair[0].chats == nil {
			pair[0].chats = map[*account]struct{}{}
		}
		pair[0].chats[pair[1]] = struct{}{}
	}
}
