package logmask

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/signal"
)

// TestLogMasksPeople logs addresses, names and stanzas in the formats of whatsmeow, libsignal and the bridge, and
// searches the log for them.
func TestLogMasksPeople(t *testing.T) {
	const number, lid, name, words = "15550123456", "100000012345678", "Ada Secret", "meet me at noon"
	pn := types.JID{User: number, Server: types.DefaultUserServer, Device: 12}
	hidden := types.NewJID(lid, types.HiddenUserServer)
	stanza := waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"from": pn, "notify": name, "t": "1760000000"}, Content: []waBinary.Node{
		{Tag: "body", Content: words},
		{Tag: "enc", Attrs: waBinary.Attrs{"type": "msg"}, Content: []byte(name)},
		{Tag: "raw", Content: []byte{1, 2, 3, 250}},
	}}
	failed := fmt.Errorf("parse %s: %w", &stanza, errors.New("no attribute from "+pn.String()))
	var out bytes.Buffer
	log := NewLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).With("session", "shop", "owner", number)
	wa := ForClient(log, nil)
	for _, write := range []func(string, ...any){wa.Infof, wa.Warnf, wa.Errorf, wa.Debugf, wa.Sub("Recv").Warnf, wa.Sub("Database").Errorf} {
		write("Successfully paired %s", &pn)
		write("Stored LID doesn't match one in connect success: %s != %s", hidden, pn)
		write("Failed to get privacy token for %v: %v", []types.JID{pn, hidden}, failed)
		write("Unknown stream error: %s", &stanza)
		write("Failed to encrypt for %s in %s-1600000000@g.us", pn.SignalAddress(), number)
		write("Failed to parse user ID '%s' in push name history sync: %v", "+"+number, failed)
		write("retry of x%s_1:12", number)
	}
	signal.LibraryLog(log).Error("session.go", "no session for "+pn.SignalAddress().String())
	log.Warn("a receipt of "+pn.String()+" could not be sent", "error", failed, "to", pn, "chat", &hidden, "text", pn.String(),
		slog.Group("of", "jid", pn), "stanza", &stanza, "numbers", []string{number})
	log.WithGroup("g").Info("x", "jid", pn)
	text := out.String()
	for _, secret := range []string{number, lid, name, words, "5550123", "0123456"} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("the log names %q: %s", secret, text[max(0, i-80):min(len(text), i+80)])
		}
	}
	for _, kept := range []string{"Successfully paired *********56:12@s.whatsapp.net", "session=shop", "<message …>", "module=whatsmeow/Recv", "level=WARN"} {
		if !strings.Contains(text, kept) {
			t.Errorf("the log lacks %q", kept)
		}
	}
}

// TestMaskPersonal checks that text without personal data stays unchanged.
func TestMaskPersonal(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"no number":                      "no number",
		"status 500 after 123456 ms":     "status 500 after 123456 ms",
		"+1 (555) 012":                   "+1 (555) 012",
		"15550123456":                    "*********56",
		"15550123456:3@s.whatsapp.net":   "*********56:3@s.whatsapp.net",
		"x15550123456y":                  "x*********56y",
		"1234567":                        "*****67",
		"a < b and c > d":                "a < b and c > d",
		"<iq from='15550123456'/>":       "<iq …/>",
		"<iq><n to=\"x\">Ada</n></iq>":   "<iq><n …>…</n></iq>",
		"<text>\nAda\nLovelace\n</text>": "<text>…</text>",
	} {
		if got := maskPersonal(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
