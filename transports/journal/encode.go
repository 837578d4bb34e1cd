package journal

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Body is the event as clients receive it: an object of session, offset, id, type, time, origin and data on one line. The journal encodes it once,
// for all receivers: do not change the bytes.
func (e *Event) Body() []byte {
	if e.body == nil { // constructed without the journal, as tests do
		return appendBody(nil, e)
	}
	return e.body
}

// envelopeBytes is the size of an encoded event without its strings and data.
const envelopeBytes = len(`{"session":"","offset":18446744073709551615,"id":"","type":"","time":"2006-01-02T15:04:05.000Z","origin":"","data":}`)

// encode sets the body. Data becomes a slice of it, so that memory holds it once.
func (e *Event) encode() {
	size := envelopeBytes + len(e.Session) + len(e.ID) + len(e.Type) + len(e.Origin) + len(e.Data)
	e.body = appendBody(make([]byte, 0, size), e)
	end := len(e.body) - 1
	e.Data = json.RawMessage(e.body[end-len(e.Data) : end : end])
}

// timeForm has fixed width, so that times sort as text too.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

func appendBody(b []byte, e *Event) []byte {
	b = append(b, `{"session":`...)
	b = appendString(b, e.Session)
	b = append(b, `,"offset":`...)
	b = strconv.AppendUint(b, e.Offset, 10)
	b = append(b, `,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"type":`...)
	b = appendString(b, e.Type)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, timeForm)
	b = append(b, `","origin":`...)
	b = appendString(b, e.Origin)
	b = append(b, `,"data":`...)
	b = append(b, e.Data...)
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c < 0x20 || c == '"' || c == '\\' {
			b = append(b, s[from:i]...)
			if c < 0x20 {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			} else {
				b = append(b, '\\', c)
			}
			from = i + 1
		}
		i++
	}
	return append(append(b, s[from:]...), '"')
}
