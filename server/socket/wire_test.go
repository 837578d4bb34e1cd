package socket

import (
	"bytes"
	"testing"
)

func TestCutControl(t *testing.T) {
	full := append([]byte{0x8a, 0x80 | 125, 1, 2, 3, 4}, make([]byte, 125)...)
	for _, c := range []struct {
		name          string
		in            []byte
		opcode        byte
		payload, rest string
	}{
		{"ping", []byte{0x89, 0x82, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2}, opPing, "ab", ""},
		{"empty pong and more", []byte{0x8a, 0x80, 0, 0, 0, 0, 'x'}, opPong, "", "x"},
		{"mask used again", []byte{0x8a, 0x85, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1}, opPong, "abcde", ""},
		{"longest", full, opPong, string(bytes.Repeat([]byte{1, 2, 3, 4}, 32)[:125]), ""},
		{"longest cut", full[:130], 0, "", ""},
		{"nothing", nil, 0, "", ""},
		{"head cut", []byte{0x89, 0x80, 0, 0, 0}, 0, "", ""},
		{"without mask", []byte{0x89, 0x00, 'x', 'x', 'x', 'x'}, 0, "", ""},
		{"not the last part", []byte{0x09, 0x80, 0, 0, 0, 0}, 0, "", ""},
		{"reserved bit", []byte{0xc9, 0x80, 0, 0, 0, 0}, 0, "", ""},
		{"too long", append([]byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, make([]byte, 126)...), 0, "", ""},
		{"text", []byte{0x81, 0x80, 0, 0, 0, 0}, 0, "", ""},
		{"close", []byte{0x88, 0x80, 0, 0, 0, 0}, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := bytes.Clone(c.in)
			opcode, payload, rest := cutControl(c.in)
			if opcode != c.opcode || string(payload) != c.payload {
				t.Errorf("opcode %x, payload %q", opcode, payload)
			}
			if opcode == 0 && !bytes.Equal(rest, was) {
				t.Errorf("%x was changed to %x", was, rest)
			}
			if opcode != 0 && string(rest) != c.rest {
				t.Errorf("rest %q", rest)
			}
		})
	}
}
