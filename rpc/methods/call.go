package methods

import (
	"context"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type callRejectParams struct {
	CallID  string `json:"call_id" rpc:"required,min=1,max=128" doc:"call"`
	From    string `json:"from" rpc:"required,format=jid" doc:"caller"`
	Reason  string `json:"reason" rpc:"enum=busy|declined|unavailable" doc:"default declined; returned in the reply, not sent to WhatsApp"`
	Message string `json:"message" rpc:"max=65536" doc:"text that is sent after the rejection"`
}

type callRejectResult struct {
	CallID     string  `json:"call_id" doc:"call"`
	From       string  `json:"from" doc:"caller"`
	ContactKey *string `json:"contact_key" doc:"stable key of the caller"`
	Reason     string  `json:"reason" doc:"as used"`
	MessageID  *string `json:"message_id" doc:"id of the text; null when none was sent"`
}

// defaultCallReason is the reason of a rejection without one.
const defaultCallReason = "declined"

// RegisterCall adds the methods of the namespace call.
func RegisterCall(reg *rpc.Registry, d Deps) {
	shared.OnSessionCall(reg, d.Bridge, rpc.Method{Name: "call.reject", Summary: "Reject an incoming call, optionally writing to the caller.", Repeatable: true},
		func(ctx context.Context, call *rpc.Call, s *bridge.Session, p *callRejectParams) (callRejectResult, error) {
			rejected, err := s.Account().RejectCall(ctx, p.CallID, p.From, p.Message, shared.MessageID(call, 0))
			if err != nil {
				return callRejectResult{}, err
			}
			result := callRejectResult{CallID: p.CallID, From: rejected.From, Reason: p.Reason, MessageID: rejected.MessageID}
			if result.Reason == "" {
				result.Reason = defaultCallReason
			}
			return result, nil
		})
}
