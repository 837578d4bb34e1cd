package bridge_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// quoting returns a text with nested quotes, levels deep.
func quoting(levels int) *waE2E.Message {
	m := &waE2E.Message{Conversation: proto.String("the first")}
	for range levels {
		m = &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text:        proto.String("deep"),
			ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("X"), Participant: proto.String("1@lid"), QuotedMessage: m},
		}}
	}
	return m
}

// flow returns a message with one button with these parameters.
func flow(name, params string) *waE2E.Message {
	m := sandbox.Buttons("flow", "", sandbox.Choice{ID: "x", Label: "x"})
	button := m.GetInteractiveMessage().GetNativeFlowMessage().GetButtons()[0]
	button.Name, button.ButtonParamsJSON = &name, &params
	return m
}

func holdsNUL(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, "\x00")
	case []any:
		return slices.ContainsFunc(v, holdsNUL)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsNUL)
	}
	return false
}

// TestHostileMessagesAreRecorded sends hostile content. Each message is recorded once and blocks no later one: WhatsApp
// would deliver an event that can never be recorded forever.
func TestHostileMessagesAreRecorded(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, url(t))
			ada, mallory := w.account("4915550001", "Ada"), w.account("4915550002", "Mal\x00lory\xff")
			w.paired("ada", ada)
			r := w.reader("ada")
			deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
			for _, m := range []*waE2E.Message{
				sandbox.Text("no \xff\xfe UTF-8"), sandbox.Text("NUL\x00here"), sandbox.Contact("\xc3", "BEGIN:VCARD\x00\xff"),
				sandbox.Poll("\xff?", []string{"\x00", "\xf0\x28"}, 1), sandbox.Location(1, 2, "\xe2\x82", "\x00"),
				quoting(9), quoting(2000),
				flow("odd", `{"a":`+deep+`}`), flow("odd", deep), flow("odd", "{\"a\":\"\xff\"}"), flow("odd", `{"a":"\u0000"}`), flow("quick_reply", `{"id":7}`),
				flow("single_select", `{"title":"t","sections":"none"}`), flow("single_select", `{"sections":[null,{"rows":[null,{"id":"\ud800"}]}]}`),
				{InteractiveMessage: &waE2E.InteractiveMessage{}},
				{TemplateMessage: &waE2E.TemplateMessage{}},
				{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{}},
				{ListResponseMessage: &waE2E.ListResponseMessage{}},
			} {
				id, err := mallory.Send(w.ctx(), ada.JID(), m)
				if err != nil {
					t.Fatal(err)
				}
				e := r.until("message "+m.String()[:min(60, len(m.String()))], func(e event) bool { return e.Type == "Message" && e.data["message_id"] == id })
				if !utf8.Valid(e.Data) || holdsNUL(e.data) {
					t.Errorf("event: %.300s", e.Data)
				}
				stored, err := w.session("ada").Chats().GetMessage(w.ctx(), mallory.JID().String(), id, true)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := json.Marshal(stored); err != nil {
					t.Errorf("the stored message cannot be shown: %v", err)
				}
			}
			if _, err := mallory.Send(w.ctx(), ada.JID(), sandbox.Text("after it")); err != nil {
				t.Fatal(err)
			}
			r.text("after it")
			if text := w.count("ada", "no \ufffd UTF-8") + w.count("ada", "NUL\ufffdhere"); text != 2 {
				t.Errorf("%d of two texts are readable", text)
			}
		})
	}
}
