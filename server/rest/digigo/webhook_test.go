package digigo

import (
	"encoding/json"
	"testing"
)

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
