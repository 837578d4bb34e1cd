package wire

import (
	"strings"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
)

func TestEndFrames(t *testing.T) {
	many := waBinary.Attrs{}
	for i := range 200 {
		many["a"+strings.Repeat("x", i)] = "1"
	}
	for name, test := range map[string]struct {
		node waBinary.Node
		want bool
	}{
		"stream error":       {waBinary.Node{Tag: "stream:error"}, true},
		"with attributes":    {waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}, Content: []waBinary.Node{{Tag: "conflict"}}}, true},
		"failure":            {waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "401"}}, true},
		"many attributes":    {waBinary.Node{Tag: "failure", Attrs: many}, true},
		"message":            {waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"type": "failure"}}, false},
		"end of the stream":  {waBinary.Node{Tag: "xmlstreamend"}, false},
		"child of that name": {waBinary.Node{Tag: "iq", Content: []waBinary.Node{{Tag: "failure"}}}, false},
	} {
		frame, err := waBinary.Marshal(test.node)
		if err != nil {
			t.Fatal(err)
		}
		if got := isEndFrame(frame); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, short := range [][]byte{nil, {0}, {0, 248}, {0, 249, 0, 1}} {
		if isEndFrame(short) {
			t.Errorf("%v is no stanza", short)
		}
	}
}
