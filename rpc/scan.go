package rpc

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// errTooDeep is checkJSON's answer to nesting beyond the limit.
var errTooDeep = errors.New("nested too deeply")

// syntaxError is checkJSON's answer to bytes that are not JSON.
type syntaxError struct {
	offset  int
	problem string
}

func (e *syntaxError) Error() string {
	return e.problem + " at byte " + strconv.Itoa(e.offset)
}

// checkJSON reports whether b is exactly one JSON value in UTF-8, nested at most maxDepth deep. The other functions of
// this file take only JSON that passed it.
func checkJSON(b []byte, maxDepth int) error {
	if !utf8.Valid(b) {
		return &syntaxError{0, "invalid UTF-8"}
	}
	i, err := checkValue(b, skipSpace(b, 0), maxDepth)
	if err != nil {
		return err
	}
	if i = skipSpace(b, i); i != len(b) {
		return &syntaxError{i, "unexpected data after the value"}
	}
	return nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// checkValue checks the value that starts at i and returns where it ends.
func checkValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, &syntaxError{i, "unexpected end"}
	}
	switch c := b[i]; {
	case c == '{':
		return checkMembers(b, i, depth)
	case c == '[':
		return checkElements(b, i, depth)
	case c == '"':
		return checkString(b, i)
	case c == '-' || c >= '0' && c <= '9':
		return checkNumber(b, i)
	case c == 't':
		return checkWord(b, i, "true")
	case c == 'f':
		return checkWord(b, i, "false")
	case c == 'n':
		return checkWord(b, i, "null")
	}
	return i, &syntaxError{i, "unexpected character"}
}

func checkWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, &syntaxError{i, "unexpected character"}
	}
	return i + len(word), nil
}

func checkMembers(b []byte, i, depth int) (int, error) {
	if depth <= 0 {
		return i, errTooDeep
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return i, &syntaxError{i, "expected a member name"}
		}
		var err error
		if i, err = checkString(b, i); err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return i, &syntaxError{i, "expected a colon"}
		}
		if i, err = checkValue(b, skipSpace(b, i+1), depth-1); err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, &syntaxError{i, "unexpected end"}
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return i, &syntaxError{i, "expected a comma or closing brace"}
		}
	}
}

func checkElements(b []byte, i, depth int) (int, error) {
	if depth <= 0 {
		return i, errTooDeep
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = checkValue(b, i, depth-1); err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, &syntaxError{i, "unexpected end"}
		}
		switch b[i] {
		case ']':
			return i + 1, nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return i, &syntaxError{i, "expected a comma or closing bracket"}
		}
	}
}

func checkString(b []byte, i int) (int, error) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < 0x20:
			return i, &syntaxError{i, "control character in a string"}
		case c == '\\':
			i++
			if i >= len(b) {
				return i, &syntaxError{i, "unexpected end"}
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					i++
					if i >= len(b) || !isHex(b[i]) {
						return i, &syntaxError{i, "bad escape in a string"}
					}
				}
			default:
				return i, &syntaxError{i, "bad escape in a string"}
			}
		}
	}
	return i, &syntaxError{i, "unexpected end"}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func checkNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case !digits():
		return i, &syntaxError{i, "bad number"}
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return i, &syntaxError{i, "bad number"}
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, &syntaxError{i, "bad number"}
		}
	}
	return i, nil
}

// skipValue returns where the value that starts at i ends.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// eachMember calls f for each member of the object b, in order, until f returns false.
func eachMember(b []byte, f func(name string, value []byte) bool) {
	i := skipSpace(b, skipSpace(b, 0)+1)
	for b[i] != '}' {
		end := skipString(b, i)
		name := unquote(b[i:end])
		i = skipSpace(b, skipSpace(b, end)+1)
		end = skipValue(b, i)
		if !f(name, b[i:end:end]) {
			return
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// eachElement calls f for each element of the array b, in order, until f returns false.
func eachElement(b []byte, f func(index int, value []byte) bool) {
	i := skipSpace(b, skipSpace(b, 0)+1)
	for n := 0; b[i] != ']'; n++ {
		end := skipValue(b, i)
		if !f(n, b[i:end:end]) {
			return
		}
		if i = skipSpace(b, end); b[i] == ',' {
			i = skipSpace(b, i+1)
		}
	}
}

// unquote decodes a JSON string.
func unquote(b []byte) string {
	for _, c := range b {
		if c == '\\' {
			var s string
			_ = json.Unmarshal(b, &s) // was checked
			return s
		}
	}
	return string(b[1 : len(b)-1])
}
