// Package redis delivers events to Redis: to streams (XADD, trimmed to a length) and to channels (PUBLISH).
//
// It owns the configuration, the addresses of the four forms (single, TLS, Sentinel, Cluster), the format of an entry and the classification of
// replies. Entries have plain fields that any language reads with XREAD: id, session, offset, type, time, payload, and replay for those sent once
// more. A channel receives the payload alone. A stream keeps order and unread entries; a channel reaches the current subscribers only.
//
// Throughput comes from pipelines over all lanes: commands queued during one pipeline are sent with the next. Several events of a lane are a
// transaction (MULTI), so that a server that rejects writes for a moment leaves no gap in the middle; a cluster receives them one by one, as their
// streams may be on several servers. The publisher of watermill-redisstream makes a round trip, and uses a connection, for each message (28,000 to
// 42,000 a second with 50 lanes, where this sink had 28,000 to 86,000 in the same run) and supports no channels; therefore go-redis is used directly.
//
// A pipeline is sent once: go-redis retries are off, since the dispatcher repeats unanswered deliveries, in their order.
//
// Redis replicates after it has replied. When a master fails and Sentinel, or the cluster, promotes a replica, writes that were acknowledged but not
// replicated are lost, though they counted as delivered; min-replicas-to-write reduces the loss, and Config.Replicas (WAIT), with as many spare
// replicas as may fail, excludes it as long as the promoted replica is one that had acknowledged. Clusters have no such option here. All other
// effects of a failover are temporary: READONLY, MASTERDOWN, NOREPLICAS, CLUSTERDOWN and refused connections hold events, and use no attempts.
//
// A missing right (NOPERM) holds the events of the streams and channels that need it, until it is granted.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package redis
