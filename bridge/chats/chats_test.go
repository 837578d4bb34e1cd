package chats

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// A bad sender is refused even if nothing is unread and no receipt would name it.
func TestMarkReadRefusesABadSenderFirst(t *testing.T) {
	chat := types.NewJID("15550001001", types.DefaultUserServer)
	for _, sender := range []string{"x@g.us", "1@example.com"} {
		_, err := (&Service{}).groupUnread(t.Context(), chat, &MarkRead{Sender: sender})
		var e *wa.Error
		if !errors.As(err, &e) || e.Reason != wa.ReasonBadParam || e.Field != "sender" {
			t.Errorf("%s: %v", sender, err)
		}
	}
}
