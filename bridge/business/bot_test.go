package business

import (
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Parts of a profile may be missing or of another kind.
func TestIncompleteBotProfile(t *testing.T) {
	jid := types.NewJID("15550100009", types.DefaultUserServer)
	for name, node := range map[string]waBinary.Node{
		"empty": {Tag: "profile"},
		"texts that are lists": {Tag: "profile", Content: []waBinary.Node{
			{Tag: "name", Content: []waBinary.Node{{Tag: "x"}}}, {Tag: "commands", Content: []waBinary.Node{{Tag: "command"}}}, {Tag: "prompts", Content: []byte("x")},
		}},
	} {
		got := botProfile(jid, &node)
		if got.Contact != jid.String() || got.Name != nil || got.Prompts == nil || got.Commands == nil || got.PersonaID != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
