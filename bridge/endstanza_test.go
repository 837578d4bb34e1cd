package bridge_test

import (
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/bridge"
)

// TestEndsDroppedByTheClientAreHandled ends the socket before whatsmeow has handled the last stanza: the stanza takes
// effect nevertheless.
func TestEndsDroppedByTheClientAreHandled(t *testing.T) {
	conflict := func(code, kind string) waBinary.Node {
		return waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": code}, Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": kind}}}}
	}
	for name, test := range map[string]struct {
		last waBinary.Node
		want bridge.State
	}{
		"replaced":  {conflict("", "replaced"), bridge.StateReplaced},
		"unlinked":  {conflict("401", "device_removed"), bridge.StateCreated},
		"outdated":  {waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "405"}}, bridge.StateOutdated},
		"banned":    {waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": "402", "code": "101", "expire": "3600"}}, bridge.StateBanned},
		"restarted": {waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "503"}}, bridge.StateConnected},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.paired("ada", w.account("15550001", "Ada"))
			if err := s.EndUnhandled(test.last); err != nil {
				t.Fatal(err)
			}
			w.reaches(s, test.want)
			time.Sleep(100 * time.Millisecond) // longer than the pause before another connection
			if state := s.Status().State; state != test.want {
				t.Errorf("later the state is %s", state)
			}
		})
	}
}
