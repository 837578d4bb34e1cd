package digigo

import (
	"encoding/json"
	"testing"
)

// A time comes back as it was given, although it is kept in seconds.
func TestMilliseconds(t *testing.T) {
	for ms := range 5000 {
		if got := milliseconds(float64(ms) / 1000); got != ms {
			t.Fatalf("%d ms came back as %d", ms, got)
		}
	}
}

// The list of events is a list for all webhooks.
func TestSubscribedEvents(t *testing.T) {
	for want, events := range map[string][]string{
		`[]`: nil, `["All"]`: {"Message", "*"}, `["Message","ReadReceipt"]`: {"Message", "ReadReceipt"},
	} {
		if got, err := json.Marshal(documentedNames(events)); err != nil || string(got) != want {
			t.Errorf("%v is shown as %s, %v", events, got, err)
		}
	}
}
