package digigo

import "testing"

// A time comes back as it was given, although it is kept in seconds.
func TestMilliseconds(t *testing.T) {
	for ms := range 5000 {
		if got := milliseconds(float64(ms) / 1000); got != ms {
			t.Fatalf("%d ms came back as %d", ms, got)
		}
	}
}
