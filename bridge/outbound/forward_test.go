package outbound

import (
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/conntest"
	"github.com/waystation/waystation/bridge/messages"
	"github.com/waystation/waystation/bridge/wa"
)

func TestForwardable(t *testing.T) {
	row := func(m *waE2E.Message, body string) *messages.Row {
		raw, err := proto.Marshal(m)
		must(t, err)
		return &messages.Row{Raw: raw, Body: []byte(body), Type: "x", Text: "shown text"}
	}
	once := row(hello("x"), `{"view_once":true}`)
	deleted := row(hello("x"), "")
	deleted.DeletedAt = time.Now()
	for name, c := range map[string]struct {
		row    *messages.Row
		reason wa.Reason
		score  uint32
		text   string
	}{
		"text":               {row(hello("hi"), ""), "", 1, "hi"},
		"forwarded before":   {row(hello("hi"), `{"forwarding_score":3}`), "", 4, "hi"},
		"selection":          {row(&waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{}}, `{"selection":{}}`), "", 1, "shown text"},
		"image":              {row(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: ptr("c")}, MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: []byte{1}}}, ""), "", 1, ""},
		"without content":    {&messages.Row{}, wa.ReasonNotFound, 0, ""},
		"deleted":            {deleted, wa.ReasonNotFound, 0, ""},
		"opens once":         {once, wa.ReasonNotSupported, 0, ""},
		"without a context":  {row(&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{}}, ""), wa.ReasonNotSupported, 0, ""},
		"unreadable content": {&messages.Row{Raw: []byte{0xff}}, wa.ReasonStorage, 0, ""},
	} {
		content, err := forwardable(c.row)
		if wa.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.reason != "" {
			continue
		}
		info := content.GetExtendedTextMessage().GetContextInfo()
		if content.ImageMessage != nil {
			info = content.ImageMessage.ContextInfo
		}
		if !info.GetIsForwarded() || info.GetForwardingScore() != c.score || content.GetExtendedTextMessage().GetText() != c.text || content.MessageContextInfo != nil {
			t.Errorf("%s: %v", name, content)
		}
	}
}

func TestForwardSendsToEachRecipientOnce(t *testing.T) {
	w := connect(t)
	ctx := w.net.Deadline()
	w.save(conntest.Ada, "HERS", conntest.Ada, hello("news"))
	var done []int
	options := ForwardOptions{MessageIDs: []string{"TO-BOB", "TO-ADA"}, Progress: func(n int) { done = append(done, n) }}
	to := []string{conntest.Bob.String(), conntest.Ada.String()}
	for range 2 { // the repeat sends nothing
		out, err := w.Forward(ctx, conntest.Ada.String(), "HERS", to, options)
		must(t, err)
		for i, f := range out {
			if f.Error != nil || f.To != to[i] || *f.MessageID != options.MessageIDs[i] || f.Timestamp.IsZero() {
				t.Errorf("forwarded %+v", f)
			}
		}
	}
	if got := w.received(w.net.BobPhone, "TO-BOB").Message.GetExtendedTextMessage(); got.GetText() != "news" || !got.GetContextInfo().GetIsForwarded() {
		t.Errorf("Bob received %v", got)
	}
	if len(w.pending) != 2 || len(done) != 4 || done[3] != 2 {
		t.Errorf("%d messages sent, progress %v", len(w.pending), done)
	}

	w.reach = Reachout{Active: true}
	out, err := w.Forward(ctx, conntest.Ada.String(), "HERS", []string{"15550009998", conntest.Bob.String()}, ForwardOptions{})
	must(t, err)
	if out[0].Error == nil || !strings.Contains(*out[0].Error, "new contacts") || out[0].MessageID != nil || out[1].Error != nil {
		t.Errorf("one of two refused: %+v", out)
	}
	for _, c := range []struct {
		to    []string
		id    string
		field string
	}{{nil, "HERS", "recipients"}, {make([]string, 101), "HERS", "recipients"}, {[]string{"?"}, "HERS", "recipients/0"}} {
		_, err := w.Forward(ctx, conntest.Ada.String(), c.id, c.to, ForwardOptions{})
		refused(t, err, wa.ReasonBadParam, c.field)
	}
	if _, err = w.Forward(ctx, conntest.Ada.String(), "UNKNOWN", to, ForwardOptions{}); wa.ReasonOf(err) != wa.ReasonNotFound {
		t.Errorf("an unknown message: %v", err)
	}
}
