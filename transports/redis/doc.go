// Package redis delivers events to Redis: to streams (XADD, trimmed to a length) and to channels (PUBLISH).
//
// It owns the configuration, the addresses of the four forms (single, TLS, Sentinel, Cluster), the form of an entry and
// what an answer means. Entries have plain fields that any language reads with XREAD: id, session, offset, type, time,
// payload, and replay for those sent once more. A channel gets the payload alone. A stream keeps order and what nobody has
// read yet; a channel reaches those who listen at that moment.
//
// Rates come from pipelines over all lanes: what waits while one is under way goes out with the next. Several events of a
// lane are a transaction (MULTI), so that a server which takes no writes for a moment leaves none out in the middle; a
// cluster gets them one by one, as their streams may be on several servers. The publisher of watermill-redisstream makes a
// round trip, and takes a connection, for each message (28,000 to 42,000 a second with 50 lanes, where this sink had 28,000
// to 86,000 in the same run) and knows no channels; that is why go-redis is used directly.
//
// A pipeline is sent once: go-redis repeats nothing, since the dispatcher repeats what had no answer, in its order.
//
// Redis copies to replicas after it has answered. When a master dies and Sentinel, or the cluster, puts a replica in its
// place, what it had answered and not copied is gone, though it counted as delivered; min-replicas-to-write makes that less,
// and Config.Replicas (WAIT), with as many replicas to spare as may die, rules it out as long as the replica that takes over
// is one that had answered. Clusters have no such way here. Everything else of a failover is a matter of time: READONLY,
// MASTERDOWN, NOREPLICAS, CLUSTERDOWN and refused connections hold events, and cost no attempts.
//
// A missing right (NOPERM) holds the events of the streams and channels that it is missing for, until it is given.
//
// It must not know WhatsApp or JSON-RPC. Enter at Open.
package redis
