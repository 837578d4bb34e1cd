package shared

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/waystation/waystation/server/rest"
)

// SecondsAt is a time of a result in Unix seconds; 0 = none.
type SecondsAt int64

// UnmarshalJSON reads an RFC 3339 time.
func (s *SecondsAt) UnmarshalJSON(raw []byte) error {
	at, err := timeIn(raw)
	if err == nil && !at.IsZero() {
		*s = SecondsAt(at.Unix())
	}
	return err
}

// secondsText and microsText are times of results as texts, in Unix seconds and microseconds.
type (
	secondsText string
	microsText  string
)

// UnmarshalJSON reads an RFC 3339 time.
func (t *secondsText) UnmarshalJSON(raw []byte) error {
	at, err := timeIn(raw)
	if err == nil && !at.IsZero() {
		*t = secondsText(strconv.FormatInt(at.Unix(), 10))
	}
	return err
}

// UnmarshalJSON reads an RFC 3339 time.
func (t *microsText) UnmarshalJSON(raw []byte) error {
	at, err := timeIn(raw)
	if err == nil && !at.IsZero() {
		*t = microsText(strconv.FormatInt(at.UnixMicro(), 10))
	}
	return err
}

func timeIn(raw []byte) (at time.Time, err error) {
	if err = json.Unmarshal(raw, &at); err != nil {
		return at, fmt.Errorf("time: %w", err)
	}
	return at, nil
}

// UnixMillis is a time in Unix milliseconds.
type UnixMillis int64

// ToParam implements rest.Converter.
func (m UnixMillis) ToParam(field string) (any, error) {
	const lastMillisecond = 253402300799999 // of the year 9999
	if m < 0 || m > lastMillisecond {
		return nil, rest.Bad(field, "", "must be Unix milliseconds")
	}
	return time.UnixMilli(int64(m)).UTC(), nil
}
