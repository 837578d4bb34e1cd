package sandboxmethods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/rpc"
)

// ofSession is the param that names the affected connection by its session.
type ofSession struct {
	Session string `json:"session,omitempty" rpc:"max=100" doc:"session; alternative to account; absent = all sessions"`
	Account string `json:"account,omitempty" rpc:"max=100" doc:"account: number or JID, with a device part for one device"`
}

func (p *ofSession) resolveSession(b *bridge.Bridge) error {
	if p.Session == "" {
		return nil
	}
	if plainNumber(p.Account) != "" {
		return rpc.InvalidParams("/account", "session and account exclude each other")
	}
	s, err := sessionOf(b, p.Session)
	if err != nil {
		return err
	}
	jid := s.Status().JID
	if jid.IsEmpty() {
		return rpc.Conflict("the session is not paired")
	}
	p.Session, p.Account = "", jid.String()
	return nil
}

type sandboxInjectFault struct {
	ofSession
	Kind         string  `json:"kind" rpc:"required,enum=cut|cut_after|stall|refuse_send|refuse_request|cut_delivery|undecryptable|duplicate|reorder|slow|refuse_login|temporary_ban|client_outdated|stream_replaced|logged_out|service_unavailable|stream_error|stream_end|first_contact|passkey_lost|passkey_error|media_upload|media_download" doc:"kind of the fault"`
	Tag          string  `json:"tag,omitempty" rpc:"max=40" doc:"only stanzas of this kind"`
	Type         string  `json:"type,omitempty" rpc:"max=40" doc:"only stanzas with this type attribute"`
	Skip         int     `json:"skip,omitempty" rpc:"min=0,max=1000000" doc:"matching stanzas that pass first"`
	Times        int     `json:"times,omitempty" rpc:"min=-1,max=1000000" doc:"how often; default once, -1 = until cleared"`
	Code         int     `json:"code,omitempty" rpc:"min=0,max=9999" doc:"error code, where the kind has one"`
	DelaySeconds float64 `json:"delay_seconds,omitempty" rpc:"min=0,max=3600" doc:"delay of slow, length of temporary_ban"`
}

type sandboxFaultResult struct {
	FaultID string `json:"fault_id" doc:"for sandbox.clearFaults; empty for faults that apply once at the time of the call"`
}

type sandboxClearFaults struct {
	FaultID string `json:"fault_id,omitempty" rpc:"max=100" doc:"only this one; default all"`
}

type sandboxCutResult struct {
	Connections int `json:"connections" doc:"number of cut connections"`
}

type sandboxRequest struct {
	Key    string    `json:"key" doc:"namespace/type/first child, or the reason of the violation"`
	Stanza string    `json:"stanza" doc:"as text"`
	From   string    `json:"from" doc:"sender; empty before login"`
	Time   time.Time `json:"time" doc:"when"`
}

type sandboxFindings struct {
	Requests   []sandboxRequest `json:"requests" doc:"requests without a handler"`
	Violations []sandboxRequest `json:"violations" doc:"stanzas of clients that WhatsApp would refuse; key is the reason"`
}

func registerFaults(reg *rpc.Registry, d Deps) {
	onNetwork(reg, d, "injectFault", "Inject a fault.",
		func(_ context.Context, n *sandbox.Network, p *sandboxInjectFault) (result sandboxFaultResult, err error) {
			result.FaultID, err = n.Inject(sandbox.Fault{
				Kind: sandbox.FaultKind(p.Kind), Session: p.Account, Tag: p.Tag, Type: p.Type, Skip: p.Skip, Times: p.Times, Code: p.Code,
				Delay: time.Duration(p.DelaySeconds * float64(time.Second)),
			})
			return result, err
		})
	onNetwork(reg, d, "clearFaults", "End one fault or all.",
		func(_ context.Context, n *sandbox.Network, p *sandboxClearFaults) (done, error) {
			if p.FaultID != "" {
				n.ClearFault(p.FaultID)
			} else {
				n.ClearFaults()
			}
			return did(nil)
		})
	onNetwork(reg, d, "cut", "Cut connections without a closing stanza, like a broken network.",
		func(_ context.Context, n *sandbox.Network, p *ofSession) (result sandboxCutResult, err error) {
			result.Connections, err = n.Cut(p.Account)
			return result, at("/account", err)
		})
	onNetwork(reg, d, "restart", "Cut every connection, as a restart of WhatsApp's servers does; accounts and queues stay.",
		func(_ context.Context, n *sandbox.Network, _ *struct{}) (done, error) {
			n.Restart()
			return did(nil)
		})
	onNetwork(reg, d, "listUnknownRequests", "List the requests of clients that the simulation does not know, and stanzas that WhatsApp would refuse.",
		func(_ context.Context, n *sandbox.Network, _ *struct{}) (sandboxFindings, error) {
			result := sandboxFindings{Requests: []sandboxRequest{}, Violations: []sandboxRequest{}}
			for _, u := range n.UnknownIQs() {
				result.Requests = append(result.Requests, sandboxRequest{u.Key, u.Stanza, u.From, u.Time})
			}
			for _, v := range n.Violations() {
				result.Violations = append(result.Violations, sandboxRequest{v.Reason, v.Stanza, v.From, v.Time})
			}
			return result, nil
		})
}
