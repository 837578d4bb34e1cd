package deliverymethods

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/transports/outlets"
)

// Replays can go to every kind of broker.
func TestListsOfTransports(t *testing.T) {
	field, _ := reflect.TypeFor[archiveReplayParams]().FieldByName("ToTransport")
	_, values, _ := strings.Cut(field.Tag.Get("rpc"), "enum=")
	values, _, _ = strings.Cut(values, ",")
	for kind := range outlets.Kinds() {
		if !slices.Contains(strings.Split(values, "|"), kind) {
			t.Errorf("the param to_transport lacks %s: %s", kind, values)
		}
	}
}
