package shared

import "time"

// ListReply is the limit of the size of a page of messages or deliveries: at most 1000 of some KiB each.
const ListReply = 16 << 20

// Optional returns a pointer to v, or nil for the zero value, which results show as null.
func Optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// OptionalTime returns a pointer to t in UTC, or nil for the zero time.
func OptionalTime(t time.Time) *time.Time {
	return Optional(t.UTC())
}

// TimeOrZero returns the time that t points to, or the zero time.
func TimeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
