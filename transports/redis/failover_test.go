package redis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waystation/waystation/transports/brokertest"
)

// The master of a Sentinel setup is killed while events flow, a moment after its replicas fell behind: one of them is promoted, each session's events
// continue in order, and none is missing, because unreplicated events did not count as delivered.
func TestSentinelFailover(t *testing.T) {
	const sessions, each = 5, 400
	master := brokertest.Redis(t, brokertest.RedisOptions{})
	replicas := []*brokertest.RedisServer{brokertest.Replica(t, master), brokertest.Replica(t, master)}
	sentinel := brokertest.Sentinel(t, master, len(replicas))
	s := open(t, Config{URL: "redis+sentinel://" + sentinel.Addr() + "/main", Replicas: 1, Timeout: 500 * time.Millisecond})
	run := brokertest.NewRun(t, s, sessions)
	run.Append(each/2, 50)
	brokertest.Eventually(t, "deliveries", func() bool { return run.Stats()[0].Delivered > sessions*each/8 })
	for _, r := range replicas {
		r.Freeze()
	}
	brokertest.Eventually(t, "events that no replica has", func() bool { return strings.Contains(s.Stats().LastError, "0 of 1 replicas") })
	master.Kill()
	for _, r := range replicas {
		r.Thaw()
	}
	run.Append(each/2, 50)
	run.Await(sessions * each)
	var next *brokertest.RedisServer
	for _, r := range replicas {
		if strings.Contains(reader(t, r).Info(t.Context(), "replication").Val(), "role:master") {
			next = r
		}
	}
	if next == nil {
		t.Fatal("no replica has become the master")
	}
	var ledger brokertest.Ledger
	follow(t, reader(t, next), sessions, &ledger, func() bool { return ledger.Total() >= sessions*each })
	t.Logf("%d events, %d came twice; failures %v", sessions*each, ledger.Check(t, sessions, each), run.Stats()[0].Failures)
}

// A master of a cluster is killed while events flow: its sessions' events wait for the promoted replica, those of the others do not, and each
// session's continue in order. (Here the replica has all the data of the master.)
func TestClusterFailover(t *testing.T) {
	const sessions, each = 12, 200
	nodes := brokertest.Cluster(t, 3, 1)
	s := open(t, Config{URL: "redis+cluster://" + nodes[1].Addr() + "," + nodes[2].Addr(), Timeout: time.Second})
	run := brokertest.NewRun(t, s, sessions)
	run.Append(each/2, 50)
	run.Await(sessions * each / 2)
	nodes[0].InStep(t, nodes[3])
	nodes[0].Kill()
	run.Append(each/2, 50)
	run.Await(sessions * each)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[3].Addr()}, DisableIdentity: true})
	defer client.Close()
	var ledger brokertest.Ledger
	for i := range sessions {
		entries, err := client.XRange(t.Context(), fmt.Sprintf("waystation:session-%d", i), "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for n := range entries {
			enter(&ledger, &entries[n])
		}
	}
	t.Logf("%d events, %d came twice; failures %v", sessions*each, ledger.Check(t, sessions, each), run.Stats()[0].Failures)
}

// Events wait while there are fewer replicas than asked for, and a replica that was taken for the master is no dead end:
// whether it says READONLY or, later, takes writes.
func TestReplicasMissing(t *testing.T) {
	const each = 10
	master := brokertest.Redis(t, brokertest.RedisOptions{})
	for name, c := range map[string]struct {
		cfg  func(at *brokertest.RedisServer) Config
		text string
		mend func(t *testing.T, at *brokertest.RedisServer)
	}{
		"few": {
			func(at *brokertest.RedisServer) Config {
				return Config{URL: at.URL(), Replicas: 1, Timeout: 200 * time.Millisecond}
			}, "0 of 1 replicas",
			func(t *testing.T, at *brokertest.RedisServer) { brokertest.Replica(t, at) },
		},
		"by the server": {
			func(at *brokertest.RedisServer) Config {
				at.Do(t, "CONFIG SET min-replicas-to-write 1")
				return Config{URL: at.URL()}
			}, "NOREPLICAS",
			func(t *testing.T, at *brokertest.RedisServer) { brokertest.Replica(t, at) },
		},
		"a replica": {
			func(at *brokertest.RedisServer) Config {
				at.Do(t, "REPLICAOF "+strings.ReplaceAll(master.Addr(), ":", " "))
				return Config{URL: at.URL()}
			}, "READONLY",
			func(t *testing.T, at *brokertest.RedisServer) { at.Do(t, "REPLICAOF NO ONE") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := brokertest.Redis(t, brokertest.RedisOptions{})
			s := open(t, c.cfg(server))
			run := brokertest.NewRun(t, s, 1)
			run.Append(each, 50)
			brokertest.Eventually(t, "an error", func() bool { return strings.Contains(s.Stats().LastError, c.text) && run.Stats()[0].OpenBreakers == 1 })
			c.mend(t, server)
			run.Await(each)
			entries := reader(t, server).XRange(t.Context(), "waystation:session-0", "-", "+").Val()
			var ledger brokertest.Ledger
			for i := range entries {
				enter(&ledger, &entries[i])
			}
			ledger.Check(t, 1, each)
		})
	}
}
