package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	methods := []string{"chat.get", "chat.list", "message.sendImage", "message.sendText", "session.list", "group.list", "events.ack"}
	settings := []string{"listen", "max-frame", "max-body", "log-level", "log-format", "public-url"}
	for _, c := range []struct {
		text  string
		names []string
		want  string
	}{
		{"message.sendTxt", methods, "message.sendText"},
		{"message.sendtext", methods, "message.sendText"},
		{"message.send_text", methods, "message.sendText"},
		{"messages.sendText", methods, "message.sendText"},
		{"message.sednText", methods, "message.sendText"},
		{"chat.lits", methods, "chat.list"},
		{"Chat.List", methods, "chat.list"},
		{"event.ack", methods, "events.ack"},
		{"sendText", methods, "message.sendText"},
		{"list", methods, ""}, // three are
		{"rpc.discover", methods, ""},
		{"max_frame", settings, "max-frame"},
		{"MAX_FRAME", settings, "max-frame"},
		{"maxframe", settings, "max-frame"},
		{"max-fram", settings, "max-frame"},
		{"loglevel", settings, "log-level"},
		{"publicurl", settings, "public-url"},
		{"lissten", settings, "listen"},
		{"listen", []string{"listen"}, ""}, // it is known
		{"port", settings, ""},
		{"", settings, ""},
		{strings.Repeat("listen", 1000), settings, ""},
		{"größe", []string{"groesse", "größen"}, "größen"},
		{"to", []string{"do"}, "do"},
		{"to", []string{"text"}, ""},
	} {
		if got := Nearest(c.text, c.names); got != c.want {
			t.Errorf("%.40q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := Hint("max-fram", settings); got != `; did you mean "max-frame"?` {
		t.Error(got)
	}
	if got := Hint("unlike", settings); got != "" {
		t.Error(got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abcd", 1}, {"abc", "xbc", 1}, {"kitten", "sitting", 3}} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := distance([]rune(pair[0]), []rune(pair[1]), 10); got != c.want {
				t.Errorf("%q: %d, want %d", pair, got, c.want)
			}
		}
	}
}
