package bridge_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// node returns a stanza; content is the value of waBinary.Node.Content.
func node(tag string, attrs waBinary.Attrs, content any) waBinary.Node {
	return waBinary.Node{Tag: tag, Attrs: attrs, Content: content}
}

func children(nodes ...waBinary.Node) []waBinary.Node { return nodes }

// malformed is a stanza that differs in one place from a stanza of WhatsApp.
type malformed struct {
	change string // the difference and its place
	node   waBinary.Node
}

// odd is an attribute or content that WhatsApp does not send there.
type odd struct {
	name  string
	value any
}

// oddValues are attributes of the wrong type, and huge ones, by name. They are built once and never modified: some are
// large, and vary lists them for every attribute of every child.
var oddValues = byName(map[string]any{
	"word": "x", "negative": "-1", "huge": "99999999999999999999", "largest": "9223372036854775807", "long": strings.Repeat("9", 70_000),
	"binary": "\xff\xfe\x00", "group": types.NewJID("1", types.GroupServer), "newsletter": types.NewJID("1", types.NewsletterServer),
	"hosted": types.JID{User: "1", Server: types.HostedServer, Device: 99}, "bot": types.NewJID("1", types.BotServer),
	"messenger": types.JID{User: "1", Server: types.MessengerServer, Device: 65535}, "interop": types.JID{User: "1", Server: types.InteropServer, Integrator: 65535},
	"server": types.ServerJID, "empty user": types.JID{Server: types.DefaultUserServer}, "empty device": types.JID{Server: types.DefaultUserServer, Device: 3},
	"broadcast": types.StatusBroadcastJID, "unknown server": types.NewJID("1", "nowhere.example"), "list": children(node("x", nil, nil)),
})

// oddContents are contents of the wrong type, empty and huge ones, by name; see oddValues.
var oddContents = byName(map[string]any{
	"nothing": nil, "no children": []waBinary.Node{}, "no bytes": []byte{}, "a byte": []byte{0xff}, "text": "text", "address": types.NewJID("1", types.GroupServer),
	"unknown child": children(node("unknown", waBinary.Attrs{"a": "b"}, nil)), "json": []byte(`{"data":null}`), "deep": nested(20), "long": make([]byte, 300_000),
	"many": slices.Repeat(children(node("item", nil, nil)), 3000), "error": children(node("error", waBinary.Attrs{"code": "500"}, nil)),
})

func byName(values map[string]any) []odd {
	list := make([]odd, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, odd{name, values[name]})
	}
	return list
}

// nested returns a stanza inside further stanzas, levels of them.
func nested(levels int) []waBinary.Node {
	inner := children(node("x", nil, nil))
	for range levels {
		inner = children(node("x", nil, inner))
	}
	return inner
}

// variants returns every stanza that differs from the base in one attribute, content or child.
func variants(base waBinary.Node) []malformed {
	list := []malformed{{"as it is", base}}
	vary(base, base.Tag, func(change string, build func() waBinary.Node) { list = append(list, malformed{change, build()}) })
	return list
}

// vary calls found with the name of each change of a stanza and a function that builds the changed one. Some are large;
// callers that need one build only that one.
func vary(n waBinary.Node, path string, found func(change string, build func() waBinary.Node)) {
	for _, key := range slices.Sorted(maps.Keys(n.Attrs)) {
		found(path+" without "+key, func() waBinary.Node {
			less := maps.Clone(n.Attrs)
			delete(less, key)
			return node(n.Tag, less, n.Content)
		})
		for _, o := range oddValues {
			found(path+" with "+o.name+" "+key, func() waBinary.Node {
				other := maps.Clone(n.Attrs)
				other[key] = o.value
				return node(n.Tag, other, n.Content)
			})
		}
	}
	for _, o := range oddContents {
		found(path+" with content "+o.name, func() waBinary.Node { return node(n.Tag, n.Attrs, o.value) })
	}
	inner := n.GetChildren()
	for i, child := range inner {
		found(path+" without child "+child.Tag, func() waBinary.Node {
			return node(n.Tag, n.Attrs, slices.Delete(slices.Clone(inner), i, i+1))
		})
		found(path+" with child "+child.Tag+" twice", func() waBinary.Node {
			return node(n.Tag, n.Attrs, slices.Insert(slices.Clone(inner), i, child))
		})
		vary(child, path+"/"+child.Tag, func(change string, build func() waBinary.Node) {
			found(change, func() waBinary.Node {
				changed := slices.Clone(inner)
				changed[i] = build()
				return node(n.Tag, n.Attrs, changed)
			})
		})
	}
}

// fill sets the fields of a protobuf message to random values, at most depth levels deep; in larger messages it sets
// only some fields.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(max(2, fields.Len()/3)) != 0 && f.Cardinality() != protoreflect.Required {
			continue
		}
		switch {
		case f.IsMap():
		case f.IsList():
			list := m.Mutable(f).List()
			for range r.IntN(3) {
				if f.Message() == nil {
					list.Append(scalar(r, f))
				} else if item := list.NewElement(); depth > 0 {
					fill(r, item.Message(), depth-1)
					list.Append(item)
				}
			}
		case f.Message() != nil:
			if depth > 0 {
				fill(r, m.Mutable(f).Message(), depth-1)
			} else if !requires(f.Message()) {
				m.Mutable(f)
			}
		default:
			m.Set(f, scalar(r, f))
		}
	}
}

func scalar(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	texts := []string{"", "x", "1@s.whatsapp.net", "1@lid", "1-2@g.us", "@", "https://example.com/a", strings.Repeat("y", 3000), "\u0000", "{", "[]", `{"id":null}`}
	number := []int64{0, 1, -1, 1 << 31, -1 << 63, 1<<63 - 1, 1_700_000_000}[r.IntN(7)]
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts[r.IntN(len(texts))])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([][]byte{{}, {0xff}, make([]byte, 32), make([]byte, 2000)}[r.IntN(4)])
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(number)))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(number))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(number) * 1e300)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(number)
	}
	return protoreflect.ValueOfUint64(uint64(number))
}

// filled returns a message with random fields.
func filled[T proto.Message](seed uint64, depth int) T {
	var zero T
	m := zero.ProtoReflect().New()
	fill(rand.New(rand.NewPCG(seed, 7)), m, depth)
	return m.Interface().(T)
}

// eachField calls found with one message for each field of T, which has an empty value.
func eachField[T proto.Message](found func(name string, m T)) {
	var zero T
	fields := zero.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		m := zero.ProtoReflect().New()
		switch {
		case f.IsMap():
			continue
		case f.IsList():
			list := m.Mutable(f).List()
			if f.Message() != nil {
				list.Append(list.NewElement())
			}
		case f.Message() != nil:
			m.Mutable(f)
		default:
			m.Set(f, scalar(rand.New(rand.NewPCG(1, uint64(i))), f))
		}
		found(string(f.Name()), m.Interface().(T))
	}
}

func unixText(n int64) string { return strconv.FormatInt(n, 10) }

// requires reports whether a message has required fields (proto2).
func requires(m protoreflect.MessageDescriptor) bool {
	for i := range m.Fields().Len() {
		if m.Fields().Get(i).Cardinality() == protoreflect.Required {
			return true
		}
	}
	return false
}
