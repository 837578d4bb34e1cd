package cli

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// longest is the longest text of a pairing code.
var longest = "https://wa.me/settings/linked_devices#2@" + strings.Repeat("x", 220) + ",1"

// readQR converts the output of drawQR back into modules; dark on light, or inverse.
func readQR(t *testing.T, picture string, inverse bool) [][]bool {
	t.Helper()
	var rows [][]bool
	for line := range strings.Lines(picture) {
		line = strings.TrimSuffix(line, "\n")
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[38;5;16;48;5;231m"), "\x1b[0m")
		var top, bottom []bool
		for _, r := range line {
			switch r {
			case '█':
				top, bottom = append(top, !inverse), append(bottom, !inverse)
			case '▀':
				top, bottom = append(top, !inverse), append(bottom, inverse)
			case '▄':
				top, bottom = append(top, inverse), append(bottom, !inverse)
			case ' ':
				top, bottom = append(top, inverse), append(bottom, inverse)
			default:
				t.Fatalf("unexpected %q", r)
			}
		}
		rows = append(rows, top, bottom)
	}
	return rows
}

func TestDrawQR(t *testing.T) {
	for _, text := range []string{"hello", longest} {
		want, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, colours := range []bool{true, false} {
			picture, err := drawQR(text, colours)
			if err != nil {
				t.Fatal(err)
			}
			rows := readQR(t, picture, !colours)
			for y := range want.Size {
				for x := range want.Size {
					if rows[y+quietZone][x+quietZone] != want.Black(x, y) {
						t.Fatalf("module %d,%d is wrong, colours %v", x, y, colours)
					}
				}
			}
			for i := range quietZone {
				for x := range rows[i] {
					if rows[i][x] || rows[x][i] {
						t.Fatal("the border is not quiet")
					}
				}
			}
			if width := len(rows[0]); width > 79 {
				t.Errorf("%d columns do not fit in a terminal of 80", width)
			}
		}
	}
	if _, err := drawQR(strings.Repeat("x", 5000), false); err == nil {
		t.Error("too much text was drawn")
	}
}
