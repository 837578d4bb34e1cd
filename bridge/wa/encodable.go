package wa

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"

	"github.com/waystation/waystation/transports/journal"
)

// The other side can send any number as a time and any text as an address. JSON cannot represent some of them, and the journal refuses
// events with them; an event that can never be recorded would be redelivered for ever. So such values are replaced before.

// lastTime is the last second with an RFC 3339 form.
const lastTime = 253_402_300_799

// HasForm reports whether a time has an RFC 3339 form.
func HasForm(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}

// RepairStanzaTime replaces an impossible time of a stanza by the present. A value that is not a number stays; whatsmeow refuses it.
func RepairStanzaTime(node *waBinary.Node) {
	text, ok := node.Attrs["t"].(string)
	if !ok {
		return
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if (err == nil && (at < 0 || at > lastTime)) || errors.Is(err, strconv.ErrRange) {
		node.Attrs["t"] = strconv.FormatInt(time.Now().Unix(), 10)
	}
}

// MarshalData is json.Marshal for data of events. When a time or a number in it has no form in JSON, all such values are replaced: optional ones by
// null, times by the present, numbers by 0.
func MarshalData(data any) (json.RawMessage, error) {
	raw, err := json.Marshal(data)
	if err == nil {
		return raw, nil
	}
	value := reflect.New(reflect.TypeOf(data)).Elem()
	value.Set(reflect.ValueOf(data))
	repair(value)
	return json.Marshal(value.Interface())
}

var timeType = reflect.TypeFor[time.Time]()

func repair(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())
		repair(inner)
		if v.CanSet() {
			v.Set(inner)
		}
	case reflect.Pointer:
		switch {
		case v.IsNil():
		case !encodable(v.Elem()) && v.CanSet():
			v.SetZero()
		default:
			repair(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == timeType {
			if !encodable(v) && v.CanSet() {
				v.Set(reflect.ValueOf(time.Now().UTC().Truncate(time.Second)))
			}
			return
		}
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() || field.Anonymous { // JSON has the exported fields of embedded structs
				repair(v.Field(i))
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(v.MapIndex(key))
			repair(item)
			v.SetMapIndex(key, item)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			repair(v.Index(i))
		}
	case reflect.Float32, reflect.Float64:
		if !encodable(v) && v.CanSet() {
			v.SetFloat(0)
		}
	}
}

// encodable reports whether a time or a floating-point number has a form in JSON; other values have.
func encodable(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		return !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0)
	case reflect.Struct:
		if v.Type() == timeType && v.CanInterface() {
			return HasForm(v.Interface().(time.Time))
		}
	}
	return true
}

// maxChatBytes is the longest address of a chat that the journal takes.
const maxChatBytes = 512

// ValidChats returns the addresses that the journal takes.
func ValidChats(chats []string) []string {
	for i, chat := range chats {
		if validChat(chat) {
			continue
		}
		kept := append([]string{}, chats[:i]...)
		for _, chat := range chats[i+1:] {
			if validChat(chat) {
				kept = append(kept, chat)
			}
		}
		return kept
	}
	return chats
}

func validChat(chat string) bool {
	return chat != "" && len(chat) <= maxChatBytes && utf8.ValidString(chat) && !strings.ContainsAny(chat, "\x00\n")
}

// NeverRecorded reports whether the journal refuses a record because of its content, so that retries are useless.
func NeverRecorded(err error) bool {
	return errors.Is(err, journal.ErrInvalid) || errors.Is(err, journal.ErrTooLarge)
}
