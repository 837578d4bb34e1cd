package methods

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/bridge/sessionconfig"
	"github.com/waystation/waystation/transports/outlets"
)

// Every kind of broker is in the lists of transports: params of methods, and the global transports that sessions can skip.
func TestListsOfTransports(t *testing.T) {
	transport := enumOf(t, transportName{}, "Transport")
	for kind := range outlets.Kinds() {
		if !slices.Contains(transport, kind) {
			t.Errorf("the param transport lacks %s: %v", kind, transport)
		}
		if _, err := sessionconfig.DefaultSettings().Apply(sessionconfig.SettingsPatch{SkipGlobal: &[]string{kind}}); err != nil {
			t.Errorf("sessions cannot skip %s: %v", kind, err)
		}
	}
}

// enumOf returns the values that the rule of a field allows.
func enumOf(t *testing.T, params any, field string) []string {
	t.Helper()
	f, ok := reflect.TypeOf(params).FieldByName(field)
	_, values, isEnum := strings.Cut(f.Tag.Get("rpc"), "enum=")
	if !ok || !isEnum {
		t.Fatalf("%T.%s has no enum", params, field)
	}
	values, _, _ = strings.Cut(values, ",")
	return strings.Split(values, "|")
}
