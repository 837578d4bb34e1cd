package wa

import (
	"encoding/json"
	"reflect"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Every field that whatsmeow's descriptors have, of every message up to some depth, comes out of GoJSON as encoding/json
// writes the struct that wuzapi sends: the same names, numbers for enumerations and 64-bit integers.
func TestGoJSONOfEveryField(t *testing.T) {
	seen := 0
	for _, field := range fieldsOf((&waE2E.Message{}).ProtoReflect().Descriptor()) {
		message := &waE2E.Message{}
		fill(message.ProtoReflect(), field, 3)
		raw, err := ProtoJSON(message)
		if err != nil || raw == nil {
			t.Fatalf("%s: %s, %v", field.Name(), raw, err)
		}
		got, err := GoJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", field.Name(), err)
		}
		want, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: got %.500s\nwant %.500s", field.Name(), got, want)
		}
		if top, _ := a.(map[string]any); top[string(field.Name())] == nil {
			t.Errorf("%s is not in %.200s", field.Name(), got)
		}
		seen++
	}
	if seen < 50 {
		t.Errorf("only %d kinds of messages", seen)
	}
}

func fieldsOf(d protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	out := make([]protoreflect.FieldDescriptor, d.Fields().Len())
	for i := range out {
		out[i] = d.Fields().Get(i)
	}
	return out
}

// fill sets a field, and all below it to a depth. Of a oneof the last member stays.
func fill(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	if field.IsMap() {
		return
	}
	if field.IsList() {
		list := m.Mutable(field).List()
		if field.Message() != nil {
			inner := list.NewElement()
			fillAll(inner.Message(), depth-1)
			list.Append(inner)
		} else {
			list.Append(value(field))
		}
		return
	}
	if field.Message() != nil {
		fillAll(m.Mutable(field).Message(), depth-1)
		return
	}
	m.Set(field, value(field))
}

func fillAll(m protoreflect.Message, depth int) {
	for _, field := range fieldsOf(m.Descriptor()) {
		if depth > 0 || field.Cardinality() == protoreflect.Required {
			fill(m, field, depth)
		}
	}
}

func value(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(-32)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(-1 << 60)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1 << 60)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(2.5)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{1, 2, 255})
	default:
		return protoreflect.ValueOfString("text <&>")
	}
}

// A field that whatsmeow's descriptors do not know is left out; input that is not a message is an error.
func TestGoJSONOfOtherInput(t *testing.T) {
	got, err := GoJSON(json.RawMessage(`{"conversation": "a", "laterField": {"x": 1}}`))
	if err != nil || string(got) != `{"conversation":"a"}` {
		t.Errorf("%s, %v", got, err)
	}
	revoke, err := ProtoJSON(&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), EphemeralExpiration: proto.Uint32(7)}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err = GoJSON(revoke); err != nil || string(got) != `{"protocolMessage":{"type":0,"ephemeralExpiration":7}}` {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `"text"`, `{"conversation": 5}`} {
		if got, err := GoJSON(json.RawMessage(bad)); err == nil {
			t.Errorf("%s: %s", bad, got)
		}
	}
}
