package consumer

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/transports/kit/database"
	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

// BenchmarkAdvance is an acknowledgement, with the writing that happens beside it: 100 consumers of 10 sessions each.
func BenchmarkAdvance(b *testing.B) {
	db, err := database.Open(b.Context(), filepath.Join(b.TempDir(), "consumer.db"), database.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s, err := Open(b.Context(), db, Config{})
	if err != nil {
		b.Fatal(err)
	}
	var places [1000]cursorKey
	for i := range places {
		places[i] = cursorKey{ID{"admin", fmt.Sprint("c", i/10)}, fmt.Sprint("s", i%10)}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p := &places[n%len(places)]
		s.Advance(p.ID, p.session, Position{"a", uint64(n)})
		n++
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFlush is one commit of 1000 cursors that moved.
func BenchmarkFlush(b *testing.B) {
	for name, address := range map[string]string{"sqlite": filepath.Join(b.TempDir(), "consumer.db"), "postgres": dbtest.Postgres(b)} {
		b.Run(name, func(b *testing.B) {
			db, err := database.Open(b.Context(), address, database.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			s, err := Open(b.Context(), db, neverByItself)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close(b.Context())
			offset := uint64(0)
			for b.Loop() {
				offset++
				for i := range 999 { // one more would write by itself
					s.Advance(ID{"admin", fmt.Sprint("c", i/10)}, fmt.Sprint("s", i%10), Position{"a", offset})
				}
				if err := s.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
