package inbound

import (
	"reflect"
)

// translators has one function per whatsmeow event. Each family of events has a file.
var translators = gather(
	messageFamily, receiptFamily, presenceFamily, groupFamily, contactFamily, appStateFamily, accountFamily,
	callFamily, newsletterFamily, syncFamily, connectionFamily,
)

// translator adds the records and signals of one event to its translation.
type translator func(*Translation, any) error

type family []struct {
	event reflect.Type
	fn    translator
}

func on[T any](fn func(*Translation, *T) error) struct {
	event reflect.Type
	fn    translator
} {
	return struct {
		event reflect.Type
		fn    translator
	}{reflect.TypeFor[*T](), func(t *Translation, evt any) error { return fn(t, evt.(*T)) }}
}

func gather(families ...family) map[reflect.Type]translator {
	all := make(map[reflect.Type]translator)
	for _, members := range families {
		for _, m := range members {
			if all[m.event] != nil {
				panic("inbound: two translators for " + m.event.String())
			}
			all[m.event] = m.fn
		}
	}
	return all
}

// unknown logs, at level debug, the type of a whatsmeow event without a translator.
func (t *Translation) unknown(evt any) {
	kind := reflect.TypeOf(evt)
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	t.service.log().Debug("an event has no translation", "event", kind.Name())
}
