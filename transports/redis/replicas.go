package redis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// tooFew reports that the required replicas do not have the written data.
type tooFew struct{ have, want int64 }

func (f *tooFew) Error() string {
	return fmt.Sprintf("redis has the events, and %d of %d replicas that must have them too", f.have, f.want)
}

// requireReplicas appends a WAIT to a pipeline: whether enough replicas have the preceding writes. The result is available when the pipeline has been sent.
func (s *Sink) requireReplicas(ctx context.Context, pipe redis.Pipeliner) func() error {
	want := int64(s.cfg.Replicas)
	if want == 0 {
		return func() error { return nil }
	}
	answer := pipe.Do(ctx, "WAIT", want, (s.cfg.Timeout / 2).Milliseconds())
	return func() error {
		have, err := answer.Int64()
		if err == nil && have < want {
			err = &tooFew{have, want}
		}
		return err
	}
}
