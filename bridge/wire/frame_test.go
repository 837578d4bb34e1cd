package wire

import (
	"bytes"
	"compress/zlib"
	"errors"
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/binary/token"
	"go.mau.fi/whatsmeow/types"
)

func marshal(t testing.TB, node waBinary.Node) []byte {
	t.Helper()
	frame, err := waBinary.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// sample is a stanza with all forms of values.
func sample() waBinary.Node {
	return waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"id": "3EB0ABCDEF", "t": "1760000000", "from": types.NewJID("15550000001", types.DefaultUserServer), "notify": "Ada Lovelace",
		"participant": types.JID{User: "100000000000001", Server: types.HiddenUserServer, Device: 3}, "to": types.NewJID("", types.GroupServer),
	}, Content: []waBinary.Node{
		{Tag: "enc", Attrs: waBinary.Attrs{"v": "2"}, Content: bytes.Repeat([]byte{7}, 300)},
		{Tag: "list", Content: slices.Repeat([]waBinary.Node{{Tag: "item"}}, 300)},
		{Tag: "empty"},
	}}
}

func compressed(t testing.TB, frame []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteByte(frame[0] | frameCompressed)
	writer := zlib.NewWriter(&out)
	if _, err := writer.Write(frame[1:]); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCheckPassesWhatTheDecoderReads(t *testing.T) {
	frame := marshal(t, sample())
	limits := Limits{Bytes: len(frame) - 1, Depth: 3}
	for name, in := range map[string][]byte{"plain": frame, "compressed": compressed(t, frame)} {
		out, err := limits.CheckFrame(in)
		if err != nil || !bytes.Equal(out, frame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, limits := range map[string]Limits{"size": {Bytes: len(frame) - 2, Depth: 3}, "depth": {Bytes: len(frame), Depth: 2}} {
		for _, in := range [][]byte{frame, compressed(t, frame)} {
			if _, err := limits.CheckFrame(in); !errors.Is(err, ErrFrame) {
				t.Errorf("over the limit of %s: %v", name, err)
			}
		}
	}
}

func TestCheckRejectsWhatTheDecoderCannotRead(t *testing.T) {
	limits := Limits{Bytes: 1 << 20, Depth: 32}
	deep := []byte{0}
	for range 200_000 {
		deep = append(deep, token.List8, 2, 30, token.List8, 1)
	}
	for name, frame := range map[string][]byte{
		"empty": {}, "only the flags": {0}, "compressed nothing": {2}, "not compressed": {2, 1, 2, 3}, "a bomb": compressed(t, make([]byte, 64<<20)), "deep": deep,
		"more stanzas than bytes": {0, token.List8, 2, 30, token.List16, 0xff, 0xff}, "an empty list": {0, 0}, "no list": {0, 30},
		"no tag": {0, token.List8, 1, 0}, "a list as tag": {0, token.List8, 1, token.List8, 0}, "an address as tag": {0, token.List8, 1, token.JIDPair, 0, 30},
		"an address without server": {0, token.List8, 3, 30, 30, token.JIDPair, 30, 0}, "a list as user": {0, token.List8, 3, 30, 30, token.ADJID, 0, 0, token.List8, 0},
		"less than no digits": {0, token.List8, 1, token.Nibble8, 0x80}, "bytes that do not follow": {0, token.List8, 2, 30, token.Binary32, 0xff, 0xff, 0xff, 0xff},
		"unknown token": {0, token.List8, 1, 243}, "a cut messenger address": {0, token.List8, 3, 30, 30, token.FBJID, 0, 0, 0, 0},
		"a cut interop address": {0, token.List8, 3, 30, 30, token.InteropJID, 30, 0, 0, 0},
	} {
		if _, err := limits.CheckFrame(frame); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	frame := marshal(t, sample())
	for i := range frame {
		if _, err := limits.CheckFrame(frame[:i]); !errors.Is(err, ErrFrame) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
}

// FuzzCheck checks that the decoder reads each frame that passes.
func FuzzCheck(f *testing.F) {
	f.Add(marshal(f, sample()))
	f.Add([]byte{0, token.List8, 3, 30, 30, token.InteropJID, 30, 0, 0, 0, 0, 30})
	f.Add([]byte{0, token.List8, 3, 30, 30, token.ADJID, 0, 0, 30})
	f.Fuzz(func(_ *testing.T, in []byte) {
		if out, err := (Limits{Bytes: 1 << 16, Depth: 32}).CheckFrame(in); err == nil {
			_, _ = waBinary.Unmarshal(out[1:]) // must not panic or overflow; an error is allowed
		}
	})
}
