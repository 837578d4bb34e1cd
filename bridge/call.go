package bridge

import "context"

// maxCallID bounds the id of a call; WhatsApp's have 32 characters.
const maxCallID = 128

// RejectCall rejects an incoming call and returns the caller's full address.
func (s *Session) RejectCall(ctx context.Context, callID, from string) (string, error) {
	if callID == "" || len(callID) > maxCallID {
		return "", badParam("call_id", "must have 1 to %d characters", maxCallID)
	}
	jid, err := s.parsePerson("from", from)
	if err != nil {
		return "", err
	}
	client, err := s.live()
	if err != nil {
		return "", err
	}
	return jid.String(), waError("reject the call", client.RejectCall(ctx, jid, callID))
}
