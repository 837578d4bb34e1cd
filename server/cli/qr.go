package cli

import (
	"io"
	"os"
	"strings"

	"rsc.io/qr"
)

// quietZone is the white border around a code, in modules. The standard requires 4; phones accept 2, and a wider code
// would not fit in 80 columns.
const quietZone = 2

// drawQR renders text as a QR code of half blocks, two modules in one character. With colours it is black on white on
// every terminal; without them it has the right polarity on a dark one.
func drawQR(text string, colours bool) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		if colours {
			b.WriteString("\x1b[38;5;16;48;5;231m")
		}
		for x := -quietZone; x < code.Size+quietZone; x++ {
			top, bottom := code.Black(x, y), code.Black(x, y+1)
			if !colours {
				top, bottom = !top, !bottom
			}
			switch {
			case top && bottom:
				b.WriteRune('█')
			case top:
				b.WriteRune('▀')
			case bottom:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		if colours {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// wantsColours reports whether control sequences may be written to w.
func wantsColours(w io.Writer, environ []string) bool {
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); name == "NO_COLOR" && value != "" {
			return false
		}
	}
	return isTerminal(w)
}
