package wa

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var protoEncoder = protojson.MarshalOptions{}

// MaxRawDepth bounds the nesting of received messages, in levels of JSON. Apps
// nest a dozen; encoding/json gives up at 10,000, many clients sooner.
const MaxRawDepth = 100

var NulInJSON = []byte(`\u0000`)

// ProtoJSON returns a message as JSON; nil when it is nested too deeply. Values that
// JSON or a database cannot represent are replaced in the message itself, so that
// all of its forms agree.
func ProtoJSON(m proto.Message) (json.RawMessage, error) {
	if m == nil {
		return nil, nil
	}
	raw, err := protoEncoder.Marshal(m)
	if err != nil || bytes.Contains(raw, NulInJSON) {
		cleanTexts(m.ProtoReflect())
		raw, err = protoEncoder.Marshal(m)
	}
	if err != nil || DeeperThan(raw, MaxRawDepth) {
		return nil, err
	}
	return raw, nil
}

// CleanText replaces what is not UTF-8, and NUL, which PostgreSQL does not
// store. Peers may send both.
func CleanText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// cleanTexts is cleanText for every text in a message.
func cleanTexts(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if kind := field.MapValue().Kind(); kind == protoreflect.MessageKind {
				value.Map().Range(func(_ protoreflect.MapKey, inner protoreflect.Value) bool {
					cleanTexts(inner.Message())
					return true
				})
			}
		case field.IsList():
			cleanList(field.Kind(), value.List())
		case field.Kind() == protoreflect.StringKind:
			if text := value.String(); CleanText(text) != text {
				m.Set(field, protoreflect.ValueOfString(CleanText(text)))
			}
		case field.Message() != nil:
			cleanTexts(value.Message())
		}
		return true
	})
}

func cleanList(kind protoreflect.Kind, list protoreflect.List) {
	for i := range list.Len() {
		switch kind {
		case protoreflect.StringKind:
			list.Set(i, protoreflect.ValueOfString(CleanText(list.Get(i).String())))
		case protoreflect.MessageKind:
			cleanTexts(list.Get(i).Message())
		}
	}
}

// DeeperThan reports whether JSON is nested beyond a number of levels.
func DeeperThan(raw []byte, levels int) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > levels {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
