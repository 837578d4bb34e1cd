package redis

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/broker"
	"github.com/waystation/waystation/transports/brokertest"
)

// An error of Redis that is independent of the event holds the event without using attempts; the text gives the reason, and contains neither the
// event nor addresses.
func TestAnswers(t *testing.T) {
	plain := func(t *testing.T, args ...string) *brokertest.RedisServer {
		return brokertest.Redis(t, brokertest.RedisOptions{Args: args})
	}
	for name, c := range map[string]struct {
		setup         func(t *testing.T) Config
		outcome, text string
		reason        broker.Reason
	}{
		"busy": {func(t *testing.T) Config {
			s := plain(t, "--lua-time-limit", "1")
			occupy(t, s)
			return Config{URL: s.URL()}
		}, "unreachable", "busy with a script", broker.ReasonNotReady},
		"replica asked for copies": {func(t *testing.T) Config {
			return Config{URL: brokertest.Replica(t, plain(t)).URL(), Replicas: 1}
		}, "unreachable", "replica that takes no writes", broker.ReasonNotReady},
		"no database": {func(t *testing.T) Config { return Config{URL: "redis://" + plain(t).Addr() + "/99"} }, "unreachable", "no database", broker.ReasonMissing},
		"no cluster": {func(t *testing.T) Config {
			return Config{URL: strings.Replace(plain(t).URL(), "redis:", "redis+cluster:", 1)}
		}, "unreachable", "no cluster", broker.ReasonRefused},
		"no master of the name": {func(t *testing.T) Config {
			return Config{URL: "redis+sentinel://" + brokertest.Sentinel(t, plain(t), 0).Addr() + "/other"}
		}, "unreachable", "no master of this name", broker.ReasonMissing},
		"no streams": {func(t *testing.T) Config { return Config{URL: plain(t, "--rename-command", "XADD", "").URL()} }, "refused", "no such command", broker.ReasonRefused},
		"no channels": {func(t *testing.T) Config {
			return Config{URL: plain(t, "--rename-command", "PUBLISH", "").URL(), Channel: "c"}
		}, "refused", "no such command", broker.ReasonRefused},
		"one node of a cluster": {func(t *testing.T) Config {
			return Config{URL: elsewhere(t, brokertest.Cluster(t, 3, 0)), Stream: "a"}
		}, "refused", "redis+cluster:// finds it", broker.ReasonRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c.setup(t))
			err := s.deliver(t, event("shop", 1))
			if brokertest.Meaning(err) != c.outcome || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", brokertest.Meaning(err), err)
			}
			if strings.Contains(err.Error(), "shop") || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the error repeats the event or an address: %v", err)
			}
			if st := s.Stats(); st.Reason != c.reason {
				t.Errorf("%+v", st)
			}
		})
	}
}

// occupy has a server run a script until the test ends.
func occupy(t *testing.T, server *brokertest.RedisServer) {
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), DisableIdentity: true, MaxRetries: -1, ReadTimeout: time.Minute})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Eval(context.Background(), "while true do end", nil).Err()
	}()
	admin := reader(t, server)
	brokertest.Eventually(t, "a busy server", func() bool { return redis.HasErrorPrefix(admin.Ping(context.Background()).Err(), "BUSY") })
	t.Cleanup(func() {
		_ = admin.ScriptKill(context.Background()).Err()
		<-ended
		_ = c.Close()
	})
}

// elsewhere is a node of a cluster that does not have the stream "a".
func elsewhere(t *testing.T, nodes []*brokertest.RedisServer) string {
	for _, n := range nodes {
		err := reader(t, n).XLen(t.Context(), "a").Err()
		if redis.HasErrorPrefix(err, "MOVED") && !strings.HasSuffix(err.Error(), ":"+strconv.Itoa(n.Port)) {
			return n.URL()
		}
	}
	t.Fatal("every node has it")
	return ""
}
