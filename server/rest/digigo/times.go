package digigo

import (
	"time"

	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

// secondsAt is a time of a result in Unix seconds; 0 = none.
type secondsAt = shared.SecondsAt

// unixMillis is a time of a request in Unix milliseconds.
type unixMillis = shared.UnixMillis

// unixSeconds is a time of a request in Unix seconds.
type unixSeconds int64

// ToParam implements rest.Converter.
func (s unixSeconds) ToParam(field string) (any, error) {
	at := time.Unix(int64(s), 0).UTC()
	if s <= 0 || at.Year() > 9999 {
		return nil, rest.Bad(field, "", "must be Unix seconds")
	}
	return at, nil
}
